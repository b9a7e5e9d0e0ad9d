"""Read exactly one version, whatever the CDN says of it.

    the CDN answers                                S3, asked directly, says           then
    --------------------------------------------   --------------------------------   -------------------------------
    another version, or more than was asked for    another version is current         the caller copies that one
    404, 405, 403, 416 or the like, of this key    another version is current         the caller copies that one
    either of them                                 no such object, denied, archived   that is how the key ends
    either of them                                 this version is current            read it from S3
    5xx                                            nothing, it is not asked           read it from S3

Where the job forbids reading from S3 (STALE_EDGE=fail) what the CDN may have kept is tried again once it has forgotten.
CloudFront keeps 404, 405, 414 and 500 to 504 for ten seconds, with CachingDisabled too, for all parts of an object:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
"""

from dataclasses import dataclass

from shared.copying.edge_watch import EdgeWatch
from shared.domain.errors import Archived, Changed, ObjectError, StaleEdge, Transient
from shared.domain.objects import SourceObject
from shared.domain.reasons import Party, Scope
from shared.domain.routes import DIRECT
from shared.ports.download import Download, OpenDownload, Span
from shared.ports.source import Source

KEPT_SECONDS = 10.0
"""How long CloudFront keeps an error."""

_FAILURES = range(500, 600)
_KEPT = frozenset({404, 405, 410, 414, 416})
"""Refusals that a CDN may have kept, or made of something that it has kept."""


@dataclass(frozen=True, slots=True)
class ReadVersion:
    """download: the job's route. direct: straight from S3, None if the job forbids it."""

    source: Source
    download: Download
    direct: Download | None
    edge: EdgeWatch

    async def __call__(self, version: SourceObject, span: Span | None = None) -> OpenDownload | None:
        """Exactly this version, or that span of it; None if S3 has another one by now."""
        if self.direct is not None and not self.edge.allows():
            return await self._straight(self.direct, version, span)
        try:
            body = await self.download.open(version, span)
        except ObjectError as failure:
            return await self._doubted(failure, version, span)
        if body.route != DIRECT:
            self.edge.served()
        return body

    async def _doubted(self, failure: ObjectError, version: SourceObject, span: Span | None) -> OpenDownload | None:
        at_edge = failure.party is Party.EDGE and failure.reason.scope is Scope.KEY
        if at_edge and failure.status in _FAILURES:
            return await self._without(failure, version, span)
        if not isinstance(failure, Changed) and (not at_edge or isinstance(failure, Transient)):
            raise failure
        current = await self.source.head(version.key)
        if current.etag != version.etag:
            return None
        if current.archived:
            raise Archived(f"{version.text}: S3 must restore it before it can be read") from failure
        if at_edge:
            self.edge.missed(str(failure))
        if self.direct is not None:
            return await self._straight(self.direct, version, span)
        if isinstance(failure, Changed):
            raise StaleEdge(
                f"{version.text}: the CDN does not serve the version that S3 has (ETag {version.etag}); "
                "invalidate the path, or set STALE_EDGE=direct"
            ) from failure
        if failure.status in _KEPT:
            raise _later(failure, "S3 has it") from failure
        raise failure

    async def _without(self, failure: ObjectError, version: SourceObject, span: Span | None) -> OpenDownload | None:
        """A CDN that fails, and would say the same for as long as it keeps that."""
        self.edge.missed(str(failure))
        if self.direct is None:
            raise _later(failure, "it keeps an error for a while") from failure
        return await self._straight(self.direct, version, span)

    async def _straight(self, direct: Download, version: SourceObject, span: Span | None) -> OpenDownload | None:
        try:
            return await direct.open(version, span)
        except Changed:
            if (await self.source.head(version.key)).etag != version.etag:
                return None
            raise


def _later(failure: ObjectError, why: str) -> Transient:
    """Worth another try when the CDN has forgotten what it said."""
    return Transient(
        f"{failure}; {why}, tried again in {KEPT_SECONDS:.0f} s",
        party=failure.party,
        status=failure.status,
        code=failure.code,
        asked=failure.asked,
        retry_after=max(KEPT_SECONDS, failure.retry_after or 0.0),
    )
