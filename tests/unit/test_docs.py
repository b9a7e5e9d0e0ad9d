"""What the documents say about the code stays true."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from cli.app import app
from local import errors_page
from local.settings_page import page

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_settings_page_is_the_settings() -> None:
    """Renew it with `python -m local.settings_page > docs/settings.md`."""
    assert (ROOT / "docs/settings.md").read_text() == page()


def test_the_errors_page_is_the_errors() -> None:
    """Renew it with `python -m local.errors_page > docs/errors.md`."""
    assert (ROOT / "docs/errors.md").read_text() == errors_page.page()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_links_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / link).exists(), link


def test_the_laws_name_tests_that_exist() -> None:
    text = (ROOT / "docs/design.md").read_text()
    for path, name in re.findall(r"`(\w+/test_\w+\.py)::(\w+)`", text):
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(), name


def test_every_function_s_requirements_are_the_shared_ones() -> None:
    for name in ("lister", "transfer", "verifier"):
        given = ROOT / "functions" / name / "requirements.txt"
        assert given.read_text() == (ROOT / "requirements.lock").read_text()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_prose_wraps(document: Path) -> None:
    code = False
    for line in document.read_text().splitlines():
        code ^= line.startswith("```")
        assert code or line.startswith(("|", "```")) or "](" in line or len(line) <= 120, line


def test_what_is_not_carried_is_said() -> None:
    limits = (ROOT / "README.md").read_text()
    for lost in ("`Expires`", "`x-amz-missing-meta`", "ACLs and tags", "A change of metadata alone"):
        assert lost in limits, lost


def commands_of(text: str) -> list[str]:
    """What a text tells a person to type of the tool: in a block of code, or between backticks."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text)
    typed = (part.strip() for line in lines for part in line.partition(" #")[0].split("&&"))
    found = (re.fullmatch(r"(?:\.venv/bin/)?bucket-transfer (.+)", part) for part in typed)
    return [match[1] for match in found if match is not None]


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "terraform/README.md"], ids=lambda path: path.name)
def test_what_a_person_is_told_to_type_is_a_command(document: Path) -> None:
    tool = get_command(app)
    for command in commands_of(document.read_text()):
        name, *arguments = shlex.split(command)
        if name.startswith("--"):
            continue
        assert name in tool.commands, command  # type: ignore[attr-defined]
        tool.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def test_the_page_of_the_tool_has_every_command_and_an_example_of_each() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    shown = {command.split()[0] for command in commands_of(text)}
    names = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == names
    assert names <= shown


def test_a_command_that_there_is_not_would_be_found() -> None:
    assert commands_of(
        "```\n.venv/bin/bucket-transfer a b   # c\nbucket-transfer d && bucket-transfer e\n```\n`bucket-transfer f`"
    ) == [
        "a b",
        "d",
        "e",
        "f",
    ]
