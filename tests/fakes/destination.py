"""The destination."""

import base64
import hashlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import google_crc32c

from shared.domain.checksums import Chunk
from shared.domain.copies import CopyPage
from shared.domain.errors import Corrupt, LostRace
from shared.domain.objects import Attributes, DestinationObject
from shared.ports.destination import Upload


@dataclass
class FakeDestination:
    objects: dict[bytes, tuple[DestinationObject, bytes]] = field(default_factory=dict)
    generations: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    page_size: int = 1000
    writes: list[bytes] = field(default_factory=list)
    classes: dict[bytes, str | None] = field(default_factory=dict)
    attributes: dict[bytes, Attributes] = field(default_factory=lambda: defaultdict(Attributes))
    now: Callable[[], float] = lambda: 0.0
    kms: bool = False
    """Whether the bucket has a customer's key at KMS: what is listed shows no checksums then."""
    stats: list[bytes] = field(default_factory=list)

    async def stat(self, name: bytes) -> DestinationObject | None:
        self.stats.append(name)
        found = self.objects.get(name)
        return found[0] if found else None

    async def inspect(self, name: bytes) -> tuple[DestinationObject, Attributes] | None:
        found = self.objects.get(name)
        return (found[0], replace(self.attributes[name], metadata=found[0].metadata)) if found else None

    def change(self, name: bytes, attributes: Attributes) -> None:
        """Somebody changes what is said of an object, and leaves its bytes; metadata: all of it."""
        copy, body = self.objects[name]
        changed = replace(copy, metadata=attributes.metadata, metageneration=copy.metageneration + 1)
        self.objects[name], self.attributes[name] = (changed, body), attributes

    async def stat_many(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        return {name: self._listed(name) for name in names if name in self.objects}

    def _listed(self, name: bytes) -> DestinationObject:
        copy = self.objects[name][0]
        return replace(copy, crc32c="", md5=None) if self.kms else copy

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        body = b"".join([chunk async for chunk in chunks])
        if len(body) != upload.size:
            raise Corrupt("length")
        if upload.md5 is not None and hashlib.md5(body).hexdigest() != upload.md5:
            raise Corrupt("md5")
        if upload.crc32c is not None and crc32c_of(body) != upload.crc32c:
            raise Corrupt("crc32c")
        present = self.objects.get(upload.name)
        if (present[0].generation if present else 0) != upload.generation:
            raise LostRace(upload.name.decode())
        self.classes[upload.name], self.attributes[upload.name] = upload.storage_class, upload.attributes
        return self.install(upload.name, body, upload.metadata, replaces=present is not None)

    def install(
        self,
        name: bytes,
        body: bytes,
        metadata: dict[str, str] | None = None,
        composite: bool = False,
        replaces: bool = False,
    ) -> DestinationObject:
        md5 = None if composite else hashlib.md5(body).hexdigest()
        generation, crc32c, now = next(self.generations), crc32c_of(body), self.now()
        written = DestinationObject(name, len(body), generation, crc32c, md5, metadata or {}, created=now)
        self.objects[name] = (written, body)
        self.writes.append(name)
        return written if replaces else replace(written, created=0.0)

    async def delete(self, name: bytes, generation: int) -> None:
        found = self.objects.get(name)
        if found is not None and found[0].generation != generation:
            raise LostRace(name.decode())
        self.objects.pop(name, None)

    async def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        found = [self._listed(name) for name in sorted(self.objects) if name.startswith(prefix) and name > after]
        for start in range(0, len(found), self.page_size):
            yield CopyPage.of(found[start : start + self.page_size])


def crc32c_of(body: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(body).digest()).decode()
