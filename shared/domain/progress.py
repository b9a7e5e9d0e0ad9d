"""What was copied for a run, when, by which route, and what took longest: of every instance, and added up."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, Self

MOST_SLOW = 20
"""Copies kept as the slowest ones."""

MOST_INTERVALS = 2000
"""Of one instance for one run: a day and a half of minutes; what came before is forgotten."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What was copied in the seconds that begin at `at` (epoch)."""

    at: float
    objects: int
    bytes: int


@dataclass(frozen=True, slots=True, order=True)
class Slow:
    """A copy and how long it took. what: a key, or a part of one."""

    seconds: float
    bytes: int
    what: str


@dataclass(slots=True)
class Progress:
    """intervals: by their time. slowest: the longest first. ways: objects and bytes by route. seconds: that instances
    were at work, each counted apart. classes: objects and bytes by S3's storage class, without STANDARD. kms: objects
    for which S3 asked KMS.
    """

    intervals: dict[float, Interval] = field(default_factory=dict)
    slowest: list[Slow] = field(default_factory=list)
    ways: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0
    classes: dict[str, tuple[int, int]] = field(default_factory=dict)
    kms: int = 0

    def at_work(self, at: float, seconds: float) -> None:
        """An instance was at work in a interval of so many seconds."""
        if at not in self.intervals:
            self.seconds += seconds
            self.intervals[at] = Interval(at, 0, 0)
            while len(self.intervals) > MOST_INTERVALS:
                del self.intervals[min(self.intervals)]

    def copied(self, at: float, way: str, objects: int, size: int) -> None:
        """Objects have come by a route, in a interval that there is."""
        interval = self.intervals[at]
        self.intervals[at] = Interval(at, interval.objects + objects, interval.bytes + size)
        _add(self.ways, way, objects, size)

    def read(self, storage_class: str, objects: int, size: int) -> None:
        """Objects of a storage class that asks more than STANDARD does were read."""
        _add(self.classes, storage_class, objects, size)

    def took(self, seconds: float, size: int, what: str) -> None:
        """A copy took so long. Called once an object: nearly all are not among the slowest."""
        if len(self.slowest) < MOST_SLOW or seconds > self.slowest[-1].seconds:
            self.slowest = sorted([*self.slowest, Slow(seconds, size, what)], reverse=True)[:MOST_SLOW]

    def merge(self, other: "Progress") -> None:
        """Add what another instance has."""
        for at, interval in other.intervals.items():
            known = self.intervals.get(at, Interval(at, 0, 0))
            self.intervals[at] = Interval(at, known.objects + interval.objects, known.bytes + interval.bytes)
        for slow in other.slowest:
            self.took(slow.seconds, slow.bytes, slow.what)
        for way, (objects, size) in other.ways.items():
            _add(self.ways, way, objects, size)
        for storage_class, (objects, size) in other.classes.items():
            _add(self.classes, storage_class, objects, size)
        self.kms += other.kms
        self.seconds += other.seconds

    @property
    def in_order(self) -> list[Interval]:
        return [self.intervals[at] for at in sorted(self.intervals)]

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        intervals, slowest = map(astuple, self.in_order), map(astuple, self.slowest)
        return {
            "beats": list(intervals),
            "slowest": list(slowest),
            "ways": self.ways,
            "classes": self.classes,
            "kms": self.kms,
            "seconds": self.seconds,
        }

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """What `table` made, here or in a version that did not count classes."""
        return cls(
            intervals={interval[0]: Interval(*interval) for interval in table["beats"]},
            slowest=[Slow(*slow) for slow in table["slowest"]],
            ways={way: (objects, size) for way, (objects, size) in table["ways"].items()},
            classes={name: (objects, size) for name, (objects, size) in table.get("classes", {}).items()},
            kms=table.get("kms", 0),
            seconds=table["seconds"],
        )


def _add(amounts: dict[str, tuple[int, int]], name: str, objects: int, size: int) -> None:
    known = amounts.get(name, (0, 0))
    amounts[name] = known[0] + objects, known[1] + size


def merged(reported: Iterable[Progress]) -> Progress:
    """The progress of several instances as that of all."""
    found = Progress()
    for one in reported:
        found.merge(one)
    return found
