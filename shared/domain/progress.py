"""What was copied for a run, when, by which route, and what took longest: of every instance, and added up."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, Self, TypeVar

Name = TypeVar("Name")

RECENT_SECONDS = 300.0
"""How far back a rate looks."""

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
    for which S3 asked KMS. others: keys and bytes that ended otherwise than copied, by interval and outcome. sizes:
    copied objects and their bytes, by the number of bits of an object's size in bytes.
    """

    intervals: dict[float, Interval] = field(default_factory=dict)
    slowest: list[Slow] = field(default_factory=list)
    ways: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0
    classes: dict[str, tuple[int, int]] = field(default_factory=dict)
    kms: int = 0
    others: dict[tuple[float, str], tuple[int, int]] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)

    def at_work(self, at: float, seconds: float) -> None:
        """An instance was at work in a interval of so many seconds."""
        if at not in self.intervals:
            self.seconds += seconds
            self.intervals[at] = Interval(at, 0, 0)
            while len(self.intervals) > MOST_INTERVALS:
                first = min(self.intervals)
                del self.intervals[first]
                self.others = {known: amount for known, amount in self.others.items() if known[0] != first}

    def copied(self, at: float, way: str, objects: int, size: int) -> None:
        """Objects have come by a route, in a interval that there is."""
        interval = self.intervals[at]
        self.intervals[at] = Interval(at, interval.objects + objects, interval.bytes + size)
        _add(self.ways, way, objects, size)

    def ended(self, at: float, outcome: str, keys: int, size: int) -> None:
        """Keys have ended otherwise than copied, in an interval that there is."""
        _add(self.others, (at, outcome), keys, size)

    def sized(self, size: int) -> None:
        """An object of so many bytes was copied."""
        _add(self.sizes, size.bit_length(), 1, size)

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
        for place, (keys, size) in other.others.items():
            _add(self.others, place, keys, size)
        for bits, (objects, size) in other.sizes.items():
            _add(self.sizes, bits, objects, size)
        self.kms += other.kms
        self.seconds += other.seconds

    @property
    def in_order(self) -> list[Interval]:
        return [self.intervals[at] for at in sorted(self.intervals)]

    def told(self) -> dict[str, int]:
        """Keys that the transfer has seen end, by outcome."""
        found = {"copied": sum(interval.objects for interval in self.intervals.values())}
        for (_, outcome), (keys, _) in self.others.items():
            found[outcome] = found.get(outcome, 0) + keys
        return found

    def rate(self, now: float) -> tuple[float, float]:
        """Objects and bytes copied a second in the last minutes before a moment."""
        recent = [interval for interval in self.in_order if interval.at >= now - RECENT_SECONDS]
        if not recent:
            return 0.0, 0.0
        seconds = max(now - recent[0].at, 1.0)
        return sum(item.objects for item in recent) / seconds, sum(item.bytes for item in recent) / seconds

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
            "others": [[at, outcome, *amount] for (at, outcome), amount in sorted(self.others.items())],
            "sizes": [[bits, *amount] for bits, amount in sorted(self.sizes.items())],
        }

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """What `table` made, here or in a version that did not count classes, other outcomes or sizes."""
        return cls(
            intervals={interval[0]: Interval(*interval) for interval in table["beats"]},
            slowest=[Slow(*slow) for slow in table["slowest"]],
            ways={way: (objects, size) for way, (objects, size) in table["ways"].items()},
            classes={name: (objects, size) for name, (objects, size) in table.get("classes", {}).items()},
            kms=table.get("kms", 0),
            seconds=table["seconds"],
            others={(at, outcome): (keys, size) for at, outcome, keys, size in table.get("others", ())},
            sizes={bits: (objects, size) for bits, objects, size in table.get("sizes", ())},
        )


def _add(amounts: dict[Name, tuple[int, int]], name: Name, objects: int, size: int) -> None:
    known = amounts.get(name, (0, 0))
    amounts[name] = known[0] + objects, known[1] + size


def seconds_left(left: tuple[int, int], rate: tuple[float, float]) -> float | None:
    """How long keys and bytes that are left take at a rate of both a second; None if none are, or if nothing moves."""
    if left[0] <= 0:
        return None
    return max((rest / each for rest, each in zip(left, rate, strict=True) if each > 0), default=None)


def merged(reported: Iterable[Progress]) -> Progress:
    """The progress of several instances as that of all."""
    found = Progress()
    for one in reported:
        found.merge(one)
    return found
