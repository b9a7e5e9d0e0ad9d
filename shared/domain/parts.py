"""How a large object is cut into the parts of a multipart upload."""

from collections.abc import Iterator
from dataclasses import dataclass

MIB = 1024 * 1024
MOST_PARTS = 10_000
LEAST_PART_BYTES = 5 * MIB
"""https://cloud.google.com/storage/quotas#requests: at most 10,000 parts, each but the last of at least 5 MiB."""

MOST_OBJECT_BYTES = 5 * 1024 * 1024 * MIB
"""5 TiB, the largest object of Cloud Storage; S3 has larger ones. https://cloud.google.com/storage/quotas#objects"""


@dataclass(frozen=True, slots=True)
class PartPlan:
    """size: of the object. part_bytes: of every part but the last. Parts count from 1."""

    size: int
    part_bytes: int

    @classmethod
    def cut(cls, size: int, wanted_bytes: int, multiple_of: int | None = None) -> "PartPlan":
        """Parts of about `wanted_bytes`, larger where there would be too many.

        multiple_of: the size of the source's own parts (at most 5 GiB), of which whole ones are taken, because only
        then can the source's multipart ETag be computed from the parts.
        """
        least = max(wanted_bytes, LEAST_PART_BYTES, -(-size // MOST_PARTS))
        unit = multiple_of or MIB
        return cls(size, -(-least // unit) * unit)

    @property
    def count(self) -> int:
        return max(1, -(-self.size // self.part_bytes))

    def span(self, number: int) -> tuple[int, int]:
        """(first byte, byte after the last) of a part."""
        if not 1 <= number <= self.count:
            raise ValueError(f"part {number} of {self.count}")
        start = (number - 1) * self.part_bytes
        return start, min(self.size, start + self.part_bytes)

    def __iter__(self) -> Iterator[int]:
        """The parts' numbers."""
        return iter(range(1, self.count + 1))
