from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.archive import Restore
from shared.domain.comparison import Comparison, compare, is_of
from shared.domain.copies import CopyPage, pair
from shared.domain.keys import KeyMapping
from shared.domain.objects import SOURCE_ENCRYPTION, SOURCE_ETAG, DestinationObject, SourceObject
from shared.domain.page import Page
from shared.verifying.copy_window import CopyWindow

MD5, OTHER = "0" * 32, "1" * 32
OURS = {SOURCE_ETAG: MD5}
V = Comparison


def source(etag: str = MD5, size: int = 5, key: bytes = b"k", restore: Restore | None = None) -> SourceObject:
    return SourceObject(key, etag, size, 0, "GLACIER" if restore else "STANDARD", restore)


def copy(
    md5: str | None = MD5, size: int = 5, metadata: dict[str, str] | None = None, name: bytes = b"k"
) -> DestinationObject:
    return DestinationObject(name, size, 1, "crc==", md5, metadata or {})


@pytest.mark.parametrize(
    ("left", "right", "name", "verdict", "while_copying"),
    [
        (source(), None, b"k", V.MISSING, V.IN_FLIGHT),
        (source(), None, b"a\nb", V.UNSUPPORTED, V.UNSUPPORTED),
        (source(restore=Restore.NEEDED), None, b"k", V.ARCHIVED, V.ARCHIVED),
        (source(restore=Restore.NEEDED), copy(), b"k", V.SAME, V.SAME),
        (source(restore=Restore.UNDER_WAY), None, b"k", V.ARCHIVED, V.ARCHIVED),
        (source(restore=Restore.DONE), None, b"k", V.MISSING, V.IN_FLIGHT),
        (source(), copy(size=6), b"k", V.SIZE_DIFFERS, V.IN_FLIGHT),
        (source(), copy(md5=OTHER), b"k", V.UNPROVEN, V.IN_FLIGHT),
        (source(), copy(md5=OTHER, metadata=OURS), b"k", V.CHECKSUM_DIFFERS, V.IN_FLIGHT),
        (source(OTHER), copy(metadata=OURS), b"k", V.ETAG_DIFFERS, V.IN_FLIGHT),
        (source(), copy(), b"k", V.SAME, V.SAME),
        (source(), copy(metadata=OURS), b"k", V.SAME, V.SAME),
        (source(), copy(md5=None, metadata=OURS), b"k", V.UNPROVEN, V.IN_FLIGHT),
        (source(), copy(md5=OTHER, metadata={**OURS, SOURCE_ENCRYPTION: "aws:kms"}), b"k", V.UNPROVEN, V.IN_FLIGHT),
        (source("abc-2"), copy(metadata={SOURCE_ETAG: "abc-2"}), b"k", V.UNPROVEN, V.IN_FLIGHT),
        (source("abc-2"), copy(), b"k", V.UNPROVEN, V.IN_FLIGHT),
    ],
)
def test_verdicts(
    left: SourceObject, right: DestinationObject | None, name: bytes, verdict: Comparison, while_copying: Comparison
) -> None:
    assert compare(left, right, KeyMapping().place(name)) is verdict
    assert compare(left, right, KeyMapping().place(name), in_flight=True) is while_copying


PARTS = {SOURCE_ETAG: "abc-2"}


