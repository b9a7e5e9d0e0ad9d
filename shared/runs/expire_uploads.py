"""Uploads of large objects that nobody goes on with are forgotten.

Who begins an upload and is killed before its parts are published leaves a record that no message names. Such a key is
copied by a later run, but under another number if it has changed since, so nothing would ever take the record away.
What the upload has put into the staging bucket is taken away by that bucket's own lifecycle rule, after a week
(terraform/modules/job/buckets.tf): so the lister, which sees to the ends of runs, needs no right on that bucket, and a
record that has outlived the rule stands for nothing.
"""

import asyncio
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.upload_store import OpenUpload, UploadStore

DAY = 86_400.0

STAGING_RULE_DAYS = 7
"""After so long the staging bucket's rule aborts multipart uploads and deletes objects."""

UPLOAD_LIFE_SECONDS = (STAGING_RULE_DAYS + 2) * DAY
"""Two days more: a rule acts some time after its condition is met, and not at once.
https://cloud.google.com/storage/docs/lifecycle#behavior
"""

EXPIRING_SECONDS = 5.0
"""After so long the rest is left for the next call: what is asked for waits until this is done."""

_AT_ONCE = 32
"""Uploads that are forgotten at a time."""


@dataclass(frozen=True, slots=True)
class ExpireUploads:
    """Called whenever the ends of runs are looked for: one query that finds nothing, as a rule."""

    uploads: UploadStore
    clock: Clock
    log: Log

    async def __call__(self) -> None:
        """Forget what is old, unless its parts are being published anew. Killed in between, the next call goes on."""
        until = self.clock.monotonic() + EXPIRING_SECONDS
        old = await self.uploads.unpublished_since(self.clock.now() - UPLOAD_LIFE_SECONDS)
        for start in range(0, len(old), _AT_ONCE):
            if self.clock.monotonic() >= until:
                return
            await asyncio.gather(*(self._expire(*item) for item in old[start : start + _AT_ONCE]))

    async def _expire(self, number: str, opened: OpenUpload) -> None:
        if await self.uploads.expire(number, opened):
            self.log.warning("an upload that nobody went on with is forgotten", key=opened.key)
