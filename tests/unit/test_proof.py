"""What proves a copy, and that nothing false passes for proof."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import google_crc32c
import pytest
from awscrt import checksums
from hypothesis import given
from hypothesis import strategies as st

from shared.aws.attributes import attributes
from shared.aws.attributes import checksums as s3_checksums
from shared.domain.checksums import (
    ExpectedChecksums,
    VerifiedBy,
    combined,
    combined_crc32c,
    decoded,
    encoded,
    even_sizes,
    hasher_for,
    proven,
    watched,
)
from shared.domain.digests import ALGORITHMS, PartDigests
from shared.domain.errors import Corrupt
from shared.domain.objects import Attributes, SourceObject

BODY = bytes(range(256)) * 5
MD5 = hashlib.md5(BODY).hexdigest()
CRC64 = encoded(checksums.crc64nvme(BODY), 8)
PARTS = 500


def etag_of_parts(body: bytes, part_bytes: int) -> str:
    digests = [hashlib.md5(body[i : i + part_bytes]).digest() for i in range(0, max(1, len(body)), part_bytes)]
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def base64_of(algorithm: str, body: bytes) -> str:
    running = ALGORITHMS[algorithm]()
    running.update(body)
    return base64.b64encode(running.digest()).decode()


def composite_of(algorithm: str, sizes: Sequence[int]) -> tuple[str, str]:
    """As S3 makes one of the parts' raw checksums."""
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    digests = [base64.b64decode(base64_of(algorithm, BODY[s : s + n])) for s, n in zip(starts, sizes, strict=True)]
    return algorithm, f"{base64_of(algorithm, b''.join(digests))}-{len(sizes)}"


def promise(etag: str = MD5, **known: Any) -> ExpectedChecksums:
    return ExpectedChecksums.of(SourceObject(b"k", etag, len(BODY), 0), Attributes(**known))


async def prove(
    given: ExpectedChecksums, body: bytes, part_bytes: int | None = None, stored_md5: str | None = None
) -> VerifiedBy:
    seen = hasher_for(given, None if part_bytes is None else sizes_of(part_bytes))
    if seen is not None:
        assert b"".join([chunk async for chunk in watched(in_chunks(body), seen)]) == body
    return proven(given, seen, stored_md5)


def sizes_of(part_bytes: int) -> list[int]:
    return [min(part_bytes, len(BODY) - start) for start in range(0, len(BODY), part_bytes)]


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 333):
        yield body[start : start + 333]


ETAG = etag_of_parts(BODY, PARTS)


@pytest.mark.parametrize(
    ("given_promise", "part_bytes", "stored_md5", "proof"),
    [
        (promise(MD5), None, MD5, VerifiedBy.MD5),
        (promise(MD5, crc64nvme=CRC64), None, MD5, VerifiedBy.MD5),
        (promise(MD5), None, None, VerifiedBy.CRC32C),
        (promise(MD5, encryption="AES256"), None, MD5, VerifiedBy.MD5),
        (promise(MD5, encryption="aws:kms"), None, MD5, VerifiedBy.CRC32C),
        (promise(MD5, encryption="aws:kms", crc64nvme=CRC64), None, MD5, VerifiedBy.S3_CRC),
        (promise(ETAG, crc64nvme=CRC64), None, None, VerifiedBy.S3_CRC),
        (promise(ETAG, crc32c="anything"), None, None, VerifiedBy.S3_CRC),
        (promise(ETAG), PARTS, None, VerifiedBy.MULTIPART_ETAG),
        (promise(ETAG), None, None, VerifiedBy.CRC32C),
        (promise(ETAG), PARTS * 2, None, VerifiedBy.CRC32C),
        (promise(ETAG, encryption="aws:kms"), PARTS, None, VerifiedBy.CRC32C),
        (promise("odd"), None, None, VerifiedBy.CRC32C),
        (promise(MD5, encryption="aws:kms", md5=MD5), None, MD5, VerifiedBy.MD5),
        (promise("odd", crc32=base64_of("crc32", BODY)), None, None, VerifiedBy.S3_CRC),
        (promise("odd", sha1=base64_of("sha1", BODY)), None, None, VerifiedBy.S3_SHA),
        (promise("odd", sha512=base64_of("sha512", BODY)), None, None, VerifiedBy.S3_SHA),
        (promise("odd", sha256=base64_of("sha256", BODY), crc32="wrong"), None, None, VerifiedBy.S3_SHA),
        (promise(ETAG, crc32=base64_of("crc32", BODY)), PARTS, None, VerifiedBy.S3_CRC),
        *(
            (
                promise("odd-3", encryption="aws:kms", composite=composite_of(name, sizes)),
                PARTS,
                None,
                VerifiedBy.S3_COMPOSITE,
            )
            for name in ALGORITHMS
            for sizes in [[500, 500, 280]]
        ),
        (promise(ETAG, composite=composite_of("crc32", [500, 500, 280])), PARTS, None, VerifiedBy.S3_COMPOSITE),
        (promise(ETAG, composite=("crc32", "AAAAAA==")), PARTS, None, VerifiedBy.MULTIPART_ETAG),
    ],
)
async def test_the_strongest_proof_that_there_is(
    given_promise: ExpectedChecksums, part_bytes: int | None, stored_md5: str | None, proof: VerifiedBy
) -> None:
    assert await prove(given_promise, BODY, part_bytes, stored_md5) is proof