@pytest.mark.parametrize(
    ("left", "right", "proven", "verdict", "stays"),
    [
        (source("abc-2"), copy(metadata=PARTS), "crc==", V.SAME, True),
        (source("abc-2"), copy(metadata=PARTS), "other", V.CHECKSUM_DIFFERS, True),
        (source("abc-2"), copy(metadata=PARTS), None, V.UNPROVEN, True),
        (source("abc-2"), copy(), "crc==", V.SAME, False),
        (source("abc-2"), copy(), None, V.UNPROVEN, False),
        (source(), copy(md5=OTHER), "crc==", V.SAME, False),
        (source(), copy(md5=OTHER), "other", V.CHECKSUM_DIFFERS, False),
        (source("abc-3"), copy(metadata=PARTS), "crc==", V.ETAG_DIFFERS, False),
        (source("abc-2"), copy(metadata=PARTS, size=6), "crc==", V.SIZE_DIFFERS, False),
        (source(), copy(md5=OTHER, metadata=OURS), "crc==", V.CHECKSUM_DIFFERS, False),
        (source(), copy(metadata=OURS), "other", V.SAME, True),
    ],
)
def test_what_an_md5_cannot_prove_the_remembered_crc32c_can(
    left: SourceObject, right: DestinationObject, proven: str | None, verdict: Comparison, stays: bool
) -> None:
    """stays: whether a transfer that is not forced leaves the copy."""
    place = KeyMapping().place(b"k")
    assert compare(left, right, place, crc32c=proven) is verdict
    assert is_of(left, right, place) is stays


@settings(deadline=None)
@given(
    st.sets(st.text("abc", min_size=1, max_size=3).map(str.encode)),
    st.sets(st.text("abc", min_size=1, max_size=3).map(str.encode)),
    st.integers(1, 4),
    st.integers(1, 4),
)
async def test_side_by_side_every_key_and_every_copy_comes_once(
    left: set[bytes], right: set[bytes], page_keys: int, copies_a_page: int
) -> None:
    mapping = KeyMapping(b"", b"to/")
    names = sorted(b"to/" + key for key in right)

    async def listing() -> AsyncIterator[CopyPage]:
        for start in range(0, len(names), copies_a_page):
            yield CopyPage.of([copy(name=name) for name in names[start : start + copies_a_page]])

    window, keys = CopyWindow(listing(), mapping), sorted(left)
    paired: list[tuple[bytes, bytes | None]] = []
    extras: list[bytes] = []
    for start in range(0, len(keys), page_keys):
        page = Page.of([source(key=key) for key in keys[start : start + page_keys]])
        async for part, copies, _ in window.beside(page):
            assert len(copies) <= copies_a_page, "no more than a page is held"
            found = pair(part, copies, mapping)
            paired += [
                (key, item.name if item else None)
                for key, item in zip(part.keys, map(found.copy, range(len(part))), strict=True)
            ]
            extras += [copies.names[index] for index in found.extras]
    async for _, copies, _ in window.rest(None):
        extras += copies.names
    assert paired == [(key, b"to/" + key if key in right else None) for key in keys]
    assert extras == [name for name in names if name[3:] not in left]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([MD5, OTHER, "abc-2"]),
            st.sampled_from([None, MD5, OTHER]),
            st.booleans(),
            st.integers(5, 6),
        )
    )
)
def test_who_is_no_suspect_is_the_same(rows: list[tuple[str, str | None, bool, int]]) -> None:
    page = Page.of([source(etag, key=b"%03d" % n) for n, (etag, _, _, _) in enumerate(rows)])
    copies = [
        copy(md5, size, {SOURCE_ETAG: etag} if ours else {}, name=b"%03d" % n)
        for n, (etag, md5, ours, size) in enumerate(rows)
    ]
    pairs = pair(page, CopyPage.of(copies), KeyMapping())
    suspects = set(pairs.suspects())
    for index, found in enumerate(copies):
        if index not in suspects:
            assert compare(page[index], found, KeyMapping().place(found.name)) is V.SAME


def test_a_name_under_the_prefix_for_encoded_ones_is_paired_by_what_it_says() -> None:
    mapping = KeyMapping(encode=True)
    pairs = pair(Page.of([source(key=b"a")]), CopyPage.of([copy(name=b".s3-names/a%0A"), copy(name=b"a")]), mapping)
    assert (list(pairs.matches), list(pairs.extras)) == ([1], [0])
    assert mapping.original(pairs.copies.names[0]) == b"a\n"
