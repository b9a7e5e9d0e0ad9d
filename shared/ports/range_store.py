"""A range of keys as it is stored: who may work on it, and where it ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from shared.domain.counts import Counts, ManifestPart, RangeCounts
from shared.domain.keys import Key
from shared.domain.rollup import Rollup


class Refusal(Enum):
    """Why a range may not be worked on."""

    HELD = "held by another invocation"
    DONE = "done already"
    UNKNOWN = "not on record"
    OTHER = "on record for something else"


@dataclass(frozen=True, slots=True)
class RangeId:
    """One invocation's range of a run: the keys of a prefix after `cursor`."""

    run: str
    prefix: Key
    cursor: Key


@dataclass(frozen=True, slots=True)
class OpenRange:
    """A range as it is opened, before its message is sent. message: what is sent, as JSON, to be sent again.

    until: its last key, None for the prefix's end.
    """

    range_id: RangeId
    until: Key | None
    message: bytes


@dataclass(frozen=True, slots=True)
class HeldRange:
    """The right to work on a range until its lease ends. until: its last key, None for the prefix's end.

    split_points: where its rest was split off; the ranges behind them were opened, but perhaps never sent.
    end: where the last of these ranges ends. taken_over: another held it before. version: the token that the holder's
    next write must still match.
    """

    id: RangeId
    owner: str
    until: Key | None
    split_points: Sequence[Key] = ()
    end: Key | None = None
    version: object = field(default=None, compare=False)
    taken_over: bool = field(default=False, compare=False)


Agrees = Callable[[bytes], bool]
"""Whether what is wanted of a range agrees with the message that is on record for it."""


def always(recorded: bytes) -> bool:
    """Of whoever wants what is on record."""
    return True


class RangeStore(Protocol):
    """The ranges of all runs of one job: each key of a run lies in exactly one."""

    async def acquire(
        self, range_id: RangeId, owner: str, now: float, lease_seconds: float, agrees: Agrees = always
    ) -> HeldRange | Refusal:
        """Take a range for `lease_seconds`, unless it is not on record, is done, is on record with a message that does
        not agree, or another's lease still runs.
        """
        ...

    async def renew(self, held: HeldRange, now: float, lease_seconds: float) -> HeldRange:
        """Hold a range for `lease_seconds` more. Raises StateConflict, and changes nothing, if the range is not the
        holder's any more.
        """
        ...

    async def split(self, held: HeldRange, further: Sequence[OpenRange]) -> HeldRange:
        """Let a range end where the first of the further ones begins, and open these, all at once.

        Raises StateConflict, and changes nothing, if the range is not the holder's any more, or if one of the further
        ones exists.
        """
        ...

    async def complete(self, held: HeldRange, counts: RangeCounts, now: float) -> None:
        """Close a range with its counts. Raises StateConflict, and changes nothing, if the range is not the holder's
        any more.
        """
        ...

    async def give_up(self, opened: OpenRange, why: str, now: float) -> None:
        """Write down a range that is not on record as closed, with nothing in it, and stopped: it fills no gap. One
        that is on record stays as it is.
        """
        ...

    async def messages(self, run: str) -> list[bytes]:
        """The messages of a run's open ranges, to be sent again."""
        ...

    async def let_expire(self, run: str, now: float) -> None:
        """Let what is open of a run that has timed out be taken away one day: nobody works on it any more, and if
        somebody does, it stays. now: epoch seconds.
        """
        ...

    async def is_open(self, run: str) -> bool:
        """Whether a run has open ranges."""
        ...

    async def listed(self, run: str) -> Counts:
        """What a run has listed so far: one sum, where a run's summary needs two dozen."""
        ...

    async def rollup(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        """What a run found in each folder, and the files of its manifest, over all its ranges."""
        ...
