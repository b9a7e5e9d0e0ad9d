"""How late copies are: the time from an event of S3's to the copy that can be read, as a distribution.

Seconds fall into classes, each reaching a quarter of an octave (19 %) further than the one before. Distributions are
added up class by class, so that a whole run's is the sum of its batches'.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

_STEPS = 4
"""Classes to a doubling."""

_LEAST, _MOST = -4 * _STEPS, 24 * _STEPS
"""The first class ends at a sixteenth of a second; the last one, half a year, is as long as anything is on record."""


@dataclass(slots=True)
class Lag:
    """keys: by class. worst: the greatest lag, in seconds."""

    keys: dict[int, int] = field(default_factory=dict)
    worst: float = 0.0

    @classmethod
    def of(cls, lags: Iterable[float]) -> Self:
        """Of single copies, in seconds. A clock that is behind S3's makes none of them less than nothing."""
        found = cls()
        for seconds in lags:
            place = math.ceil(_STEPS * math.log2(seconds)) if seconds > 0 else _LEAST
            place = min(max(place, _LEAST), _MOST)
            found.keys[place] = found.keys.get(place, 0) + 1
            found.worst = max(found.worst, seconds)
        return found

    @property
    def counted(self) -> int:
        """Of how many copies it is."""
        return sum(self.keys.values())

    def merge(self, other: "Lag") -> None:
        """Add another distribution."""
        for place, keys in other.keys.items():
            self.keys[place] = self.keys.get(place, 0) + keys
        self.worst = max(self.worst, other.worst)

    def within(self, share: float) -> float | None:
        """In how many seconds so large a share (0 to 1) of the copies came: the end of the class that holds the last of
        them, or the worst, if that is less; so never too few. None if nothing was counted.
        """
        wanted, sofar = math.ceil(share * self.counted), 0
        for place in sorted(self.keys):
            sofar += self.keys[place]
            if sofar >= max(wanted, 1):
                return self.worst if place == _MOST else min(2.0 ** (place / _STEPS), self.worst)
        return None

    def table(self) -> dict[str, Any]:
        """As a document has it."""
        return {"keys": {str(place): keys for place, keys in sorted(self.keys.items())}, "worst": self.worst}

    @classmethod
    def read(cls, table: Mapping[str, Any] | None) -> Self:
        """What `table` made; nothing where there is none."""
        if not table:
            return cls()
        return cls({int(place): int(keys) for place, keys in table["keys"].items()}, float(table["worst"]))
