"""What a copy keeps, key by key and header by header, read back by Google's own client."""

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from google.cloud.storage import Blob, Bucket

from local import runs
from local.clients import gcs_client, s3_client
from local.names import DESTINATION, SOURCE
from local.sample import MIB
from local.stack import Stack
from tests.shapes import ENCODED, IDENTICAL, TOO_LONG, encoded


@pytest.fixture(scope="module")
def copied() -> Iterator[tuple[Stack, Bucket]]:
    """Everything was put and copied once; the transfer encodes what Cloud Storage refuses."""
    settings = {"UNSUPPORTED_NAMES": "encode", "STORAGE_CLASS_MAP": "GLACIER_IR=COLDLINE,STANDARD_IA=NEARLINE"}
    with Stack(settings=settings) as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        s3 = s3_client(stack.environment)
        for key in [*IDENTICAL, *ENCODED, *TOO_LONG]:
            s3.put_object(Bucket=SOURCE, Key=key, Body=b"" if key == "empty" else key.encode())
        for key, extra in ATTRIBUTES.items():
            s3.put_object(Bucket=SOURCE, Key=key, **extra)
        summary = asyncio.run(runs.summary(asyncio.run(runs.wait(stack, stack.tick("list"), 60))))
        assert summary.balanced
        assert summary.outcomes.keys == {"copied": len(IDENTICAL + ENCODED) + len(ATTRIBUTES), "unsupported": 1}
        again = asyncio.run(runs.summary(asyncio.run(runs.wait(stack, stack.tick("verify"), 60))))
        assert again.verdicts.keys == {"same": summary.outcomes.keys["copied"], "unsupported": 1}
        yield stack, gcs_client(stack.environment).bucket(DESTINATION)


ZIPPED = gzip.compress(b"the bytes stay as they are" * 100)
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "attr/gzip": {"Body": ZIPPED, "ContentEncoding": "gzip", "ContentType": "text/plain"},
    "attr/all": {
        "Body": b"body",
        "ContentType": "text/x-odd; charset=utf-8",
        "ContentLanguage": "de-CH",
        "ContentDisposition": "attachment; filename=\"a b.txt\"",
        "CacheControl": "max-age=3, private",
        "Metadata": {"camera": "x100", "with-dash": "1", "spaces": "a  b", "empty": ""},
    },
    "attr/ia": {"Body": b"1", "StorageClass": "STANDARD_IA"},
    "attr/ir": {"Body": b"2", "StorageClass": "GLACIER_IR"},
    "attr/chunked": {"Body": bytes(9 * MIB), "ContentType": "a/b", "StorageClass": "STANDARD_IA", "Metadata": {"k": "v"}},
}  # fmt: skip


def blob(bucket: Bucket, name: str) -> Blob:
    found = bucket.get_blob(name)
    assert found is not None, f"{name!r} did not arrive"
    return found


@pytest.mark.parametrize("key", IDENTICAL, ids=range(len(IDENTICAL)))
def test_a_key_is_the_same_byte_for_byte(copied: tuple[Stack, Bucket], key: str) -> None:
    found = blob(copied[1], key)
    assert found.download_as_bytes() == (b"" if key == "empty" else key.encode())
    assert unquote(found.metadata["s3gcs-key"]) == key


@pytest.mark.parametrize("key", ENCODED, ids=range(len(ENCODED)))
def test_a_refused_key_is_mapped_and_can_be_read_back(copied: tuple[Stack, Bucket], key: str) -> None:
    found = blob(copied[1], encoded(key))
    assert found.download_as_bytes() == key.encode()
    assert unquote(found.metadata["s3gcs-key"]) == key


def test_headers_and_metadata_travel_along(copied: tuple[Stack, Bucket]) -> None:
    found, given = blob(copied[1], "attr/all"), ATTRIBUTES["attr/all"]
    assert found.content_type == given["ContentType"]
    assert found.content_language == given["ContentLanguage"]
    assert found.content_disposition == given["ContentDisposition"]
    assert found.cache_control == given["CacheControl"]
    head = s3_client(copied[0].environment).head_object(Bucket=SOURCE, Key="attr/all")
    ours = {
        "s3gcs-bucket": SOURCE,
        "s3gcs-job": "default",
        "s3gcs-key": "attr/all",
        "s3gcs-etag": head["ETag"].strip('"'),
        "goog-reserved-file-mtime": str(int(head["LastModified"].timestamp())),
    }
    assert found.metadata == {**head["Metadata"], **ours}


def test_gzip_stays_gzip(copied: tuple[Stack, Bucket]) -> None:
    found = blob(copied[1], "attr/gzip")
    assert (found.content_encoding, found.size) == ("gzip", len(ZIPPED))
    assert found.download_as_bytes(raw_download=True) == ZIPPED


@pytest.mark.parametrize(
    ("key", "kept"), [("attr/ia", "NEARLINE"), ("attr/ir", "COLDLINE"), ("attr/chunked", "NEARLINE"), ("attr/all", "STANDARD")]
)  # fmt: skip
def test_storage_classes_are_mapped(copied: tuple[Stack, Bucket], key: str, kept: str) -> None:
    assert blob(copied[1], key).storage_class == kept
