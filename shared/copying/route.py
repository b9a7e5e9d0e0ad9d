"""Which way an object's bytes take out of S3."""

from dataclasses import dataclass

from shared.domain.objects import SourceObject
from shared.ports.download import Download, OpenDownload, Span
from shared.pricing.egress import Threshold


@dataclass(frozen=True, slots=True)
class Cheapest:
    """A `Download`: each object by the way that costs less, with all that the month is expected to copy in mind."""

    cdn: Download
    direct: Download
    threshold: Threshold

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        """A part of an object is a request of its own, and so a choice of its own."""
        size = source.size if span is None else span[1] - span[0]
        way = self.cdn if self.threshold.by_cdn(size) else self.direct
        return await way.open(source, span)
