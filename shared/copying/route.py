"""Which way an object's bytes take out of S3."""

from dataclasses import dataclass

from shared.domain.objects import SourceObject
from shared.ports.download import Download, OpenDownload, Span
from shared.pricing.prices import EgressPrices


@dataclass(frozen=True, slots=True)
class Cheapest:
    """A `shared.ports.Download`: each object by the way that costs less."""

    cdn: Download
    direct: Download
    prices: EgressPrices

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        """A part of an object is a request of its own, and so a choice of its own."""
        size = source.size if span is None else span[1] - span[0]
        way = self.cdn if self.prices.cdn_is_cheaper(size) else self.direct
        return await way.open(source, span)
