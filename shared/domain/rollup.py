"""What lies in each folder on both sides, summed up while both are walked."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.comparison import Comparison
from shared.domain.splitting import beyond

MOST_FOLDERS = 2000
MOST_NAME_BYTES = 200_000
"""Folders one range keeps apart, and bytes of their names: its document stays far below 1 MiB. What comes beyond is
summed up one level higher, up to the job's root."""

MOST_DIFFERING = 1000
MOST_DIFFERING_BYTES = 200_000
"""Keys that one range, and a report, names one by one, and bytes of their names."""

Differing = tuple[str, int, str]
"""Of a key that is not simply the same: the key, its bytes, and the verdict, or why it failed."""

Checks = Mapping[bytes, tuple[int, int]]
"""By folder: how often it was compared so far, and how often something in it was repaired."""


@dataclass(slots=True)
class FolderRollup:
    """Objects and bytes on both sides. wrong: keys whose two sides do not agree. extra: copies of no object."""

    s3_count: int = 0
    s3_bytes: int = 0
    gcs_count: int = 0
    gcs_bytes: int = 0
    wrong: int = 0
    extra: int = 0

    def merge(self, other: "FolderRollup") -> None:
        for name in FolderRollup.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Rollup:
    """By folder, to `depth` slashes below `root`; the job's root for what lies directly in it. sizes: objects by the
    number of bits of their size in bytes. proofs: agreeing objects by what shows it. archived: what S3 must
    restore before it can be copied, keys and bytes by class; apart what is being restored. differing: the first keys
    that are not simply the same. unwritten_rows: of the manifest, which its bucket refused.
    own_extra: copies of no object that this very job has made.
    """

    root: bytes = b""
    depth: int = 1
    folders: dict[bytes, FolderRollup] = field(default_factory=dict)
    sizes: Counter[int] = field(default_factory=Counter)
    proofs: Counter[str] = field(default_factory=Counter)
    archived: dict[str, tuple[int, int]] = field(default_factory=dict)
    differing: list[Differing] = field(default_factory=list)
    unwritten_rows: int = 0
    own_extra: int = 0
    _name_bytes: int = 0

    def of(self, folder: bytes) -> FolderRollup:
        """The sum of a folder, or of the one above that has room."""
        while folder not in self.folders and folder != self.root and not self._has_room(folder):
            folder = self.folder(folder[:-1], max(0, folder.count(b"/", len(self.root)) - 1))
        if folder not in self.folders:
            self.folders[folder] = FolderRollup()
            self._name_bytes += len(folder)
        return self.folders[folder]

    def _has_room(self, folder: bytes) -> bool:
        return len(self.folders) < MOST_FOLDERS and self._name_bytes + len(folder) <= MOST_NAME_BYTES

    def folder(self, key: bytes, depth: int | None = None) -> bytes:
        """Where a key is summed up."""
        end = len(self.root)
        for _ in range(self.depth if depth is None else depth):
            cut = key.find(b"/", end)
            if cut < 0:
                break
            end = cut + 1
        return key[:end]

    def groups(self, keys: Sequence[bytes]) -> Iterator[tuple[FolderRollup, int, int]]:
        """The sums of sorted keys, each with the first of its keys and the one after the last."""
        start = 0
        while start < len(keys):
            folder = self.folder(keys[start])
            end = self._end(folder, keys, start)
            yield self.of(folder), start, end
            start = end

    def _end(self, folder: bytes, keys: Sequence[bytes], start: int) -> int:
        """The first key behind `start` that is summed up elsewhere."""
        if folder.count(b"/", len(self.root)) < self.depth:
            differing = (index for index in range(start + 1, len(keys)) if self.folder(keys[index]) != folder)
            return next(differing, len(keys))
        after = beyond(folder.decode())
        return len(keys) if after is None else bisect_left(keys, after.encode(), start)

    def merge(self, other: "Rollup") -> None:
        for folder, amount in other.folders.items():
            self.of(folder).merge(amount)
        self.sizes.update(other.sizes)
        self.proofs.update(other.proofs)
        for name, (keys, size) in other.archived.items():
            self.add_archived(name, keys, size)
        self.differing = first_differing([*self.differing, *other.differing])
        self.unwritten_rows += other.unwritten_rows
        self.own_extra += other.own_extra

    def differs(self, key: bytes, size: int, why: str) -> None:
        """Name a key that is not simply the same."""
        self.differing.append((key.decode(), size, why))
        if len(self.differing) >= 2 * MOST_DIFFERING:
            self.differing = first_differing(self.differing)

    def add_archived(self, name: str, keys: int, size: int) -> None:
        known = self.archived.get(name, (0, 0))
        self.archived[name] = known[0] + keys, known[1] + size

    def whole(self) -> FolderRollup:
        """All folders together."""
        whole = FolderRollup()
        for amount in self.folders.values():
            whole.merge(amount)
        return whole


def first_differing(found: Sequence[Differing]) -> list[Differing]:
    """Those that are named one by one: what disagrees comes before what only waits, or cannot be there at all."""
    named, size = list[Differing](), 0
    for item in sorted(found, key=lambda item: (item[2] in _QUIET, item[0])):
        size += len(item[0].encode())
        if len(named) >= MOST_DIFFERING or size > MOST_DIFFERING_BYTES:
            break
        named.append(item)
    return named


_QUIET = frozenset({Comparison.IN_FLIGHT, Comparison.ARCHIVED, Comparison.UNSUPPORTED, Comparison.EXTRA})