@pytest.mark.parametrize("damage", ["flipped", "short", "long", "swapped"])
@pytest.mark.parametrize(
    "given_promise",
    [
        promise(ETAG),
        promise(ETAG, crc64nvme=CRC64),
        promise("odd", sha256=base64_of("sha256", BODY)),
        promise(ETAG, composite=composite_of("crc32", [500, 500, 280])),
    ],
    ids=["etag", "crc64", "sha256", "composite"],
)
async def test_no_damage_passes(given_promise: ExpectedChecksums, damage: str) -> None:
    wrong = {
        "flipped": bytes([BODY[0] ^ 1]) + BODY[1:],
        "short": BODY[:-1],
        "long": BODY + b"!",
        "swapped": BODY[PARTS:] + BODY[:PARTS],
    }[damage]
    with pytest.raises(Corrupt, match="S3 says"):
        await prove(given_promise, wrong, PARTS)


async def test_the_last_chunk_is_passed_on_before_the_check_and_the_end_is_not() -> None:
    """So that a writer which waits for the end never finishes a wrong object."""
    seen = hasher_for(promise(ETAG), sizes_of(PARTS))
    assert seen is not None
    passed = bytearray()
    with pytest.raises(Corrupt):  # noqa: PT012
        async for chunk in watched(in_chunks(BODY[:-1] + b"!"), seen):
            passed += chunk
    assert len(passed) == len(BODY)


