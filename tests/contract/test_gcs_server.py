"""Our Cloud Storage server, through google-cloud-storage."""

import io

import pytest
from google.api_core import exceptions
from google.cloud.storage import Bucket

from local.provisioning import gcs_client
from local.stack import Stack

MIB = 1024 * 1024


@pytest.fixture
def bucket(embedded: Stack, fresh: str) -> Bucket:
    return gcs_client(embedded.environment).create_bucket(fresh)


def test_gcs_uploads_of_every_kind(bucket: Bucket) -> None:
    big = bytes(range(256)) * (9 * MIB // 256)
    for name, size in (("small", 1000), ("big", len(big))):
        blob = bucket.blob(name)
        blob.metadata, blob.cache_control = {"k": "v"}, "max-age=3"
        blob.upload_from_file(io.BytesIO(big[:size]), size=size, content_type="a/b", checksum="crc32c")
        found = bucket.get_blob(name)
        assert (found.size, found.metadata, found.cache_control, found.content_type) == (
            size,
            {"k": "v"},
            "max-age=3",
            "a/b",
        )
        assert found.download_as_bytes() == big[:size]
        assert found.download_as_bytes(start=10, end=19) == big[10:20]
    unknown = bucket.blob("unknown", chunk_size=256 * 1024)
    unknown.upload_from_file(io.BytesIO(big[:700_000]))
    assert bucket.get_blob("unknown").size == 700_000


def test_gcs_preconditions(bucket: Bucket) -> None:
    blob = bucket.blob("k")
    blob.upload_from_string(b"1", if_generation_match=0, retry=None)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("k").upload_from_string(b"2", if_generation_match=0, retry=None)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("k").upload_from_file(io.BytesIO(b"2" * 9 * MIB), if_generation_match=0, retry=None)
    bucket.blob("k").upload_from_string(b"3", if_generation_match=blob.generation, retry=None)
    assert bucket.blob("k").download_as_bytes() == b"3"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("k").delete(if_generation_match=blob.generation, retry=None)


def test_gcs_lists_patches_composes_and_deletes(bucket: Bucket) -> None:
    for number in range(25):
        bucket.blob(f"l/{number:02d}").upload_from_string(b"x")
    pages = bucket.list_blobs(prefix="l/", page_size=10).pages
    assert [len(list(page)) for page in pages] == [10, 10, 5]
    assert [item.name for item in bucket.list_blobs(start_offset="l/20", end_offset="l/22")] == ["l/20", "l/21"]
    rolled = bucket.list_blobs(delimiter="/")
    assert (list(rolled), rolled.prefixes) == ([], {"l/"})
    blob = bucket.get_blob("l/00")
    blob.metadata = {"z": "9"}
    blob.patch()
    assert bucket.get_blob("l/00").metadata == {"z": "9"}
    whole = bucket.blob("whole")
    whole.compose([bucket.blob(f"l/{number:02d}") for number in range(3)])
    found = bucket.get_blob("whole")
    assert (found.size, found.component_count, found.md5_hash) == (3, 3, None)
    moved, _, _ = bucket.blob("moved").rewrite(bucket.blob("whole"))
    assert moved is None
    with bucket.client.batch():
        for number in range(5):
            bucket.blob(f"l/{number:02d}").delete()
    assert bucket.get_blob("l/00") is None
