"""A page of the destination's listing as columns, and how it lies beside a page of the source."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from shared.domain.keys import KeyMapping
from shared.domain.objects import DestinationObject, source_etag
from shared.domain.page import Page


@dataclass(frozen=True)
class CopyPage:
    """Live objects in the order of their names; the columns are equally long. md5s: hex, None for composite objects.
    metagenerations: empty where the listing was not asked for them.
    """

    names: Sequence[bytes]
    sizes: Sequence[int]
    generations: Sequence[int]
    crc32cs: Sequence[str]
    md5s: Sequence[str | None]
    metadata: Sequence[dict[str, str]]
    metagenerations: Sequence[int] = ()

    @classmethod
    def of(cls, copies: Sequence[DestinationObject]) -> "CopyPage":
        return cls(
            [item.name for item in copies],
            [item.size for item in copies],
            [item.generation for item in copies],
            [item.crc32c for item in copies],
            [item.md5 for item in copies],
            [item.metadata for item in copies],
            [item.metageneration for item in copies],
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> DestinationObject:
        return DestinationObject(
            self.names[index],
            self.sizes[index],
            self.generations[index],
            self.crc32cs[index],
            self.md5s[index],
            self.metadata[index],
            self.metagenerations[index] if self.metagenerations else 1,
        )

    def part(self, start: int, stop: int | None = None) -> "CopyPage":
        """The objects from start up to, not including, stop."""
        cut = slice(start, stop)
        return CopyPage(
            self.names[cut],
            self.sizes[cut],
            self.generations[cut],
            self.crc32cs[cut],
            self.md5s[cut],
            self.metadata[cut],
            self.metagenerations[cut],
        )

    def replaced(self, copies: Mapping[int, DestinationObject]) -> "CopyPage":
        """The same page with other copies at these indexes. How often their metadata was changed stays as it was
        listed.
        """
        rows = [copies.get(index) or self[index] for index in range(len(self))]
        return replace(CopyPage.of(rows), metagenerations=self.metagenerations)

    def up_to(self, name: bytes) -> int:
        """How many of its names are not greater than `name`."""
        return bisect_right(self.names, name)

    @cached_property
    def proofs(self) -> list[tuple[int, str | None, str | None]]:
        """Size, the ETag it was copied from, and its MD5, of each: of the copy of a single-part object these are the
        source's size, its ETag, and its ETag again.
        """
        etags = [source_etag(known) for known in self.metadata]
        return list(zip(self.sizes, etags, self.md5s, strict=True))


NO_COPIES = CopyPage((), (), (), (), (), ())


@dataclass(frozen=True, slots=True)
class Pairs:
    """A page of the source beside the copies that lie in the same stretch. matches: each object's copy, by its index,
    None where there is none. extras: the copies that belong to no object. encoded: the copies of objects whose names
    had to be encoded, by the objects' indexes: these lie elsewhere in the order.
    """

    page: Page
    copies: CopyPage
    matches: Sequence[int | None]
    extras: Sequence[int]
    encoded: Mapping[int, DestinationObject] = field(default_factory=dict)

    def with_encoded(self, encoded: Mapping[int, DestinationObject]) -> "Pairs":
        """The same, with copies under encoded names."""
        return replace(self, encoded=encoded)

    def seen(self, copies: Mapping[int, DestinationObject]) -> "Pairs":
        """The same, with the copies of these objects, by the objects' indexes, as a stat of each shows them."""
        matched = {match: copy for index, copy in copies.items() if (match := self.matches[index]) is not None}
        encoded = {index: copy for index, copy in copies.items() if self.matches[index] is None}
        return replace(self, copies=self.copies.replaced(matched), encoded={**self.encoded, **encoded})

    def suspects(self) -> list[int]:
        """The objects whose copy is not proven by size, ETag and MD5 alone: these are looked at singly."""
        proofs = self.copies.proofs
        found = (proofs[match] if match is not None else None for match in self.matches)
        wanted = zip(self.page.sizes, self.page.etags, self.page.etags, strict=True)
        return [index for index, (have, want) in enumerate(zip(found, wanted, strict=True)) if have != want]

    def copied_bytes(self) -> list[int | None]:
        """The size of each object's copy, None where there is none."""
        sizes = self.copies.sizes
        found = [sizes[match] if match is not None else None for match in self.matches]
        for index, copy in self.encoded.items():
            found[index] = copy.size
        return found

    def copy(self, index: int) -> DestinationObject | None:
        """The copy of the page's object at `index`."""
        match = self.matches[index]
        return self.copies[match] if match is not None else self.encoded.get(index)

    def md5(self, index: int) -> str | None:
        """The MD5 of the copy of the page's object at `index`."""
        copy = self.copy(index)
        return copy.md5 if copy is not None else None


def pair(page: Page, copies: CopyPage, mapping: KeyMapping) -> Pairs:
    """Which copy belongs to which object. Encoded names lie elsewhere in the order and belong to nobody here."""
    same_names = mapping.source_prefix == mapping.destination_prefix
    names = page.keys if same_names else [mapping.name(key) for key in page.keys]
    if names == copies.names:
        return Pairs(page, copies, range(len(page)), ())
    places = {name: index for index, name in enumerate(copies.names)}
    matches = [places.pop(name, None) for name in names]
    return Pairs(page, copies, matches, sorted(places.values()))
