"""A way to an object's bytes."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Protocol, Self

from shared.domain.checksums import Chunk
from shared.domain.objects import Attributes, SourceObject
from shared.domain.valueclass import valueclass

Span = tuple[int, int]
"""Bytes of an object: the first, and the one after the last."""


@valueclass(frozen=True, slots=True)
class OpenDownload:
    """An open download, a context manager that closes it. size: bytes promised by Content-Length. chunks: read once, in
    order. close: gives the connection back. route: the way they take.
    """

    etag: str
    size: int
    attributes: Attributes
    chunks: AsyncIterator[Chunk]
    close: Callable[[], None]
    route: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Download(Protocol):
    """A way to an object's bytes: through the CDN, or straight from S3."""

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        """Ask for exactly the version `source.etag`, all of it or the bytes of a span.

        Raises Changed if anything else is answered.
        """
        ...
