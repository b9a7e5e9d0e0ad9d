"""What the documents tell a person to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "terraform" / "README.md"]
"""Those that show commands to whoever uses this; CONTRIBUTING and CHANGELOG only name them."""

TOOLS = frozenset({"aws", "bucket-transfer", "cp", "curl", "eval", "gcloud", "make", "openssl", "source", "terraform"})
"""What a block of commands may begin a line with."""

_BLOCK = re.compile(r"^( *)```(?:sh|bash)?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a shell, without what is said about it."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """Without the variables that it sets for itself."""
        words = shlex.split(self.line)
        while words and _ASSIGNMENT.match(words[0]):
            words = words[1:]
        return words

    @property
    def tool(self) -> str:
        return self.words[0].removeprefix(".venv/bin/")

    @property
    def arguments(self) -> list[str]:
        return self.words[1:]


def commands(page: Path) -> list[Command]:
    """Of all blocks of commands; of `bucket-transfer` also what stands between backticks, as in tables."""
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    found = [Command(name, line) for block in blocks(text) for line in block]
    found += [Command(name, line) for line in re.findall(r"`(bucket-transfer [^`\n]+)`", text)]
    return [command for whole in found for command in apart(whole)]


def blocks(text: str) -> Iterator[list[str]]:
    """The lines of each block that begins with a tool. Raises ValueError where one goes on with something else."""
    for indent, block in _BLOCK.findall(text):
        joined = re.sub(r" *\\\n *", " ", block)
        lines = [line.removeprefix(indent).partition(" #")[0].rstrip() for line in joined.splitlines()]
        lines = [line for line in lines if line.strip()]
        if not lines or not begins_with_a_tool(lines[0]):
            continue
        for line in lines:
            if not begins_with_a_tool(line):
                raise ValueError(f"in a block of commands, and none: {line!r}")
        yield lines


def begins_with_a_tool(line: str) -> bool:
    words = [word for word in line.split() if not _ASSIGNMENT.match(word)]
    return bool(words) and words[0].removeprefix(".venv/bin/") in TOOLS


def apart(command: Command) -> list[Command]:
    """Commands that are joined by && are commands of their own."""
    return [Command(command.page, part.strip()) for part in command.line.split(" && ")]


def named(page: Path) -> list[Command]:
    """What stands between backticks for gcloud: as an example, or with something left open."""
    name = page.relative_to(ROOT).as_posix()
    return [Command(name, line) for line in re.findall(r"`(gcloud [^`\n]+)`", page.read_text())]


EVERY = [command for page in PAGES for command in commands(page)]
"""All of them, in the order of the pages."""
