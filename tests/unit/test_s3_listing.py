"""Pages as S3 writes them, as other servers do, and as they should not be."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.blob import Blob
from local.emulators.s3 import listing
from local.emulators.s3.store import Bucket, StoredObject
from shared.aws import listing as s3_listing
from shared.aws.listing import NotAListing, parse
from shared.domain.archive import Restore
from shared.domain.objects import SourceObject
from shared.domain.page import in_order

NOW = 1_800_000_000

S3_PAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>\
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken><KeyCount>2</KeyCount>\
<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents><Key>a+b%2B</Key>\
<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag>\
<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>5</Size>\
<StorageClass>STANDARD</StorageClass></Contents><Contents><Key>c/d</Key><LastModified>2026-01-02T03:04:05.000Z\
</LastModified><ETag>&quot;e-2&quot;</ETag><Size>6442450944</Size><StorageClass>DEEP_ARCHIVE</StorageClass></Contents>\
</ListBucketResult>"""


def bucket(keys: set[bytes]) -> Bucket:
    made = Bucket()
    for key in keys:
        made.objects[key] = StoredObject(Blob(key), hashlib.md5(key).hexdigest(), {}, modified=NOW)
    return made


def test_a_page_of_s3_is_read_by_the_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    by_parser = s3_listing._by_parser(S3_PAGE.decode())
    monkeypatch.setattr(s3_listing, "_by_parser", None)
    found = parse(S3_PAGE)
    assert list(found.page) == [
        SourceObject(b"a b+", "0123456789abcdef0123456789abcdef", 5, 1767323045),
        SourceObject(b"c/d", "e-2", 6442450944, 1767323045, "DEEP_ARCHIVE", Restore.NEEDED),
    ]
    assert found.truncated
    assert list(by_parser.page) == list(found.page)
    assert by_parser.truncated


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            b"<Size>5</Size><StorageClass>STANDARD</StorageClass>",
            b"<StorageClass>STANDARD</StorageClass><Size>5</Size>",
        ),
        (b"<Size>5</Size>", b"<Size>5</Size><Owner><ID>x</ID></Owner>"),
        (b"&quot;0123456789abcdef0123456789abcdef&quot;", b'"0123456789abcdef0123456789abcdef"'),
        (b"<Contents>", b"<Contents>\n "),
        (b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b""),
        (b"<StorageClass>STANDARD</StorageClass>", b""),
    ],
)
def test_what_is_written_in_another_way_says_the_same(old: bytes, new: bytes) -> None:
    assert old in S3_PAGE
    assert list(parse(S3_PAGE.replace(old, new)).page) == list(parse(S3_PAGE).page)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        S3_PAGE[:-30],
        S3_PAGE[:400],
        S3_PAGE.replace(b"<IsTruncated>true</IsTruncated>", b""),
        S3_PAGE.replace(b"<Size>5</Size>", b"<Size>many</Size>"),
        S3_PAGE.replace(b"<Size>5</Size>", b""),
        b"<html><body>a proxy's own page</body></html>",
        b"<Error><Code>InternalError</Code></Error>",
    ],
)
def test_what_is_not_a_whole_page_is_refused(body: bytes) -> None:
    with pytest.raises(NotAListing):
        parse(body)


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).map(str.encode), max_size=12))
def test_every_key_survives_the_listing(keys: set[bytes]) -> None:
    page = parse(listing.render("b", bucket(keys), {"list-type": "2", "encoding-type": "url"})).page
    assert page.keys == sorted(keys) or (not keys and len(page) == 0)
    assert in_order(page.keys, b"")


@pytest.mark.parametrize(
    ("keys", "after", "ordered"),
    [
        ([], b"z", True),
        ([b"a", b"b"], b"", True),
        ([b"a", b"b"], b"a", False),
        ([b"b", b"a"], b"", False),
        ([b"a", b"a"], b"", False),
        (["\ue000".encode(), "\U0001f680".encode()], b"", True),
    ],
)
def test_order_is_that_of_the_bytes(keys: list[bytes], after: bytes, ordered: bool) -> None:
    assert in_order(keys, after) is ordered
