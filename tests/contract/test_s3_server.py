"""Our S3 server held to moto, through boto3. Versioning and tags are not offered, and say so."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.provisioning import s3_client
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
