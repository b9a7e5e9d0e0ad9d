"""The source."""

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from shared.domain.archive import ARCHIVE_CLASSES, Restore, Tier
from shared.domain.checksums import even_sizes
from shared.domain.digests import PartDigests
from shared.domain.errors import Archived, Gone
from shared.domain.objects import Attributes, SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.ports.source import Children


@dataclass
class Stored:
    body: bytes
    attributes: Attributes
    modified: int
    storage_class: str = "STANDARD"

    parts: int | Sequence[int] = 0
    restore: Restore | None = None

    @property
    def told(self) -> Attributes:
        return replace(self.attributes, storage_class=self.storage_class)

    @cached_property
    def etag(self) -> str:
        """Of a single-part upload, or of one in parts of `parts` bytes, of each of them or of all but the last."""
        if not self.parts:
            return hashlib.md5(self.body).hexdigest()
        digests = PartDigests(self.parts)
        digests.update(self.body)
        return f"{hashlib.md5(digests.digests()).hexdigest()}-{digests.count}"

    @property
    def part_sizes(self) -> Sequence[int] | None:
        """Of each part; None of a single-part upload."""
        if not isinstance(self.parts, int):
            return self.parts
        whole, rest = divmod(len(self.body), self.parts) if self.parts else (0, 0)
        return (self.parts,) * whole + ((rest,) if rest else ()) if self.parts else None


@dataclass
class FakeBucket:
    """An S3 bucket: `shared.ports.source.Source`, and by `download` a `Download`, which may be a stale edge. deleted:
    pages without a key behind a key, where S3 passes versions that were deleted.
    """

    objects: dict[bytes, Stored] = field(default_factory=dict)
    page_size: int = 1000
    moments: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_700_000_000))
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    listed_page: Callable[[], None] = lambda: None
    archived_in_silence: set[bytes] = field(default_factory=set)
    deleted: dict[bytes, int] = field(default_factory=dict)

    def put(
        self,
        key: str,
        body: bytes,
        attributes: Attributes | None = None,
        storage_class: str = "STANDARD",
        parts: int | Sequence[int] = 0,
    ) -> None:
        restore = Restore.NEEDED if storage_class in ARCHIVE_CLASSES else None
        self.objects[key.encode()] = Stored(
            body, attributes or Attributes(), next(self.moments), storage_class, parts, restore
        )

    def listed(self, key: bytes) -> SourceObject:
        stored = self.objects[key]
        return SourceObject(key, stored.etag, len(stored.body), stored.modified, stored.storage_class, stored.restore)

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        position = after
        while True:
            for _ in range(self.deleted.get(position, 0)):
                self.requests.append(("list", prefix))
                self.listed_page()
                yield NO_OBJECTS
            keys = self._after(prefix, position)
            self.requests.append(("list", prefix))
            if not keys:
                return
            page = [self.listed(key) for key in keys[: self.page_size]]
            self.listed_page()
            yield Page.of(page)
            if len(keys) <= self.page_size:
                return
            position = page[-1].key

    def _after(self, prefix: bytes, after: bytes) -> list[bytes]:
        return sorted(key for key in self.objects if key.startswith(prefix) and (not after or key > after))

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        self.requests.append(("first_after", after))
        return next(iter(self._after(prefix, after)), None)

    async def children(self, prefix: bytes, after: bytes) -> Children:
        self.requests.append(("children", prefix))
        cut = len(prefix)
        folders = {key[: key.index(b"/", cut) + 1] for key in self._after(prefix, after) if b"/" in key[cut:]}
        found = sorted(folders)
        return Children(found[:100], len(found) <= 100)

    async def head(self, key: bytes) -> SourceObject:
        self.requests.append(("head", key))
        if key not in self.objects:
            raise Gone(key.decode())
        found = self.listed(key)
        return replace(found, restore=found.restore or Restore.NEEDED) if key in self.archived_in_silence else found

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        return await self.head(key), self.objects[key].told

    async def restore(self, source: SourceObject, tier: Tier, days: int) -> None:
        self.requests.append((f"restore {tier} {days}", source.key))
        stored = self.objects[source.key]
        if stored.restore is None and source.key not in self.archived_in_silence:
            raise Archived(source.text)
        if stored.restore is not Restore.DONE:
            stored.restore = Restore.UNDER_WAY

    async def part_sizes(self, source: SourceObject, exact: bool = False) -> Sequence[int] | None:
        self.requests.append(("part_sizes", source.key))
        true = self.objects[source.key].part_sizes
        if true is None or exact:
            return true
        return even_sizes(source.size, len(true), true[0], true[-1]) or true
