"""How a large object is cut into the parts of a multipart upload."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

MIB = 1024 * 1024
MOST_PARTS = 10_000
LEAST_PART_BYTES = 5 * MIB
"""https://cloud.google.com/storage/quotas#requests: at most 10,000 parts, each but the last of at least 5 MiB."""

MOST_PART_BYTES = 5 * 1024 * MIB
"""5 GiB: https://cloud.google.com/storage/quotas#requests"""

MOST_OBJECT_BYTES = 5 * 1024 * 1024 * MIB
"""5 TiB, the largest object of Cloud Storage; S3 has larger ones. https://cloud.google.com/storage/quotas#objects"""


@dataclass(frozen=True, slots=True)
class PartPlan:
    """size: of the object. part_bytes: of every part but the last. Parts count from 1. ends: where the parts end, if
    that is somewhere else.
    """

    size: int
    part_bytes: int
    ends: tuple[int, ...] = ()

    @classmethod
    def cut(cls, size: int, wanted_bytes: int, multiple_of: int | None = None) -> "PartPlan":
        """Parts of about `wanted_bytes`, larger where there would be too many, and none that would be too large.

        multiple_of: the size of the source's own parts (at most 5 GiB), of which whole ones are taken, because only
        then can the source's checksum of its parts be computed from the parts.
        """
        least = cls._least(size, wanted_bytes)
        unit = multiple_of or MIB
        return cls(size, min(-(-least // unit), max(1, MOST_PART_BYTES // unit)) * unit)

    @classmethod
    def along(cls, source_parts: Sequence[int], wanted_bytes: int) -> "PartPlan":
        """The same for source parts of different sizes: whole ones, and none together that would be too large.

        Two neighbours of which the first ended early for that have more than 5 GiB, so there are not too many.
        """
        least, start, ends = cls._least(sum(source_parts), wanted_bytes), 0, list[int]()
        for end, part in zip(accumulate(source_parts), source_parts, strict=True):
            if end - start > MOST_PART_BYTES and end - part > start:
                start = end - part
                ends.append(start)
            if end - start >= least:
                start = end
                ends.append(end)
        whole = sum(source_parts)
        return cls(whole, least, tuple(ends if ends and ends[-1] == whole else [*ends, whole]))

    @staticmethod
    def _least(size: int, wanted_bytes: int) -> int:
        return max(wanted_bytes, LEAST_PART_BYTES, -(-size // MOST_PARTS))

    @property
    def count(self) -> int:
        return len(self.ends) or max(1, -(-self.size // self.part_bytes))

    def span(self, number: int) -> tuple[int, int]:
        """(first byte, byte after the last) of a part."""
        if not 1 <= number <= self.count:
            raise ValueError(f"part {number} of {self.count}")
        if self.ends:
            return (self.ends[number - 2] if number > 1 else 0), self.ends[number - 1]
        start = (number - 1) * self.part_bytes
        return start, min(self.size, start + self.part_bytes)

    def __iter__(self) -> Iterator[int]:
        """The parts' numbers."""
        return iter(range(1, self.count + 1))
