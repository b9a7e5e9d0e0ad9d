"""A world in which nothing fails by itself: for histories that a test writes by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.ledger.entry import Entry
from shared.settings import Settings
from tests.schedules.chance import Chance, Swarm
from tests.schedules.loop import WORLD
from tests.schedules.s3 import Version
from tests.schedules.scale import small
from tests.schedules.world import Shape, World


class CalmWorld(World):
    """objects: what the source holds, as fields of `Version`. settings: those that matter."""

    def __init__(self, objects: Iterable[dict[str, Any]], instances: int = 1, moves: int = 1, **settings: Any) -> None:
        self._objects, self._given = objects, settings
        self._calm = Shape(objects=0, instances=instances, concurrency=8, ends=0.0, calls_a_move=moves)
        super().__init__(Chance(1), frozenset())

    def drawn_swarm(self) -> Swarm:
        return Swarm(**{name: False for name in Swarm.__slots__})

    def drawn_shape(self) -> Shape:
        return self._calm

    def drawn_page_size(self) -> int:
        return 1000

    def drawn_settings(self) -> Settings:
        return super().drawn_settings().model_copy(update=self._given)

    def fill(self) -> None:
        for fields in self._objects:
            version = Version(**{"modified": int(self.time()), "number": 1, **fields})
            self.s3.history[version.key] = [version]
            self.truth.held(version.key, version)

    def see_through(self, history: Callable[[], Awaitable[None]]) -> None:
        """Let it happen, from a first listing on. Raises Stuck where somebody waits for ever."""

        async def whole() -> None:
            self.queue.send("list", b"{}")
            await history()

        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(WORLD.run(self.loop.create_task, whole()))
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    @property
    def rests(self) -> bool:
        """Whether nothing is under way."""
        return not (self.fleet.busy or self.queue.waiting or self.queue.repeats)

    def entries(self) -> Iterator[Entry]:
        """What is on record of keys."""
        for record, _ in self.stores.ledger.documents.values():
            yield from record.entries


@contextmanager
def scaled() -> Iterator[None]:
    """Production code with the sizes of the schedules."""
    with small(Chance(1).of("ids")):
        yield
