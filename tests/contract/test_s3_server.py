"""Our S3 server held to moto, through boto3. Versioning and tags are not offered, and say so."""

import base64
import hashlib
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from xml.etree import ElementTree

import pytest
from awscrt import checksums
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
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
    with pytest.raises(ClientError) as unmodified:
        get(IfNoneMatch=etag)
    told = unmodified.value.response["ResponseMetadata"]
    assert (told["HTTPStatusCode"], told["HTTPHeaders"]["etag"]) == (304, etag)
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


def parts_of(client: Any, bucket: str, key: str, bodies: list[bytes]) -> tuple[str, list[dict[str, Any]]]:
    """An upload under way, and what its completion has to name."""
    upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    tags = [
        client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        for number, body in enumerate(bodies, 1)
    ]
    return upload, [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]


def test_s3_parts_of_an_upload_are_held_to_their_size_and_etag(s3: tuple[Any, str]) -> None:
    client, bucket = s3

    def complete(upload: str, parts: list[dict[str, Any]]) -> object:
        given = {"Parts": parts}
        return client.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload, MultipartUpload=given)

    upload, parts = parts_of(client, bucket, "mp", [b"a" * (5 * MIB - 1), b"b"])
    assert code(lambda: complete(upload, parts)) == ("EntityTooSmall", 400)
    assert code(lambda: complete(upload, [parts[0], {"PartNumber": 2, "ETag": parts[0]["ETag"]}])) == (
        "InvalidPart",
        400,
    )
    assert code(lambda: client.get_object(Bucket=bucket, Key="mp")) == ("NoSuchKey", 404)
    complete(upload, parts[:1])
    assert client.head_object(Bucket=bucket, Key="mp")["ContentLength"] == 5 * MIB - 1


def test_s3_aborts_only_what_is_under_way(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    upload, _ = parts_of(client, bucket, "mp", [b"a"])
    client.abort_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload)
    for again in (upload, "nowhere"):
        with pytest.raises(ClientError, match="NoSuchUpload"):
            client.abort_multipart_upload(Bucket=bucket, Key="mp", UploadId=again)


