import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.compare import OutOfOrder, Verdict, judge, march
from shared.core.keys import Mapping
from shared.core.objects import SOURCE_ENCRYPTION, SOURCE_ETAG, DestinationObject, SourceObject

MD5, OTHER = "0" * 32, "1" * 32
OURS = {SOURCE_ETAG: MD5}
V = Verdict


def source(etag: str = MD5, size: int = 5, key: bytes = b"k") -> SourceObject:
    return SourceObject(key, etag, size, 0)


def copy(
    md5: str | None = MD5, size: int = 5, metadata: dict[str, str] | None = None, name: bytes = b"k"
) -> DestinationObject:
    return DestinationObject(name, size, 1, "", md5, metadata or {})


@pytest.mark.parametrize(
    ("left", "right", "name", "verdict", "while_copying"),
    [
        (source(), None, b"k", V.MISSING, V.IN_FLIGHT),
        (source(), None, b"a\nb", V.UNSUPPORTED, V.UNSUPPORTED),
        (source(), copy(size=6), b"k", V.SIZE_DIFFERS, V.IN_FLIGHT),
        (source(), copy(md5=OTHER), b"k", V.CHECKSUM_DIFFERS, V.IN_FLIGHT),
        (source(), copy(md5=OTHER, metadata=OURS), b"k", V.CHECKSUM_DIFFERS, V.IN_FLIGHT),
        (source(OTHER), copy(metadata=OURS), b"k", V.ETAG_DIFFERS, V.IN_FLIGHT),
        (source(), copy(), b"k", V.SAME, V.SAME),
        (source(), copy(metadata=OURS), b"k", V.SAME, V.SAME),
        (source(), copy(md5=None, metadata=OURS), b"k", V.SAME, V.SAME),
        (source(), copy(md5=OTHER, metadata={**OURS, SOURCE_ENCRYPTION: "aws:kms"}), b"k", V.SAME, V.SAME),
        (source("abc-2"), copy(metadata={SOURCE_ETAG: "abc-2"}), b"k", V.SAME, V.SAME),
        (source("abc-2"), copy(), b"k", V.UNPROVEN, V.IN_FLIGHT),
    ],
)
def test_verdicts(
    left: SourceObject, right: DestinationObject | None, name: bytes, verdict: Verdict, while_copying: Verdict
) -> None:
    assert judge(left, right, Mapping().place(name)) is verdict
    assert judge(left, right, Mapping().place(name), in_flight=True) is while_copying


async def stream(items):  # type: ignore[no-untyped-def]
    for item in items:
        yield item


@given(st.sets(st.binary(min_size=1, max_size=3)), st.sets(st.binary(min_size=1, max_size=3)))
async def test_a_march_pairs_every_key_once(left: set[bytes], right: set[bytes]) -> None:
    mapping = Mapping(b"", b"to/")
    sources = stream(source(key=key) for key in sorted(left))
    copies = stream(copy(name=b"to/" + key) for key in sorted(right))
    pairs = [(s.key if s else None, c.name[3:] if c else None) async for s, c in march(sources, copies, mapping)]
    assert {key for key, _ in pairs if key is not None} == left
    assert {name for _, name in pairs if name is not None} == right
    assert len(pairs) == len(left | right)
    assert all(key == name for key, name in pairs if key is not None and name is not None)


@pytest.mark.parametrize(("left", "right"), [([b"b", b"a"], []), ([b"a", b"a"], []), ([], [b"b", b"a"])])
async def test_a_listing_that_goes_backwards_stops_the_march(left: list[bytes], right: list[bytes]) -> None:
    pairs = march(stream(source(key=k) for k in left), stream(copy(name=k) for k in right), Mapping())
    with pytest.raises(OutOfOrder):
        [pair async for pair in pairs]
