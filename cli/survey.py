"""What a listing says of a source: how much there is, what is left out, what cannot be copied, how large it is."""

from collections import defaultdict
from dataclasses import dataclass, field
from math import log2
from typing import TYPE_CHECKING

from shared.domain.counts import Counts
from shared.domain.keys import Key
from shared.domain.page import Page
from shared.domain.parts import MOST_OBJECT_BYTES, PartPlan
from shared.pricing.forecast import Sizes, Wanted
from shared.pricing.speed import objects_a_second
from shared.reporting.model import INSTANCE_GIB

if TYPE_CHECKING:
    from shared.bootstrap import JobConfig

_STEPS = 8
"""Groups of sizes for each doubling: objects of a group differ by less than a tenth."""

_EXAMPLES = 3


@dataclass(slots=True)
class Survey:
    """Keys in the order in which the functions decide on them: filtered, archived, unsupported, else to be copied.

    grouped: what is to be copied, by size. further_parts: of large objects, all but each one's first.
    """

    config: "JobConfig"
    listed: Counts = field(default_factory=Counts)
    filtered: Counts = field(default_factory=Counts)
    archived: Counts = field(default_factory=Counts)
    unsupported: Counts = field(default_factory=Counts)
    examples: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))
    classes: Counts = field(default_factory=Counts)
    grouped: dict[int, tuple[int, int]] = field(default_factory=dict)
    further_parts: int = 0
    complete: bool = False

    def add(self, page: Page) -> None:
        """Take in a page."""
        config = self.config
        left_out = config.filters.sift(page)
        for index, (key, size, storage_class) in enumerate(
            zip(page.keys, page.sizes, page.storage_classes, strict=True)
        ):
            self.listed.add("listed", size)
            if index in left_out:
                self.filtered.add(left_out[index], size)
                continue
            if page.archived(index):
                self.archived.add(storage_class, size)
                continue
            place = config.mapping.place(key)
            if place.name is None or size > MOST_OBJECT_BYTES:
                reason = place.reason if place.name is None else "larger than the 5 TiB that Cloud Storage holds"
                self.unsupported.add(reason, size)
                if len(self.examples[reason]) < _EXAMPLES:
                    self.examples[reason].append(key)
                continue
            self.classes.add(storage_class, size)
            group = int(log2(size) * _STEPS) if size else -1
            objects, amount = self.grouped.get(group, (0, 0))
            self.grouped[group] = objects + 1, amount + size
            if size > config.large_bytes:
                self.further_parts += PartPlan.cut(size, config.part_bytes).count - 1

    @property
    def sizes(self) -> Sizes:
        """By the mean size of each group."""
        return {amount / objects: (objects, amount) for objects, amount in self.grouped.values()}

    @property
    def instance_seconds(self) -> float:
        """That instances of the transfer need together."""
        places = self.config.places
        return sum(objects / objects_a_second(size, places) for size, (objects, _) in self.sizes.items())

    def wanted(self, times: float) -> Wanted:
        """What is to be copied, so many times as much as was listed."""
        sizes = {
            size: (round(objects * times), round(amount * times)) for size, (objects, amount) in self.sizes.items()
        }
        classes = {name: (round(keys * times), round(amount * times)) for name, keys, amount in self.classes}
        written: dict[str, int] = {}
        for name, (objects, _) in classes.items():
            theirs = self.config.storage_classes.get(name, "STANDARD")
            written[theirs] = written.get(theirs, 0) + objects
        return Wanted(
            listed=round(self.listed.total_keys * times),
            sizes=sizes,
            classes=classes,
            keys_per_message=self.config.keys_per_message,
            seconds=self.instance_seconds * times,
            gib=INSTANCE_GIB,
            written=written,
            further_parts=round(self.further_parts * times),
        )
