"""Our S3 server held to moto, through boto3. Versioning and tags are not offered, and say so."""

import base64
import hashlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from awscrt import checksums
from botocore.exceptions import ClientError

from local.clients import s3_client
from local.stack import Stack

MIB = 1024 * 1024


@pytest.fixture(params=["embedded", "moto"])
def s3(request: pytest.FixtureRequest, fresh: str) -> tuple[Any, str]:
    environment = dict(request.getfixturevalue("embedded").environment)
    if request.param == "moto":
        environment["AWS_ENDPOINT_URL_S3"] = request.getfixturevalue("moto")
    client = s3_client(environment)
    client.create_bucket(Bucket=fresh)
    return client, fresh


def code(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_s3_conditions_and_ranges(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]

    def get(**more: Any) -> Any:
        return client.get_object(Bucket=bucket, Key="k", **more)

    assert etag == f'"{hashlib.md5(b"0123456789").hexdigest()}"'
    assert get(IfMatch=etag)["Body"].read() == b"0123456789"
    assert code(lambda: get(IfMatch='"0"'))[1] == 412
    assert code(lambda: get(IfNoneMatch=etag))[1] == 304
    assert get(Range="bytes=2-4")["Body"].read() == b"234"
    assert get(Range="bytes=2-4")["ContentRange"] == "bytes 2-4/10"
    assert get(Range="bytes=-3")["Body"].read() == b"789"
    assert code(lambda: get(Range="bytes=50-"))[1] == 416
    assert code(lambda: client.head_object(Bucket=bucket, Key="nowhere")) == ("404", 404)
    assert code(lambda: client.get_object(Bucket=bucket, Key="nowhere")) == ("NoSuchKey", 404)
    assert code(lambda: client.list_objects_v2(Bucket="no-such-bucket")) == ("NoSuchBucket", 404)


def test_s3_multipart_etags_and_parts(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    upload = client.create_multipart_upload(Bucket=bucket, Key="mp", Metadata={"a": "b"})["UploadId"]
    bodies = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c" * 7]
    parts = [
        {
            "PartNumber": n,
            "ETag": client.upload_part(Bucket=bucket, Key="mp", UploadId=upload, PartNumber=n, Body=body)["ETag"],
        }
        for n, body in enumerate(bodies, 1)
    ]
    client.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload, MultipartUpload={"Parts": parts})
    head = client.head_object(Bucket=bucket, Key="mp")
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (head["ContentLength"], head["Metadata"]) == (10 * MIB + 7, {"a": "b"})
    part = client.head_object(Bucket=bucket, Key="mp", PartNumber=3)
    assert (part["PartsCount"], part["ContentLength"]) == (3, 7)
    assert client.get_object(Bucket=bucket, Key="mp", Range=f"bytes={10 * MIB - 1}-")["Body"].read() == b"b" + b"c" * 7


def test_s3_listing(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    for number in range(25):
        client.put_object(Bucket=bucket, Key=f"p/{number:03d}", Body=b"")
    client.put_object(Bucket=bucket, Key="q", Body=b"")

    def keys(**more: Any) -> list[str]:
        return [item["Key"] for item in client.list_objects_v2(Bucket=bucket, **more).get("Contents", [])]

    assert keys(StartAfter="p/020") == ["p/021", "p/022", "p/023", "p/024", "q"]
    assert keys(StartAfter="p/0205", Prefix="p/")[0] == "p/021"
    pages = list(
        client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="p/", PaginationConfig={"PageSize": 10})
    )
    assert [len(page["Contents"]) for page in pages] == [10, 10, 5]
    rolled = client.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in rolled["CommonPrefixes"]] == ["p/"]
    assert [item["Key"] for item in rolled["Contents"]] == ["q"]


def test_s3_what_is_not_served_is_refused_and_changes_nothing(embedded: Stack) -> None:
    client, bucket = s3_client(embedded.environment), embedded.environment["SOURCE_BUCKET"]
    client.put_object(Bucket=bucket, Key="safe", Body=b"safe")
    assert code(lambda: client.put_object_tagging(Bucket=bucket, Key="safe", Tagging={"TagSet": []}))[1] == 501
    assert client.get_object(Bucket=bucket, Key="safe")["Body"].read() == b"safe"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA256"])
def test_s3_checksums_are_checked_kept_and_told_to_whoever_asks(s3: tuple[Any, str], algorithm: str) -> None:
    client, bucket = s3
    made = client.put_object(Bucket=bucket, Key="k", Body=b"0123456789", ChecksumAlgorithm=algorithm)
    field = f"Checksum{algorithm}"
    told = client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert told[field] == made[field]
    assert field not in client.head_object(Bucket=bucket, Key="k")
    assert client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == b"0123456789"


def test_s3_makes_a_checksum_by_itself_and_adds_up_those_of_parts(embedded: Stack, fresh: str) -> None:
    """What moto does not do. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html"""
    client, body = s3_client(embedded.environment), random.Random(1).randbytes(5 * MIB + 7)
    client.create_bucket(Bucket=fresh)
    client.put_object(Bucket=fresh, Key="plain", Body=body)
    whole = base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()
    upload = client.create_multipart_upload(Bucket=fresh, Key="parts")["UploadId"]
    pieces = [body[: 5 * MIB], body[5 * MIB :]]
    tags = [
        client.upload_part(Bucket=fresh, Key="parts", UploadId=upload, PartNumber=number, Body=piece)["ETag"]
        for number, piece in enumerate(pieces, 1)
    ]
    numbered = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    client.complete_multipart_upload(Bucket=fresh, Key="parts", UploadId=upload, MultipartUpload={"Parts": numbered})
    for key in ("plain", "parts"):
        told = client.head_object(Bucket=fresh, Key=key, ChecksumMode="ENABLED")
        assert (told["ChecksumCRC64NVME"], told["ChecksumType"]) == (whole, "FULL_OBJECT")
    with pytest.raises(ClientError, match="BadDigest"):
        client.put_object(Bucket=fresh, Key="bad", Body=b"body", ChecksumCRC32C="AAAAAA==")


def test_s3_pattern_objects_are_what_they_say(embedded: Stack, fresh: str) -> None:
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    given = {"bucket": fresh, "key": "p/{}", "size": 700_001, "count": 2, "etag": "multipart", "part_bytes": 300_000}
    embedded.post("s3", "/_local/patterns", given)
    first, second = (client.get_object(Bucket=fresh, Key=f"p/000000{number}")["Body"].read() for number in (0, 1))
    assert len(first) == len(second) == 700_001
    assert first != second
    piece = client.get_object(Bucket=fresh, Key="p/0000000", Range="bytes=262140-524290")["Body"].read()
    assert piece == first[262140:524291]
    digests = b"".join(hashlib.md5(first[start : start + 300_000]).digest() for start in range(0, 700_001, 300_000))
    assert client.head_object(Bucket=fresh, Key="p/0000000")["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
