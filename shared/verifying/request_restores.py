"""Ask S3 to make archived objects readable, if the job wants that and its ceilings allow it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.archive import Restore, Tier
from shared.domain.errors import Forbidden, ObjectError
from shared.domain.objects import SourceObject
from shared.ports.log import Log
from shared.ports.source import Source
from shared.runs.ceilings import CeilingGuard, Stopped

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class RequestRestores:
    """tier: None to ask for nothing. days: how long the readable copies are kept, which must be enough for a comparison
    or a listing to find them and for their transfer.
    """

    source: Source
    log: Log
    tier: Tier | None
    days: int

    async def __call__(self, run: str, ceiling: CeilingGuard, objects: Sequence[SourceObject]) -> set[bytes]:
        """The keys whose restore is under way by now. One that is refused is logged, and costs the run nothing else;
        the next comparison asks again.
        """
        wanted = [item for item in objects if item.restore is Restore.NEEDED]
        asked: set[bytes] = set()
        for start in range(0, len(wanted) if self.tier is not None else 0, _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            try:
                await ceiling.reserve(len(some), sum(item.size for item in some))
            except Stopped as closed:
                self.log.warning("no more restores are asked for", run=run, reason=str(closed))
                break
            answers = await asyncio.gather(*(self._one(run, item) for item in some))
            asked |= {item.key for item, began in zip(some, answers, strict=True) if began}
            if None in answers:
                break
        if asked:
            self.log.info("restores asked for", run=run, keys=len(asked), tier=self.tier, days=self.days)
        return asked

    async def _one(self, run: str, item: SourceObject) -> bool | None:
        """Whether a restore is under way; None if it makes no sense to ask for others."""
        try:
            await self.source.restore(item, self.tier or Tier.BULK, self.days)
            return True
        except ObjectError as refused:
            self.log.error("no restore", run=run, key=item.text, reason=refused.reason, why=str(refused))
            return None if isinstance(refused, Forbidden) else False
