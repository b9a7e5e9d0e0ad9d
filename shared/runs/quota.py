"""What a person asks of a job that is running: stop for now, and no more than this."""

import asyncio
from dataclasses import dataclass, field, replace

from shared.domain.errors import BucketError
from shared.ports.clock import Clock
from shared.ports.control_store import Control, ControlStore

FRESH_SECONDS = 1.0
"""How long an instance believes what it read: a batch takes longer."""

_SHARE = 50
"""A portion is no more than such a share of a ceiling."""

_FIRST = 4
"""Batches of a first portion: hundreds of ranges are listed side by side, and most publish little."""

_GROWTH = 4

_PORTION_SECONDS = 30.0
"""A portion that was used up sooner is followed by a larger one, so that a range writes the run's spending about twice
a minute; what is left of one after so long is given back for others to use.
"""


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

    job_control: JobControl
    control: ControlStore
    run: str
    _objects: int = 0
    _bytes: int = 0
    _batches: int = _FIRST
    _reserved_at: float = float("-inf")

    async def reserve(self, objects: int, size: int) -> None:
        """Raises Stopped if the job is paused, or if a ceiling would be exceeded by so many objects and bytes."""
        control = await self.job_control.read()
        if control.paused:
            raise Stopped("the job is paused", paused=True)
        if control.most_objects is None and control.most_bytes is None:
            return
        now = self.job_control.clock.monotonic()
        lasted, first = now - self._reserved_at, self._reserved_at == float("-inf")
        short = objects > self._objects or size > self._bytes
        if lasted >= _PORTION_SECONDS and not short:
            self._batches = max(1, self._batches // _GROWTH)
            await self._give_back(objects * self._batches, size * self._batches)
            self._reserved_at = now
        elif short:
            if lasted < _PORTION_SECONDS and not first:
                self._batches *= _GROWTH
            await self._reserve_portion(control, objects, size)
            self._reserved_at = now
        self._objects -= objects
        self._bytes -= size

    async def _reserve_portion(self, control: Control, objects: int, size: int) -> None:
        """Reserve for some batches like this one, for fewer, or for it alone. Raises Stopped if not even that fits."""
        lacking = max(objects - self._objects, 0), max(size - self._bytes, 0)
        batches = self._batches
        while batches > 1:
            wish = _portion(control.most_objects, objects * batches), _portion(control.most_bytes, size * batches)
            if wish[0] <= lacking[0] and wish[1] <= lacking[1]:
                break
            if await self._reserve(control, max(wish[0], lacking[0]), max(wish[1], lacking[1])):
                return
            batches //= _GROWTH
            self._batches = max(1, batches)
        if not await self._reserve(control, *lacking):
            said = f"{control.most_objects} objects and {control.most_bytes} bytes"
            raise Stopped(f"the ceiling of {said} a run is reached")

    async def _reserve(self, control: Control, objects: int, size: int) -> bool:
        if not await self.control.reserve(self.run, objects, size, control):
            return False
        self._objects += objects
        self._bytes += size
        return True

    async def release(self) -> None:
        """Give back what was reserved and not used."""
        await self._give_back(0, 0)

    async def _give_back(self, objects: int, size: int) -> None:
        """Keep no more than so much."""
        spare = max(self._objects - objects, 0), max(self._bytes - size, 0)
        if any(spare):
            await self.control.reserve(self.run, -spare[0], -spare[1], Control())
            self._objects -= spare[0]
            self._bytes -= spare[1]


def _portion(ceiling: int | None, wish: int) -> int:
    """What is wished, but no more than a share of a ceiling."""
    return wish if ceiling is None else min(wish, ceiling // _SHARE)
