"""What a person asks of a job that is running: stop for now, and no more than this."""

import asyncio
from dataclasses import dataclass, field, replace

from shared.domain.errors import BucketError
from shared.ports.clock import Clock
from shared.ports.control_store import Control, ControlStore

FRESH_SECONDS = 1.0
"""How long an instance believes what it read: a batch takes longer."""

_SHARE = 50
"""A run's ceilings are reserved in about so many portions, so that a run costs that many writes and no more."""


class Stopped(BucketError):
    """A batch may not be published. paused: whether it may be later."""

    def __init__(self, why: str, paused: bool = False) -> None:
        super().__init__(why)
        self.paused = paused


@dataclass(slots=True)
class JobControl:
    """The control document, read at most once a second; one an instance. standing: the job's own ceilings, which hold
    where the document names none.
    """

    control: ControlStore
    clock: Clock
    standing: Control = field(default_factory=Control)
    _known: Control = field(default_factory=Control)
    _read_at: float = float("-inf")
    _reading: "asyncio.Task[Control] | None" = None

    async def read(self, afresh: bool = False) -> Control:
        """The control document as it was at most FRESH_SECONDS ago, or is when this is called; afresh: the latter.

        Whoever comes while it is being read waits for that, and nobody is told what was believed before.
        """
        if afresh:
            return await self._read()
        if self.clock.monotonic() - self._read_at < FRESH_SECONDS:
            return self._known
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
        return await asyncio.shield(self._reading)

    async def paused(self) -> bool:
        """Whether the job is paused, as sure as one must be to acknowledge a message for it: Resume sends it again only
        if the pause was not over when this was asked.
        """
        return (await self.read()).paused and (await self.read(afresh=True)).paused

    async def _read(self) -> Control:
        began = self.clock.monotonic()
        stored, usual = await self.control.get(), self.standing
        control = replace(
            stored,
            most_objects=usual.most_objects if stored.most_objects is None else stored.most_objects,
            most_bytes=usual.most_bytes if stored.most_bytes is None else stored.most_bytes,
        )
        if began >= self._read_at:
            self._known, self._read_at = control, began
        return control


@dataclass(slots=True)
class QuotaGuard:
    """One invocation's leave to publish for a run. A batch is published whole or not at all: what is left of a ceiling
    below a batch's size stays unused.
    """

    switch: JobControl
    control: ControlStore
    run: str
    _objects: int = 0
    _bytes: int = 0

    async def reserve(self, objects: int, size: int) -> None:
        """Raises Stopped if the job is paused, or if a ceiling would be exceeded by so many objects and bytes."""
        control = await self.switch.read()
        if control.paused:
            raise Stopped("the job is paused", paused=True)
        if control.most_objects is None and control.most_bytes is None:
            return
        lacking = max(objects - self._objects, 0), max(size - self._bytes, 0)
        if any(lacking):
            await self._reserve_portion(control, lacking)
        self._objects -= objects
        self._bytes -= size

    async def _reserve_portion(self, control: Control, lacking: tuple[int, int]) -> None:
        portion = (control.most_objects or 0) // _SHARE, (control.most_bytes or 0) // _SHARE
        for wish in (tuple(map(max, lacking, portion)), lacking):
            if await self.control.reserve(self.run, wish[0], wish[1], control):
                self._objects += wish[0]
                self._bytes += wish[1]
                return
        raise Stopped(f"the ceiling of {control.most_objects} objects and {control.most_bytes} bytes a run is reached")

    async def release(self) -> None:
        """Give back what was reserved and not used."""
        if self._objects > 0 or self._bytes > 0:
            await self.control.reserve(self.run, -self._objects, -self._bytes, Control())
            self._objects = self._bytes = 0
