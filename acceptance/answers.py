"""Questions, and what can be answered to them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from acceptance.trial import Trial


class Verdict(StrEnum):
    """What an answer means. Not asked is no answer: neither good nor bad."""

    GOOD = "good"
    BAD = "bad"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Answer:
    """text: a sentence. details: what exactly was seen, by what was looked at."""

    verdict: Verdict
    text: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """why: what depends on it. how: how it is asked. if_bad: what to change then."""

    name: str
    why: str
    how: str
    if_bad: str
    ask: Callable[[Trial], Awaitable[Answer]]


def judged(good: bool, text: str, details: dict[str, str] | None = None) -> Answer:
    """An answer that was heard."""
    return Answer(Verdict.GOOD if good else Verdict.BAD, text, details or {})


def not_asked(why: str, details: dict[str, str] | None = None) -> Answer:
    """No answer, and the reason."""
    return Answer(Verdict.NOT_ASKED, f"not asked here: {why}", details or {})
