"""Reads of the source, through a CDN or not."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from shared.domain.archive import Restore
from shared.domain.checksums import Chunk
from shared.domain.errors import Archived, Changed, Gone, ObjectError, Refused
from shared.domain.objects import SourceObject
from shared.ports.download import OpenDownload, Span
from tests.fakes.bucket import FakeBucket, Stored


@dataclass
class FakeDownload:
    """stale: bodies that are served whatever the bucket holds. faults: raised, one a request, in order.
    hides_checksums: as a distribution that does not pass on what asks for them.
    """

    bucket: FakeBucket
    name: str = "cdn"
    stale: dict[bytes, Stored] = field(default_factory=dict)
    faults: dict[bytes, list[ObjectError]] = field(default_factory=lambda: defaultdict(list))
    tamper: dict[bytes, bytes] = field(default_factory=dict)
    hides_encryption: bool = False
    hides_checksums: bool = False

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        self.bucket.requests.append((self.name, source.key))
        if self.faults[source.key]:
            raise self.faults[source.key].pop(0)
        stored = self.stale.get(source.key) or self.bucket.objects.get(source.key)
        if stored is None:
            raise Gone(source.text)
        if stored.restore not in (None, Restore.DONE) or source.key in self.bucket.archived_in_silence:
            raise Archived(source.text)
        if stored.etag != source.etag:
            raise Changed(source.text)
        if span is not None and not span[0] < span[1] <= len(stored.body):
            raise Refused(f"{source.text}: 416 InvalidRange")
        body, size = self.tamper.get(source.key, stored.body), len(stored.body)
        if span is not None:
            body, size = body[span[0] : span[1]], span[1] - span[0]
        told = replace(stored.told, encryption=None) if self.hides_encryption else stored.told
        if self.hides_checksums:
            told = replace(
                told,
                crc32c=None,
                crc64nvme=None,
                sha512=None,
                sha256=None,
                sha1=None,
                crc32=None,
                md5=None,
                composite=None,
            )
        return OpenDownload(stored.etag, size, told, _in_two(body), lambda: None, self.name)


async def _in_two(body: bytes) -> AsyncIterator[Chunk]:
    half = len(body) // 2
    for part in (body[:half], body[half:]):
        if part:
            yield part
