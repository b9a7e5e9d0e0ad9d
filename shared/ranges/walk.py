"""How far one invocation has come with its range: the one object that every way out of it asks.

Plans go in, in key order. Each says what is to be published of a page and up to where both sides were read for it. A
plan is counted once the last of its wanted objects is published, and only then does the walk's position move: so what
is counted, what is published, what the manifest holds and where the rest begins always speak of the same keys.

A destination prefix replaces the source's and keeps the order of keys, so one key is a position on both sides: all keys
up to it were counted, and all copies whose names map to keys up to it.

way out                             publish            count                          the rest begins
---------------------------------   ----------------   ----------------------------   ----------------------------
the end of the range, the budget    all that waits     all plans                      behind the last plan
pause, throttle                     what had begun     up to the first unsent object  behind the last counted key
ceiling, refusal                    what had begun     the same, and what is recorded nowhere: the range is closed
killed                              its ledger does    nothing                        where it began: taken over
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from shared.domain.batching import batches
from shared.domain.counts import RangeCounts
from shared.domain.objects import SourceObject
from shared.domain.page import Page

MOST_PLANS = 50
"""Plans that wait for a batch to fill: where little has changed, a thin batch is cheaper than what they hold."""

Row = Mapping[str, object]
"""One of the manifest's."""


class Plan(Protocol):
    """What is to be done about a key range that was read on both sides. page: its objects, perhaps none."""

    @property
    def page(self) -> Page: ...

    @property
    def end(self) -> bytes:
        """Both sides were read up to this key."""
        ...

    @property
    def wanted(self) -> Sequence[int]:
        """The indexes of the objects to publish, in order."""
        ...

    @property
    def queued_sizes(self) -> Mapping[bytes, int]:
        """The keys that a batch of this run has already, and their bytes as they were listed for it."""
        ...

    def object(self, index: int) -> SourceObject: ...

    def count(self, count: int, counts: RangeCounts) -> None:
        """Count the first `count` objects, and what else lies up to the last of them; all of them: the whole plan."""
        ...

    def rows(self, count: int) -> Sequence[Row]:
        """What the manifest gets when the first `count` objects are counted."""
        ...


@dataclass(slots=True)
class Walk:
    """start, until: the range encloses the keys `start < key <= until`; until None for the prefix's end. most_keys,
    most_bytes: of a batch. position: the last key that is counted, None before the first.
    """

    start: bytes
    until: bytes | None
    counts: RangeCounts
    most_keys: int
    most_bytes: int
    position: bytes | None = None
    _read: bytes | None = None
    _complete: bool = False
    _plans: deque[Plan] = field(default_factory=deque)
    _waiting: list[SourceObject] = field(default_factory=list)
    _counted: list[tuple[Plan, int]] = field(default_factory=list)
    _uncounted: dict[bytes, int] = field(default_factory=dict)

    @property
    def read(self) -> bytes:
        """Up to where both sides were read."""
        return self.start if self._read is None else self._read

    @property
    def at_end(self) -> bool:
        """Whether the range's last key was passed: nothing of it is left to read on either side."""
        return self._complete or (self.until is not None and self.read >= self.until)

    @property
    def rest(self) -> bytes | None:
        """Where what is not counted begins: behind this key on both sides. None if nothing is left."""
        position = self.start if self.position is None else self.position
        done = self._complete and not self._plans
        return None if done or (self.until is not None and position >= self.until) else position

    @property
    def queued_behind(self) -> Mapping[bytes, int]:
        """Once stopped: what batches of this run have, as far as it was read, of the keys that are not counted."""
        return self._uncounted

    def add(self, plan: Plan) -> None:
        """Take in the next plan. Raises ValueError if it does not lie behind the one before, or reaches beyond."""
        if plan.end <= self.read or (self.until is not None and plan.end > self.until):
            raise ValueError(f"a plan up to {plan.end!r} does not lie between {self.read!r} and {self.until!r}")
        self._plans.append(plan)
        self._waiting += [plan.object(index) for index in plan.wanted]
        self._read = plan.end

    def batches(self, everything: bool = False) -> list[tuple[SourceObject, ...]]:
        """What is to be published now: the batches that are full, or everything that waits."""
        found = list(batches(self._waiting, self.most_keys, self.most_bytes))
        full = bool(found) and len(found[-1]) >= self.most_keys
        return found if everything or full or len(self._plans) >= MOST_PLANS else found[:-1]

    def published(self, objects: int) -> None:
        """So many objects were published, in order: count what ended with them."""
        del self._waiting[:objects]
        waits = self._waiting[0].key if self._waiting else None
        while self._plans and (waits is None or self._plans[0].end < waits):
            plan = self._plans.popleft()
            self._count(plan, len(plan.page))
            self.position = plan.end

    def complete(self) -> None:
        """Both sides were read to the end of the range."""
        self._complete = True

    def stop(self) -> None:
        """Nothing more is published: count what lies before the first object that waits, and forget what is behind."""
        self.published(0)
        if self._plans:
            plan = self._plans[0]
            count = bisect_left(plan.page.keys, self._waiting[0].key)
            self._count(plan, count)
            if count:
                self.position = plan.page.keys[count - 1]
            counted = self.start if self.position is None else self.position
            for plan in self._plans:
                self._uncounted.update((key, size) for key, size in plan.queued_sizes.items() if key > counted)
            self._plans.clear()
            self._waiting.clear()
            self._complete = False
        self._read = self.position

    def split(self, points: Sequence[bytes]) -> None:
        """Let the range end at the first of the split points; what lies behind belongs to others.

        Raises ValueError unless each is greater than the one before, behind what was read and before the range's end.
        """
        edges = [*points] if self.until is None else [*points, self.until]
        if not points or points[0] <= self.start or points[0] < self.read:
            raise ValueError(f"a range after {self.start!r}, read up to {self.read!r}, cannot be split at {points!r}")
        if any(one >= other for one, other in pairwise(edges)):
            raise ValueError(f"split points must lie in order before {self.until!r}: {points!r}")
        self.until = points[0]

    def take_counted(self) -> list[tuple[Plan, int]]:
        """The plans that were counted since this was last asked, with how many of their objects."""
        counted, self._counted = self._counted, []
        return counted

    def _count(self, plan: Plan, count: int) -> None:
        plan.count(count, self.counts)
        self._counted.append((plan, count))
