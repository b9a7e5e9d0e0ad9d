"""How a key can end, and the counts that must balance.

Every listed key ends in exactly one outcome; for a run, the outcomes add up to what was listed, in keys
and in bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.rollup import Rollup


class Outcome(StrEnum):
    """The only ways a listed key can end."""

    COPIED = "copied"
    UNCHANGED = "unchanged"
    IN_FLIGHT = "in_flight"
    FILTERED = "filtered"
    UNSUPPORTED = "unsupported"
    ARCHIVED = "archived"
    FAILED = "failed"


THERE = frozenset({Outcome.COPIED, Outcome.UNCHANGED})
"""Of keys whose copies are at the destination."""


@dataclass(slots=True)
class Counts:
    """Keys and bytes by outcome."""

    keys: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: str, size: int, count: int = 1) -> None:
        """Book `count` keys of `size` bytes together under an outcome."""
        self.keys[outcome] = self.keys.get(outcome, 0) + count
        self.bytes[outcome] = self.bytes.get(outcome, 0) + size

    def merge(self, other: "Counts") -> None:
        """Book all of another tally here."""
        for outcome, count, size in other:
            self.add(outcome, size, count)

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        """(outcome, keys, bytes) in a stable order."""
        return ((name, self.keys[name], self.bytes[name]) for name in sorted(self.keys))

    @property
    def total_keys(self) -> int:
        return sum(self.keys.values())

    @property
    def total_bytes(self) -> int:
        return sum(self.bytes.values())


@dataclass(frozen=True, slots=True)
class ManifestPart:
    """One file of a manifest that was written. sha256: hex, of its compressed bytes."""

    name: str
    rows: int
    size: int
    sha256: str


@dataclass(slots=True)
class RangeCounts:
    """One range's accounts. outcomes: of the keys that ended without being published; the ledger has the
    others. filters: what left out the filtered ones. verdicts: the verifier's. stopped: why the range ended before
    its last key. sums: what the verifier found in each folder. manifest: the files it wrote.
    """

    listed: Counts = field(default_factory=Counts)
    outcomes: Counts = field(default_factory=Counts)
    filters: Counts = field(default_factory=Counts)
    verdicts: Counts = field(default_factory=Counts)
    stopped: str = ""
    sums: Rollup = field(default_factory=Rollup)
    manifest: list[ManifestPart] = field(default_factory=list)
