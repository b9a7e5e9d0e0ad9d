"""How a key can end, and the books that must balance.

Every listed key ends in exactly one outcome; for a run, the outcomes add up to what was listed, in keys
and in bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from shared.core.manifest import Part
from shared.core.sums import Sums


class Outcome(StrEnum):
    """The only ways a listed key can end."""

    COPIED = "copied"
    UNCHANGED = "unchanged"
    IN_FLIGHT = "in_flight"
    FILTERED = "filtered"
    UNSUPPORTED = "unsupported"
    ARCHIVED = "archived"
    FAILED = "failed"


@dataclass(slots=True)
class Tally:
    """Keys and bytes by outcome."""

    keys: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: str, size: int, count: int = 1) -> None:
        """Book `count` keys of `size` bytes together under an outcome."""
        self.keys[outcome] = self.keys.get(outcome, 0) + count
        self.bytes[outcome] = self.bytes.get(outcome, 0) + size

    def merge(self, other: "Tally") -> None:
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


@dataclass(slots=True)
class Books:
    """One range's accounts. outcomes: of the keys that ended without being published; the ledger has the
    others. filters: what left out the filtered ones. verdicts: the verifier's. stopped: why the range ended before
    its last key. sums: what the verifier found in each folder. manifest: the files it wrote.
    """

    listed: Tally = field(default_factory=Tally)
    outcomes: Tally = field(default_factory=Tally)
    filters: Tally = field(default_factory=Tally)
    verdicts: Tally = field(default_factory=Tally)
    stopped: str = ""
    sums: Sums = field(default_factory=Sums)
    manifest: list[Part] = field(default_factory=list)
