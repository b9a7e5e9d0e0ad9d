"""What a person asks of a job that is running: stop for now, and no more than this."""

import asyncio
from dataclasses import dataclass, field, replace

from shared.ports.clock import Clock
from shared.ports.control_store import Control, ControlStore
from shared.ports.signal import Joint

FRESH_SECONDS = 1.0
"""How long an instance believes what it read: a batch takes longer."""


@dataclass(slots=True)
class JobControl:
    """The control document, read at most once a second; one an instance. default_control: the job's own
    ceilings, which hold where the document names none.
    """

    control: ControlStore
    clock: Clock
    default_control: Control = field(default_factory=Control)
    _known: Control = field(default_factory=Control)
    _read_at: float = float("-inf")
    _reading: Joint[Control] | None = None

    async def read(self, afresh: bool = False) -> Control:
        """The control document as it was at most FRESH_SECONDS ago, or is when this is called; afresh: the latter.

        Whoever comes while it is being read waits for that, and nobody is told what was believed before.
        """
        if afresh:
            return await self._read()
        if self.clock.monotonic() - self._read_at < FRESH_SECONDS:
            return self._known
        if self._reading is None or self._reading.done:
            self._reading = Joint(asyncio.ensure_future(self._read()))
        return await self._reading.result()

    async def paused(self, run: str = "") -> bool:
        """Whether the job is paused, as sure as one must be to acknowledge a message for it: Resume sends it again only
        if the pause was not over when this was asked. run: whose message it is; a pause holds none of a cancelled run.
        """
        if not (await self.read()).paused:
            return False
        now = await self.read(afresh=True)
        return now.paused and run not in now.cancelled

    async def is_cancelled(self, run: str) -> bool:
        """Whether a run was ended for good. A belief of a second ago is as good: what has begun since ends as usual."""
        return run in (await self.read()).cancelled

    async def _read(self) -> Control:
        began = self.clock.monotonic()
        stored, default = await self.control.get(), self.default_control
        control = replace(
            stored,
            most_objects=default.most_objects if stored.most_objects is None else stored.most_objects,
            most_bytes=default.most_bytes if stored.most_bytes is None else stored.most_bytes,
            most_dollars=default.most_dollars if stored.most_dollars is None else stored.most_dollars,
        )
        if began >= self._read_at:
            self._known, self._read_at = control, began
        return control
