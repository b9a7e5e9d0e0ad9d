"""What the documents say about the code stays true."""

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.app import app
from local import errors_page
from local.settings_page import page
from tests.documents import EVERY, PAGES, ROOT, Command, apart, blocks, named

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_settings_page_is_the_settings() -> None:
    """Renew it with `python -m local.settings_page > docs/settings.md`."""
    assert (ROOT / "docs/settings.md").read_text() == page()


def test_the_errors_page_is_the_errors() -> None:
    """Renew it with `python -m local.errors_page > docs/errors.md`."""
    assert (ROOT / "docs/errors.md").read_text() == errors_page.page()


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "terraform/README.md"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_make_targets_and_links_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", text):
        page = document.parent / link if link else document
        assert page.exists(), link
        assert not anchor or anchor in anchors(page), f"{link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


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
    limits = (ROOT / "docs/limits.md").read_text()
    for lost in ("`Expires`", "`x-amz-missing-meta`", "ACLs and tags", "A change of metadata alone"):
        assert lost in limits, lost


PARSED = [command for command in EVERY if command.tool == "bucket-transfer"]
PARSED += [
    Command(name, line)
    for name in ("CONTRIBUTING.md", "CHANGELOG.md")
    for line in re.findall(r"`(bucket-transfer [^`\n]+)`", (ROOT / name).read_text())
]


@pytest.mark.parametrize("command", PARSED, ids=lambda command: f"{command.page}: {command.line}")
def test_what_a_person_is_told_to_type_is_a_command(command: Command) -> None:
    """tests/e2e/test_docs_commands.py types it."""
    tool = get_command(app)
    name, *arguments = command.arguments
    if name.startswith("--"):
        assert name in {option for parameter in tool.params for option in parameter.opts}
        return
    assert name in tool.commands, command.line  # type: ignore[attr-defined]
    tool.commands[name].make_context(name, list(arguments))  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", [item for item in EVERY if item.tool == "make"], ids=lambda item: item.line)
def test_a_target_takes_the_variables_that_it_is_given(command: Command) -> None:
    target, *given = command.arguments
    made = re.search(rf"^{target}:.*?(?=^\S|\Z)", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert made is not None, command.line
    for name in (word.partition("=")[0] for word in given):
        assert f"$({name})" in made[0], name


GCLOUD = [item for item in EVERY if item.tool == "gcloud"] + [item for page in PAGES for item in named(page)]


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="there is no gcloud here to ask for its flags")
@pytest.mark.parametrize("command", GCLOUD, ids=lambda item: item.line)
def test_gcloud_has_the_command_and_its_flags(command: Command) -> None:
    at, known, words = gcloud_tree(), set[str](), list(command.arguments)
    known |= at["flags"].keys()
    while words and words[0] in at.get("commands", {}):
        at = at["commands"][words.pop(0)]
        known |= at.get("flags", {}).keys()
    assert not at.get("commands"), f"{command.line}: {words[0] if words else 'nothing'} is no command of this group"
    for flag in (word.partition("=")[0] for word in words if word.startswith("-")):
        assert flag in known, flag


@cache
def gcloud_tree() -> dict[str, Any]:
    """Commands and flags, from what the SDK completes in a shell."""
    place = Path(shutil.which("gcloud") or "").resolve().parents[1] / "data" / "cli" / "gcloud_completions.py"
    _, _, tree = place.read_text().partition("STATIC_COMPLETION_CLI_TREE = ")
    found: dict[str, Any] = ast.literal_eval(tree.strip())
    return found


@pytest.mark.skipif(shutil.which("terraform") is None, reason="there is no terraform here to ask for its flags")
@pytest.mark.parametrize("command", [item for item in EVERY if item.tool == "terraform"], ids=lambda item: item.line)
def test_terraform_has_the_command_and_its_flags(command: Command) -> None:
    place, name, *words = command.arguments
    assert place == "-chdir=terraform"
    asked = [name, words.pop(0)] if name == "state" else [name]
    told = " ".join(
        terraform_help(*some) for some in (asked, ["plan"]) if some == asked or name in ("apply", "destroy")
    )
    for word in words:
        flag, _, value = word.partition("=")
        assert not word.startswith("-") or re.search(rf"^  {re.escape(flag)}[ =]", told, re.MULTILINE), word
        assert flag != "-var-file" or value == "../mine.tfvars"


@cache
def terraform_help(*command: str) -> str:
    """What it says of a command. Raises CalledProcessError if there is none."""
    done = subprocess.run(["terraform", *command, "-help"], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_the_page_of_the_tool_has_every_command_and_an_example_of_each() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    shown = {command.arguments[0] for command in EVERY if command.page == "docs/cli.md"}
    names = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == names
    assert names <= shown


def test_a_command_is_found_wherever_it_stands() -> None:
    shown = "  ```\n  X=1 gcloud a \\\n    b   # c\n  .venv/bin/bucket-transfer d && bucket-transfer e\n  ```\n"
    assert list(blocks(shown)) == [["X=1 gcloud a b", ".venv/bin/bucket-transfer d && bucket-transfer e"]]
    assert [item.arguments for item in apart(Command("", "X=1 gcloud a b && aws c"))] == [["a", "b"], ["c"]]
    assert not list(blocks("```\nfirst run: 3,000 listed\n```\n```hcl\nmake = 1\n```\n"))
    with pytest.raises(ValueError, match="and none: 'rm -rf build'"):
        list(blocks("```\nmake demo\nrm -rf build\n```\n"))


ALERTS = re.findall(
    r'^      title = "([^"]+)"', (ROOT / "terraform/modules/job/monitoring.tf").read_text(), re.MULTILINE
)


def test_each_alert_has_a_section_of_its_own_that_says_what_to_type() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    _, _, rest = text.partition("## When an alert fires\n")
    sections = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", rest, re.MULTILINE | re.DOTALL))
    assert {title.lower() for title in sections} == set(ALERTS)
    assert f"{('six', 'seven', 'eight', 'nine', 'ten')[len(ALERTS) - 6].capitalize()} alerts are made" in text
    for title, section in sections.items():
        assert "**Means**" in section, title
        assert "**Type**" in section, title