def test_s3_conditions_of_a_write(s3: tuple[Any, str]) -> None:
    client, bucket = s3

    def put(body: bytes, **more: str) -> str:
        return str(client.put_object(Bucket=bucket, Key="k", Body=body, **more)["ETag"])

    assert code(lambda: put(b"1", IfMatch='"0"')) == ("NoSuchKey", 404)
    first = put(b"1", IfNoneMatch="*")
    assert code(lambda: put(b"2", IfNoneMatch="*")) == ("PreconditionFailed", 412)
    second = put(b"2", IfMatch=first)
    assert code(lambda: put(b"3", IfMatch=first)) == ("PreconditionFailed", 412)
    assert client.head_object(Bucket=bucket, Key="k")["ETag"] == second
    upload, parts = parts_of(client, bucket, "k", [b"3"])
    given = {"Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    assert code(lambda: client.complete_multipart_upload(**given, IfNoneMatch="*")) == ("PreconditionFailed", 412)
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_s3_completes_an_upload_only_over_the_object_that_was_read(embedded: Stack, fresh: str) -> None:
    """moto takes no If-Match here."""
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    etag = client.put_object(Bucket=fresh, Key="k", Body=b"1")["ETag"]
    upload, parts = parts_of(client, fresh, "k", [b"2"])
    given = {"Bucket": fresh, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    assert code(lambda: client.complete_multipart_upload(**given, IfMatch='"0"')) == ("PreconditionFailed", 412)
    client.complete_multipart_upload(**given, IfMatch=etag)
    assert client.get_object(Bucket=fresh, Key="k")["Body"].read() == b"2"


def test_s3_tells_the_attributes_of_an_object(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"0123456789", ChecksumAlgorithm="SHA256")["ETag"]
    wanted = ["ETag", "Checksum", "ObjectSize", "StorageClass"]
    told = client.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert (told["ETag"], told["ObjectSize"], told["StorageClass"]) == (etag.strip('"'), 10, "STANDARD")
    assert told["Checksum"]["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"0123456789").digest()).decode()
    assert "ETag" not in client.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    with pytest.raises(ClientError, match="NoSuchKey"):
        client.get_object_attributes(Bucket=bucket, Key="nowhere", ObjectAttributes=wanted)


def test_s3_counts_the_parts_of_an_object(embedded: Stack, fresh: str) -> None:
    """moto does not, and takes any name of an attribute."""
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    upload, parts = parts_of(client, fresh, "mp", [b"a" * 5 * MIB, b"b"])
    client.complete_multipart_upload(Bucket=fresh, Key="mp", UploadId=upload, MultipartUpload={"Parts": parts})
    told = client.get_object_attributes(Bucket=fresh, Key="mp", ObjectAttributes=["ObjectParts"])
    assert told["ObjectParts"]["TotalPartsCount"] == 2
    wrong = code(lambda: client.get_object_attributes(Bucket=fresh, Key="mp", ObjectAttributes=["Colour"]))
    assert wrong == ("InvalidArgument", 400)


def signed_get(
    stack: Stack, path: str, query: str = "", unsigned: Mapping[str, str] | None = None
) -> tuple[int, ElementTree.Element | None]:
    """A GET that botocore signs, with headers that somebody adds afterwards: boto3 sends neither a query nor a header
    that S3 would refuse.
    """
    environment = stack.environment
    url = f"{environment['AWS_ENDPOINT_URL_S3']}/{path}{'?' if query else ''}{query}"
    request = AWSRequest("GET", url)
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    S3SigV4Auth(keys, "s3", environment["AWS_DEFAULT_REGION"]).add_auth(request)
    headers = {**dict(request.headers.items()), **(unsigned or {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status), None
    except urllib.error.HTTPError as error:
        return error.code, ElementTree.fromstring(error.read())


def test_s3_refuses_an_x_amz_header_that_is_not_signed(embedded: Stack, fresh: str) -> None:
    """As an edge adds it on the way. moto checks no signature."""
    s3_client(embedded.environment).create_bucket(Bucket=fresh)
    assert signed_get(embedded, fresh, unsigned={"Via": "1.1 edge", "X-Forwarded-For": "1.2.3.4"})[0] == 200
    status, error = signed_get(embedded, fresh, unsigned={"X-Amz-Meta-A": "1", "X-Amz-Cf-Id": "x"})
    assert error is not None
    assert (status, error.findtext("Code")) == (403, "AccessDenied")
    assert error.findtext("HeadersNotSigned") == "x-amz-cf-id, x-amz-meta-a"


@pytest.mark.parametrize("given", ["blah", "-1", "--1", "1.5", "2147483648"])
def test_s3_refuses_a_page_size_that_is_none(embedded: Stack, fresh: str, given: str) -> None:
    """moto answers 500."""
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    status, error = signed_get(embedded, fresh, f"list-type=2&max-keys={given}")
    assert error is not None
    assert (status, error.findtext("Code"), error.findtext("ArgumentValue")) == (400, "InvalidArgument", given)


def test_s3_a_page_of_no_keys_is_the_last(embedded: Stack, fresh: str) -> None:
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    client.put_object(Bucket=fresh, Key="k", Body=b"")
    page = client.list_objects_v2(Bucket=fresh, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


def test_s3_what_is_not_served_is_refused_and_changes_nothing(embedded: Stack) -> None:
    client, bucket = s3_client(embedded.environment), embedded.environment["SOURCE_BUCKET"]
    client.put_object(Bucket=bucket, Key="safe", Body=b"safe")
    assert code(lambda: client.put_object_tagging(Bucket=bucket, Key="safe", Tagging={"TagSet": []}))[1] == 501
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    assert code(lambda: client.put_object(Bucket=bucket, Key="secret", Body=b"x", **customer))[1] == 501
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


def test_s3_refuses_arguments_that_are_none(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    assert code(lambda: client.list_objects_v2(Bucket=bucket, ContinuationToken="")) == ("InvalidArgument", 400)
    assert code(lambda: client.create_bucket(Bucket="ab")) == ("InvalidBucketName", 400)


@pytest.mark.parametrize("condition", [{"IfMatch": '"other"'}, {"IfMatchSize": 9}, {"IfMatchLastModifiedTime": 0}])
def test_s3_deletes_nothing_under_a_condition_that_it_does_not_keep(
    embedded: Stack, fresh: str, condition: dict[str, Any]
) -> None:
    client = s3_client(embedded.environment)
    assert code(lambda: client.create_bucket(Bucket="192.168.5.123")) == ("InvalidBucketName", 400)
    client.create_bucket(Bucket=fresh)
    client.put_object(Bucket=fresh, Key="k", Body=b"1")
    assert code(lambda: client.delete_object(Bucket=fresh, Key="k", **condition)) == ("NotImplemented", 501)
    assert client.get_object(Bucket=fresh, Key="k")["Body"].read() == b"1"


def test_s3_reads_no_request_as_the_body_of_the_one_that_it_refused(s3: tuple[Any, str]) -> None:
    """boto3 waits for a 100 before it sends a body; who is refused sends none, and asks again on the connection."""
    client, bucket = s3
    assert code(lambda: client.put_object(Bucket=f"{bucket}-none", Key="k", Body=b"1")) == ("NoSuchBucket", 404)
    client.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_s3_does_not_send_what_has_not_been_modified(s3: tuple[Any, str]) -> None:
    """A date that is not over yet is no condition: RFC 7232, section 3.3."""
    client, bucket = s3
    client.put_object(Bucket=bucket, Key="k", Body=b"1")
    modified = client.head_object(Bucket=bucket, Key="k")["LastModified"]

    def get(**more: Any) -> Any:
        return client.get_object(Bucket=bucket, Key="k", **more)["Body"].read()

    assert get(IfModifiedSince=modified - timedelta(hours=1)) == b"1"
    time.sleep(1.1)
    assert code(lambda: get(IfModifiedSince=modified + timedelta(seconds=1)))[1] == 304
    assert code(lambda: get(IfUnmodifiedSince=modified - timedelta(hours=1)))[1] == 412


def test_s3_copies_within_itself(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    etag = client.put_object(Bucket=bucket, Key="a b%", Body=b"0123456789", Metadata={"m": "1"}, ContentType="t/x")[
        "ETag"
    ]
    source = {"Bucket": bucket, "Key": "a b%"}

    def copy(key: str, **more: Any) -> Any:
        return client.copy_object(Bucket=bucket, Key=key, CopySource=source, **more)["CopyObjectResult"]

    assert copy("kept")["ETag"] == etag
    kept = client.get_object(Bucket=bucket, Key="kept")
    assert (kept["Body"].read(), kept["Metadata"], kept["ContentType"]) == (b"0123456789", {"m": "1"}, "t/x")
    copy("replaced", MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert client.head_object(Bucket=bucket, Key="replaced")["Metadata"] == {"n": "2"}
    copy("matched", CopySourceIfMatch=etag)
    assert code(lambda: copy("a b%")) == ("InvalidRequest", 400)
    assert code(lambda: copy("never", CopySourceIfNoneMatch=etag)) == ("PreconditionFailed", 412)
    source["Key"] = "nowhere"
    assert code(lambda: copy("never")) == ("NoSuchKey", 404)
    assert code(lambda: client.head_object(Bucket=bucket, Key="never"))[1] == 404


def test_s3_copies_ranges_into_parts(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    body = random.Random(1).randbytes(6 * MIB)
    client.put_object(Bucket=bucket, Key="whole", Body=body)
    upload = client.create_multipart_upload(Bucket=bucket, Key="mp")["UploadId"]
    source = {"Bucket": bucket, "Key": "whole"}
    tags = []
    for number, span in enumerate((f"bytes=0-{5 * MIB - 1}", f"bytes={5 * MIB}-{6 * MIB - 1}"), 1):
        given = {"Bucket": bucket, "Key": "mp", "UploadId": upload, "PartNumber": number, "CopySource": source}
        tags.append(client.upload_part_copy(**given, CopySourceRange=span)["CopyPartResult"]["ETag"])
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    client.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload, MultipartUpload={"Parts": parts})
    assert client.get_object(Bucket=bucket, Key="mp")["Body"].read() == body


def test_s3_deletes_up_to_a_thousand_keys(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    client.put_object(Bucket=bucket, Key="a", Body=b"")

    def delete(keys: list[str], **more: Any) -> Any:
        given = {"Objects": [{"Key": key} for key in keys], **more}
        return client.delete_objects(Bucket=bucket, Delete=given).get("Deleted", [])

    assert [item["Key"] for item in delete(["a", "nowhere"])] == ["a", "nowhere"]


def test_s3_refuses_what_is_malformed(embedded: Stack, fresh: str) -> None:
    """moto answers some of these with 500 or 200."""
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    client.put_object(Bucket=fresh, Key="k", Body=b"1")
    upload = client.create_multipart_upload(Bucket=fresh, Key="mp")["UploadId"]
    for most in (-1, 2**31):
        with pytest.raises(ClientError, match="InvalidArgument"):
            client.list_objects_v2(Bucket=fresh, MaxKeys=most)
    assert "Deleted" not in client.delete_objects(Bucket=fresh, Delete={"Objects": [{"Key": "x"}], "Quiet": True})
    keys = [{"Key": str(number)} for number in range(1001)]
    assert code(lambda: client.delete_objects(Bucket=fresh, Delete={"Objects": keys})) == ("MalformedXML", 400)

    def put_part(number: int) -> Any:
        return client.upload_part(Bucket=fresh, Key="mp", UploadId=upload, PartNumber=number, Body=b"")

    def copy_part(span: str) -> Any:
        given = {"Bucket": fresh, "Key": "mp", "UploadId": upload, "PartNumber": 1, "CopySourceRange": span}
        return client.upload_part_copy(**given, CopySource={"Bucket": fresh, "Key": "k"})

    for number in (0, 10_001):
        assert code(partial(put_part, number)) == ("InvalidArgument", 400)
    for span in ("bytes=5-", "bytes=0-1", "lines=0-0"):
        assert code(partial(copy_part, span)) == ("InvalidArgument", 400)
    for digest in ("no base64", "AAAA"):
        put = partial(client.put_object, Bucket=fresh, Key="k", Body=b"1", ContentMD5=digest)
        assert code(put) == ("InvalidDigest", 400)


def test_s3_tells_where_a_listing_of_version_1_goes_on(embedded: Stack, fresh: str) -> None:
    """NextMarker only with a delimiter, and of a page that ends with a folder its prefix:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html. moto names the last key."""
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    for key in ("a", "boo/1", "boo/2", "cquux"):
        client.put_object(Bucket=fresh, Key=key, Body=b"")
    plain = client.list_objects(Bucket=fresh, MaxKeys=2)
    assert (plain["Marker"], plain["IsTruncated"], "NextMarker" in plain) == ("", True, False)
    rolled = client.list_objects(Bucket=fresh, MaxKeys=2, Delimiter="/")
    assert rolled["NextMarker"] == "boo/"
    rest = client.list_objects(Bucket=fresh, MaxKeys=2, Delimiter="/", Marker="boo/")
    assert [item["Key"] for item in rest["Contents"]] == ["cquux"]
    assert "CommonPrefixes" not in rest


def test_pages_may_be_shorter_than_was_asked_for(embedded: Stack, fresh: str) -> None:
    client = s3_client(embedded.environment)
    client.create_bucket(Bucket=fresh)
    for number in range(7):
        client.put_object(Bucket=fresh, Key=f"k{number}", Body=b"x")
    embedded.post("s3", "/_local/pages", {"bucket": fresh, "keys": 3})
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=fresh))
    assert [page["KeyCount"] for page in pages] == [3, 3, 1]
    assert [page["MaxKeys"] for page in pages] == [1000, 1000, 1000]
    assert [item["Key"] for page in pages for item in page["Contents"]] == [f"k{number}" for number in range(7)]
