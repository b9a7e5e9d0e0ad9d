"""Our Cloud Storage server, through google-cloud-storage."""

import base64
import io
import random
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud.storage import Bucket
from google.cloud.storage.transfer_manager import THREAD, upload_chunks_concurrently

from local.clients import gcs_client
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


def test_a_bucket_says_that_it_has_no_managed_folders(bucket: Bucket) -> None:
    """gcloud asks before it deletes a bucket with all that is in it."""
    ask = bucket.client._connection.api_request
    assert ask(method="GET", path=f"/b/{bucket.name}/managedFolders").get("items", []) == []
    with pytest.raises(exceptions.NotFound):
        ask(method="GET", path="/b/there-is-none/managedFolders")


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


def test_gcs_multipart_uploads_of_the_xml_api(bucket: Bucket, tmp_path: Path) -> None:
    """By Google's own client, in three parts."""
    file = tmp_path / "large"
    file.write_bytes(random.Random(7).randbytes(13 * MIB + 5))
    blob = bucket.blob("parts/a b+c")
    blob.metadata, blob.content_type = {"k": "v"}, "a/b"
    upload_chunks_concurrently(str(file), blob, chunk_size=5 * MIB, worker_type=THREAD)
    found = bucket.get_blob("parts/a b+c")
    assert (found.size, found.metadata, found.content_type, found.md5_hash) == (13 * MIB + 5, {"k": "v"}, "a/b", None)
    assert found.crc32c == base64.b64encode(google_crc32c.Checksum(file.read_bytes()).digest()).decode()
    assert found.download_as_bytes() == file.read_bytes()
    with pytest.raises(Exception, match="400"):
        upload_chunks_concurrently(str(file), bucket.blob("tiny"), chunk_size=MIB, worker_type=THREAD)
    assert bucket.get_blob("tiny") is None


def test_gcs_rewrites_into_another_class_in_several_calls(bucket: Bucket) -> None:
    bucket.blob("from").upload_from_string(b"body")
    cold = bucket.blob("to")
    cold.storage_class = "COLDLINE"
    token, done, total = cold.rewrite(bucket.blob("from"), if_generation_match=0)
    assert token is not None
    assert done < total
    token, done, total = cold.rewrite(bucket.blob("from"), token=token, if_generation_match=0)
    assert (token, done, total) == (None, 4, 4)
    assert bucket.get_blob("to").storage_class == "COLDLINE"
    generation = bucket.get_blob("from").generation
    for unmet in (
        {"if_source_generation_match": 1},
        {"if_source_generation_not_match": generation},
        {"if_source_metageneration_match": 7},
        {"if_source_metageneration_not_match": 1},
    ):
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("other").rewrite(bucket.blob("from"), **unmet)


def test_gcs_refuses_a_chunk_that_is_no_multiple_of_256_kib_unless_it_is_the_last(bucket: Bucket) -> None:
    """What Google's own client never sends, so by hand. https://github.com/fsouza/fake-gcs-server/issues/1080"""
    body, unit = random.Random(3).randbytes(3 * 256 * 1024 + 500), 256 * 1024
    session = bucket.blob("chunks").create_resumable_upload_session(size=len(body))
    http = bucket.client._http

    def put(start: int, end: int, total: int | str = len(body)) -> Any:
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{total}"}
        return http.request("PUT", session, data=body[start:end], headers=headers)

    for end, total in ((500, len(body)), (unit + 1, len(body)), (unit - 1, "*")):
        refused = put(0, end, total)
        assert refused.status_code == 400
        assert "is required to be equal or greater than 262144" in refused.json()["error"]["message"]
    assert put(0, unit).headers["Range"] == f"bytes=0-{unit - 1}"
    assert put(unit, 3 * unit, "*").headers["Range"] == f"bytes=0-{3 * unit - 1}"
    assert put(3 * unit, len(body)).status_code == 200
    assert bucket.blob("chunks").download_as_bytes() == body


