"""What the documents say about the code stays true."""

import re
from pathlib import Path

import pytest

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