@given(st.binary(max_size=300), st.integers(1, 100), st.lists(st.integers(1, 50), max_size=20))
def test_part_digests_do_not_depend_on_the_chunks(body: bytes, part_bytes: int, cuts: list[int]) -> None:
    digests, start = PartDigests(part_bytes), 0
    for cut in [*cuts, len(body)]:
        digests.update(body[start : start + cut])
        start += cut
    found = digests.digests()
    assert f"{hashlib.md5(found).hexdigest()}-{len(found) // 16}" == etag_of_parts(body, part_bytes)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_crcs_of_parts_make_the_crc_of_the_whole(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert combined_crc32c([(google_crc32c.value(part), len(part)) for part in parts]) == google_crc32c.value(whole)
    for algorithm, crc in (("crc64nvme", checksums.crc64nvme), ("crc32", checksums.crc32)):
        assert combined(algorithm, [(crc(part), len(part)) for part in parts]) == crc(whole)


def test_parts_that_add_up_are_even_and_others_may_be_of_any_size() -> None:
    assert even_sizes(29, 3, 10, 9) == (10, 10, 9)
    assert even_sizes(27, 3, 10, 8) is None
    assert even_sizes(8, 1, 8, 8) == (8,)
    seen = hasher_for(promise("odd-3", composite=composite_of("sha1", [700, 80, 500])), (700, 80, 500))
    assert seen is not None
    seen.update(BODY)
    assert seen.check() is VerifiedBy.S3_COMPOSITE
    seen.update(b"!")
    with pytest.raises(Corrupt):
        seen.check()


@pytest.mark.parametrize("sizes", [(640, 640, 0), (700, 0, 580), (700, 580, 0, 0)])
def test_a_part_may_be_empty(sizes: tuple[int, ...]) -> None:
    """Whoever fills parts and ends with what is left may end with nothing. Such an object was corrupt, for ever."""
    seen = hasher_for(promise(f"odd-{len(sizes)}", composite=composite_of("sha1", sizes)), sizes)
    assert seen is not None
    seen.update(BODY)
    assert seen.check() is VerifiedBy.S3_COMPOSITE
    seen.update(b"!")
    with pytest.raises(Corrupt):
        seen.check()


@pytest.mark.parametrize(
    ("headers", "whole", "composite"),
    [
        ({"crc32": "AAAAAA==", "type": "FULL_OBJECT"}, {"crc32": "AAAAAA=="}, None),
        ({"crc32": "AAAAAA=="}, {"crc32": "AAAAAA=="}, None),
        ({"crc32": "AAAAAA==-3", "type": "COMPOSITE"}, {}, ("crc32", "AAAAAA==-3")),
        ({"crc32c": "AAAAAA==-3", "type": "FULL_OBJECT"}, {}, ("crc32c", "AAAAAA==-3")),
        ({"crc32c": "AAAAAA==", "type": "COMPOSITE"}, {}, None),
        ({"sha1": "too short"}, {}, None),
        ({"sha512": base64_of("sha512", BODY)}, {"sha512": base64_of("sha512", BODY)}, None),
        ({"xxhash64": "AAAAAAAAAAA="}, {}, None),
        ({"md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, {"md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, None),
    ],
)
def test_what_s3_says_of_checksums(
    headers: dict[str, str], whole: dict[str, str], composite: tuple[str, str] | None
) -> None:
    given = {f"x-amz-checksum-{name}": value for name, value in headers.items()}
    assert s3_checksums(given) == (whole, composite)
    found = attributes(given)
    assert {
        name: getattr(found, name) for name in ALGORITHMS if name in whole and name != "md5"
    }.items() <= whole.items()
    md5 = found.md5
    assert md5 == (hashlib.md5(b"").hexdigest() if "md5" in whole else None)


def test_crcs_are_written_as_both_clouds_write_them() -> None:
    value = google_crc32c.value(BODY)
    assert encoded(value, 4) == base64.b64encode(google_crc32c.Checksum(BODY).digest()).decode()
    assert decoded(encoded(value, 4)) == value


@pytest.mark.parametrize(
    ("encryption", "bucket_key", "asked"),
    [
        (None, None, False),
        ("AES256", None, False),
        ("aws:kms", None, True),
        ("aws:kms", "false", True),
        ("aws:kms", "true", False),
        ("aws:kms:dsse", None, True),
    ],
)
def test_a_bucket_key_spares_kms_a_request(encryption: str | None, bucket_key: str | None, asked: bool) -> None:
    given = {
        "x-amz-server-side-encryption": encryption,
        "x-amz-server-side-encryption-bucket-key-enabled": bucket_key,
    }
    headers = {name: value for name, value in given.items() if value is not None}
    assert attributes(headers).asked_kms is asked


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("plain", "plain"),
        ("=?UTF-8?B?w6l0w6k=?=", "été"),
        ("=?UTF-8?Q?a_=F0=9F=9A=80?=", "a \U0001f680"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        *((kept, kept) for kept in (
            "=?unicode-escape?q?=5Cud800?=", "=?utf-7?q?+2AA-?=", "=?utf-8?b?AAo=?=", "=?utf-8?b?////?=", "=?x?=",
            "=?rot13?q?a?=", "=?undefined?q?a?=",
        )),
    ],
)  # fmt: skip
def test_metadata_is_text_that_cloud_storage_can_hold(sent: str, meant: str) -> None:
    """What is no text when it is decoded (half a character, control characters) is what its owner wrote."""
    found = attributes({"x-amz-meta-name": sent}).metadata["name"]
    assert found == meant
    assert json.loads(json.dumps(found).encode()) == found.encode().decode()
