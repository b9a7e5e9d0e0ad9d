"""The right to work on a large object's upload as a whole, which one message at a time has: to publish the parts that
are missing, or to finish it, for as long as its completion and its move take.
"""

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from shared.domain.errors import Busy
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.upload_store import UploadStore

T = TypeVar("T")


@dataclass(slots=True)
class UploadLease:
    """Completing or rewriting takes minutes and says nothing meanwhile, so the lease is renewed beside it. What is
    under way when a renewal fails ends by itself, and its own conditions keep it harmless; nothing further is begun.
    """

    uploads: UploadStore
    clock: Clock
    log: Log
    number: str
    key: str
    seconds: float
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    _until: float = field(default=0.0, init=False)
    _lost: bool = field(default=False, init=False)

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.give_back()

    async def take(self) -> None:
        """Raises Busy while another invocation has it: no attempt is spent on that."""
        await self._claim()
        if self._lost:
            raise Busy(f"{self.key}: another invocation has the lease on its upload")

    async def write(self, step: Coroutine[Any, Any, T]) -> T:
        """A step that writes, with the lease renewed while it lasts. Raises Busy, and does not begin it, once the lease
        is another's.
        """
        try:
            if self._until - self.clock.now() < self.seconds * 2 / 3:
                await self._claim()
            if self._lost:
                raise Busy(f"{self.key}: another invocation took over the lease on its upload")
        except BaseException:
            step.close()
            raise
        task = asyncio.ensure_future(step)
        try:
            while not (await asyncio.wait({task}, timeout=self.seconds / 3))[0]:
                await self._renew()
            return task.result()
        finally:
            task.cancel()

    async def give_back(self) -> None:
        """So that whoever comes next need not wait for it to run out."""
        await self.uploads.release(self.number, self.owner)

    async def _renew(self) -> None:
        try:
            await self._claim()
        except Exception as error:  # the state store may be back before the lease has run out
            self.log.warning("a lease was not renewed", key=self.key, why=repr(error))

    async def _claim(self) -> None:
        now = self.clock.now()
        self._lost = self._lost or not await self.uploads.claim(self.number, self.owner, now, self.seconds)
        if not self._lost:
            self._until = now + self.seconds