def test_gcs_keeps_whole_units_of_a_chunk_that_breaks_off(bucket: Bucket) -> None:
    body, unit = random.Random(4).randbytes(4 * 256 * 1024), 256 * 1024
    session = bucket.blob("broken").create_resumable_upload_session(size=len(body))
    address = urlsplit(session)
    with socket.create_connection((address.hostname or "", address.port or 0)) as wire:
        head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        head += f"Content-Length: {len(body)}\r\nContent-Range: bytes 0-{len(body) - 1}/{len(body)}\r\n\r\n"
        wire.sendall(head.encode() + body[: 2 * unit + 1000])
        deadline = time.monotonic() + 10
        while (held := _persisted(bucket, session)) != 2 * unit and time.monotonic() < deadline:
            time.sleep(0.05)
    assert held == 2 * unit
    headers = {"Content-Range": f"bytes {held}-{len(body) - 1}/{len(body)}"}
    assert bucket.client._http.request("PUT", session, data=body[held:], headers=headers).status_code == 200
    assert bucket.blob("broken").download_as_bytes() == body


def _persisted(bucket: Bucket, session: str) -> int:
    answer = bucket.client._http.request("PUT", session, headers={"Content-Range": "bytes */*"})
    return int(answer.headers.get("Range", "bytes=0--1").removeprefix("bytes=0-")) + 1


def test_gcs_moves_an_object(bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string(b"1", content_type="t/x")
    bucket.blob("b").upload_from_string(b"2")
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.move_blob(bucket.blob("a"), "b", if_generation_match=0)
    moved = bucket.move_blob(bucket.blob("a"), "d/b c")
    assert [blob.name for blob in bucket.list_blobs()] == ["b", "d/b c"]
    assert (moved.content_type, moved.download_as_bytes()) == ("t/x", b"1")


def test_gcs_knows_no_content_type_where_none_was_told_and_serves_bytes(bucket: Bucket) -> None:
    bucket.blob("part").upload_from_string(b"x", content_type="text/plain")
    bucket.blob("untyped").compose([bucket.blob("part")])
    bucket.blob("copied").rewrite(bucket.blob("untyped"))
    patched = bucket.blob("part")
    patched.content_type = None
    patched.patch()
    for name in ("untyped", "copied", "part"):
        found = bucket.get_blob(name)
        assert found.content_type is None
        assert found.download_as_bytes() == b"x"
        assert found.content_type == "application/octet-stream"  # what the answer's header said


def test_gcs_composes_of_the_generations_that_were_read(bucket: Bucket) -> None:
    """JSON has a generation as text or as a number."""
    sources = [bucket.blob(name) for name in ("a", "b")]
    for source in sources:
        source.upload_from_string(source.name.encode())
    bucket.blob("ab").compose(sources, if_source_generation_match=[source.generation for source in sources])
    assert bucket.blob("ab").download_as_bytes() == b"ab"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("ab").compose(sources, if_source_generation_match=[7, None], retry=None)


def test_gcs_labels_are_merged_and_taken_away(bucket: Bucket) -> None:
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    bucket.labels = {"b": "3"}
    bucket.patch()
    bucket.reload()
    assert bucket.labels == {"b": "3"}
    bucket.labels = {}
    bucket.update()
    bucket.reload()
    assert bucket.labels == {}


def test_gcs_lists_the_fields_that_are_asked_for(bucket: Bucket) -> None:
    bucket.blob("a/").upload_from_string(b"1")
    bucket.blob("a/b").upload_from_string(b"12")
    for fields in ("items(name,size),nextPageToken", "items/name,items/size,nextPageToken"):
        found = list(bucket.list_blobs(fields=fields))
        assert [(blob.name, blob.size, blob.generation) for blob in found] == [("a/", 1, None), ("a/b", 2, None)]
    rolled = bucket.list_blobs(delimiter="/", include_trailing_delimiter=True)
    assert [blob.name for blob in rolled] == ["a/"]
    assert rolled.prefixes == {"a/"}


def test_gcs_refuses_what_it_would_get_wrong(bucket: Bucket) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        list(bucket.list_blobs(match_glob="a*"))
    with pytest.raises(exceptions.MethodNotImplemented):
        bucket.blob("k", encryption_key=b"0" * 32).upload_from_string(b"1", retry=None)
    for path in ("o?maxResults=blah", "o?pageToken=a"):
        with pytest.raises(exceptions.BadRequest):
            bucket.client._connection.api_request("GET", f"/b/{bucket.name}/{path}")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("name,size", {"name": "k", "size": "4"}),
        ("name,metadata/a", {"name": "k", "metadata": {"a": "1"}}),
        ("metadata(a,b),metadata/c", {"metadata": {"a": "1", "b": "2", "c": "3"}}),
        ("metadata/a,metadata", {"metadata": {"a": "1", "b": "2", "c": "3", "d": "4"}}),
        ("metadata(a),metadata/*", {"metadata": {"a": "1", "b": "2", "c": "3", "d": "4"}}),
        ("*/a", {"metadata": {"a": "1"}}),
    ],
)
def test_gcs_tells_what_it_was_asked_for_and_no_more(bucket: Bucket, fields: str, told: dict[str, Any]) -> None:
    """Of an object, of a page of them, and of what was just written."""
    blob = bucket.blob("k")
    blob.metadata = {"a": "1", "b": "2", "c": "3", "d": "4"}
    blob.upload_from_string(b"body")
    ask = bucket.client._connection.api_request
    path = f"/b/{bucket.name}/o"
    assert ask("GET", f"{path}/k", query_params={"fields": fields}) == told
    paged = {"fields": f"items({fields}),kind"}
    assert ask("GET", path, query_params=paged) == {"kind": "storage#objects", "items": [told]}
    moved = ask("POST", f"{path}/k/rewriteTo{path}/k", query_params={"fields": f"done,resource({fields})"})
    assert moved == {"done": True, "resource": told}
    assert ask("PATCH", f"{path}/k", query_params={"fields": fields}, data={}) == told


