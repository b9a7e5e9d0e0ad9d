"""What the documents say of the acceptance is what it does."""

import re

from acceptance.cases import cases
from acceptance.questions import QUESTIONS
from local.children import ROOT
from shared.domain.archive import ARCHIVE_CLASSES
from shared.domain.keys import unsupported_reason
from shared.settings import Settings
from tests.world import SETTINGS

PAGE = (ROOT / "docs" / "acceptance.md").read_text()
LIMITS = (ROOT / "docs" / "limits.md").read_text()
WORDS = {11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen"}
PREFIX = "acceptance-20261128-120000-abcdef/"


def test_so_many_questions() -> None:
    rows = re.findall(r"^\| ([A-Z][^|?]+\?) \|", PAGE, re.MULTILINE)
    assert len(rows) == len(QUESTIONS)
    assert f"asks {WORDS[len(QUESTIONS)]} questions" in " ".join(PAGE.split())
    assert f"asks {WORDS[len(QUESTIONS)]} questions" in " ".join(LIMITS.split())


def test_so_many_objects() -> None:
    text, written = " ".join(PAGE.split()), list(cases(Settings(**SETTINGS), PREFIX))
    more = list(cases(Settings(**{**SETTINGS, "large_bytes": 16777216, "part_bytes": 8388608}), PREFIX))
    assert "large_bytes = 16777216, part_bytes = 8388608" in text
    assert f"writes {len(written)} objects" in text
    assert f"{len(more)}rd object, copied in parts" in text
    before, after = (round(sum(case.size for case in some) / 1e6) for some in (written, more))
    assert f"{before} MB are written, {after} MB with the {len(more)}rd object" in text
    keys = [case for case in written if case.name.startswith("key/")]
    refused = [case for case in keys if unsupported_reason((PREFIX + case.name).encode())]
    assert len(refused) == 2
    assert f"{len(keys)} awkward keys, two of which Cloud Storage refuses" in text
    assert len(ARCHIVE_CLASSES) == 2, "the last two must end as archived"


def test_what_the_limits_call_a_question_is_one() -> None:
    asked = re.findall(r"acceptance: ([^|;]+?) *[|;]", LIMITS)
    assert len(asked) > 8
    names = {question.name for question in QUESTIONS} | {"the edge keeps no errors, no objects"}
    assert set(asked) <= names
