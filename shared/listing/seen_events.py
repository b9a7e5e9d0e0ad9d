"""What an instance has followed lately, so that an event that comes twice or late costs nothing."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.domain.events import ObjectEvent

MOST_SEEN = 100_000
"""Keys, some 20 MB; what was followed longest ago is forgotten first, and then costs two requests of the transfer's."""


@dataclass(slots=True)
class SeenEvents:
    """The newest sequencer of each key."""

    most: int = MOST_SEEN
    _sequencers: "OrderedDict[bytes, str]" = field(default_factory=OrderedDict)

    def is_new(self, event: ObjectEvent) -> bool:
        """Whether nothing newer of its key was followed."""
        return event.is_newer(self._sequencers.get(event.key))

    def add(self, events: Iterable[ObjectEvent]) -> None:
        """These were followed. Whoever stood still meanwhile brings older ones than are remembered."""
        for event in events:
            if self.is_new(event):
                self._sequencers[event.key] = event.sequencer
            self._sequencers.move_to_end(event.key)
        while len(self._sequencers) > self.most:
            self._sequencers.popitem(last=False)
