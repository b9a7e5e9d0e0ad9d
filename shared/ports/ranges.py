"""A range of keys as it is stored: who may work on it, and where it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Refusal(Enum):
    """Why a range may not be worked on."""

    HELD = "held by another invocation"
    DONE = "done already"


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to work on a range until its lease ends. until: its last key, None for the prefix's end.

    fences: where its rest was cut off; the pieces behind them were opened, but perhaps never sent.
    end: where the last of these pieces ends.
    """

    until: str | None
    fences: Sequence[str] = ()
    end: str | None = None


@dataclass(frozen=True, slots=True)
class RangeId:
    """One invocation's piece of a run: the stretch of a prefix that begins after `cursor`."""

    run: str
    prefix: str
    cursor: str


@dataclass(frozen=True, slots=True)
class OpenRange:
    """A range as it is opened, before its message is sent. message: what is sent, as JSON, to be sent again.

    until: its last key, None for the prefix's end.
    """

    piece: RangeId
    until: str | None
    message: bytes
