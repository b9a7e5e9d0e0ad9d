"""A page of a listing, kept as columns: a scan compares a thousand keys at once and looks at few of them singly."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import lt
from typing import Self

from shared.domain.archive import ARCHIVE_CLASSES, SILENT_CLASSES, Restore
from shared.domain.objects import SourceObject

PAGE_KEYS = 1000
"""Keys in a page of a listing: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""


@dataclass(frozen=True, slots=True)
class Page:
    """Listed objects, in key order; the columns are equally long.

    etags: without quotes. sizes: bytes. modified: RFC 3339, UTC, as S3 writes them, so that they compare as text.
    restores: what S3 says of the archived ones among them, by key; one that it says nothing of must be restored.
    """

    keys: Sequence[bytes]
    etags: Sequence[str]
    sizes: Sequence[int]
    modified: Sequence[str]
    storage_classes: Sequence[str]
    restores: Mapping[bytes, Restore] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: Sequence[SourceObject]) -> Self:
        return cls(
            [item.key for item in objects],
            [item.etag for item in objects],
            [item.size for item in objects],
            [rfc3339(item.modified) for item in objects],
            [item.storage_class for item in objects],
            {item.key: item.restore for item in objects if item.restore is not None},
        )

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> SourceObject:
        return SourceObject(
            self.keys[index],
            self.etags[index],
            self.sizes[index],
            int(datetime.fromisoformat(self.modified[index]).timestamp()),
            self.storage_classes[index],
            self.restore(index),
        )

    def __iter__(self) -> Iterator[SourceObject]:
        return (self[index] for index in range(len(self)))

    def restore(self, index: int) -> Restore | None:
        """What an archived object waits for; None for any other."""
        unknown = Restore.NEEDED if self.storage_classes[index] in ARCHIVE_CLASSES else None
        return self.restores.get(self.keys[index], unknown)

    def archived(self, index: int) -> bool | None:
        """Whether an object must be restored before it can be read; None if a listing does not say."""
        restore = self.restore(index)
        if restore is None and self.storage_classes[index] in SILENT_CLASSES:
            return None
        return restore not in (None, Restore.DONE)

    @property
    def last(self) -> bytes:
        return self.keys[-1]

    def passed(self, key: bytes, count: int) -> bool:
        """Whether a key lies no further than the first `count` objects, all of which are all that was read."""
        return count == len(self) or (count > 0 and key <= self.keys[count - 1])

    def part(self, start: int, stop: int) -> "Page":
        """The objects from start up to, not including, stop."""
        if start == 0 and stop >= len(self):
            return self
        cut = slice(start, stop)
        return Page(
            self.keys[cut],
            self.etags[cut],
            self.sizes[cut],
            self.modified[cut],
            self.storage_classes[cut],
            self.restores,
        )

    def until(self, key: bytes) -> "Page":
        """Its objects up to and including a key."""
        return self.part(0, bisect_right(self.keys, key))

    def behind(self, key: bytes) -> "Page":
        """Its objects behind a key."""
        return self.part(bisect_right(self.keys, key), len(self))


NO_OBJECTS = Page.of(())


def in_order(keys: Sequence[bytes], after: bytes) -> bool:
    """Whether every key is greater than the one before it, and the first one than `after`."""
    return not keys or (keys[0] > after and all(map(lt, keys, keys[1:])))


def rfc3339(epoch_seconds: float) -> str:
    """A time as S3's listings write it."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