@pytest.mark.parametrize("fields", ["name(", "name)", ",", "name,,size", "(name)", "/", "md5hash", "name/a", "items"])
def test_gcs_refuses_to_be_asked_for_no_field(bucket: Bucket, fields: str) -> None:
    """Before anything is done: in production a misspelt field fails every request."""
    ask, path = bucket.client._connection.api_request, f"/b/{bucket.name}/o"
    bucket.blob("k").upload_from_string(b"body")
    for method, of in (("GET", f"{path}/k"), ("DELETE", f"{path}/k"), ("POST", f"{path}/k/copyTo{path}/l")):
        with pytest.raises(exceptions.BadRequest, match="Invalid field selection"):
            ask(method, of, query_params={"fields": fields}, data={} if method == "POST" else None)
    for kind in ("media", "resumable"):
        asked = {"uploadType": kind, "name": "m", "fields": fields}
        upload = f"{bucket.client._connection.API_BASE_URL}/upload/storage/v1{path}"
        assert bucket.client._http.request("POST", upload, params=asked, data=b"").status_code == 400
    assert [blob.name for blob in bucket.list_blobs()] == ["k"]


@pytest.mark.parametrize("fields", ["name", "items(name,names)", "nextPageToken/a", "resource"])
def test_gcs_refuses_fields_that_no_page_has(bucket: Bucket, fields: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="Invalid field selection"):
        bucket.client._connection.api_request("GET", f"/b/{bucket.name}/o", query_params={"fields": fields})


def test_gcs_tells_of_buckets_what_it_was_asked_for_and_no_more(bucket: Bucket) -> None:
    ask = bucket.client._connection.api_request
    assert ask("GET", f"/b/{bucket.name}", query_params={"fields": "name,labels"}) == {"name": bucket.name}
    assert ask("GET", f"/b/{bucket.name}/iam", query_params={"fields": "bindings"}) == {"bindings": []}
    listed = ask("GET", "/b", query_params={"project": "p", "fields": "items/name"})
    assert {"name": bucket.name} in listed["items"]
    assert {name for item in listed["items"] for name in item} == {"name"}


def test_gcs_tells_in_a_batch_what_it_was_asked_for_and_no_more(bucket: Bucket) -> None:
    bucket.blob("k").upload_from_string(b"body")
    get = f"Content-Type: application/http\r\n\r\nGET /storage/v1/b/{bucket.name}/o/k?fields="
    sent = f"--b\r\n{get}name,size HTTP/1.1\r\n\r\n\r\n--b\r\n{get}siz HTTP/1.1\r\n\r\n\r\n--b--"
    told = bucket.client._http.request(
        "POST",
        f"{bucket.client._connection.API_BASE_URL}/batch/storage/v1",
        data=sent,
        headers={"Content-Type": "multipart/mixed; boundary=b"},
    ).text
    assert '\r\n\r\n{"name": "k", "size": "4"}\r\n' in told
    assert "HTTP/1.1 400" in told
