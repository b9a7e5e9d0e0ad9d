"""The verifier against an independent one: a bucket with planted faults of every kind, judged key for key."""

import asyncio
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import runs
from local.clients import gcs_client, pubsub_clients, s3_client
from local.names import DESTINATION, PROJECT, REPORTS, SOURCE, VERIFY
from local.sample import Sample, load
from local.stack import Stack
from shared.domain.objects import SOURCE_ETAG
from shared.reporting.index_rows import parse

COUNT = 60
_SAME, _DIFFERS, _ONLY_SOURCE, _ONLY_COPY = "=", "*", "+", "-"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch, Stack() as running:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        objects = [Sample(f"{'ab'[n % 2]}/{n:03d}", 100 + n, n) for n in range(COUNT)]
        load(s3_client(running.environment), SOURCE, objects, lambda size: None)
        asyncio.run(runs.wait(running, running.tick("list"), 60))
        yield running


@pytest.fixture(scope="module")
def planted(stack: Stack) -> dict[str, str]:
    """Faults of every kind; what the verifier must say of each key."""
    bucket = gcs_client(stack.environment).bucket(DESTINATION)
    s3 = s3_client(stack.environment)

    def replace(name: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
        blob = bucket.get_blob(name)
        fresh = bucket.blob(name)
        fresh.metadata = blob.metadata if metadata is None else metadata
        fresh.upload_from_string(body)

    body = bucket.blob("a/000").download_as_bytes()
    replace("a/000", bytes([body[0] ^ 1]) + body[1:])
    replace("a/002", bucket.blob("a/002").download_as_bytes()[:50])
    bucket.blob("a/004").delete()
    bucket.blob("a/zz-extra").upload_from_string(b"nobody's")
    s3.put_object(Bucket=SOURCE, Key="a/006", Body=b"n" * 106)
    replace("a/008", bucket.blob("a/008").download_as_bytes(), {SOURCE_ETAG: "0" * 32})
    replace("b/001", bucket.blob("b/001").download_as_bytes(), {})
    return {
        "a/000": "checksum_differs",
        "a/002": "size_differs",
        "a/004": "missing",
        "a/zz-extra": "extra",
        "a/006": "etag_differs",
        "a/008": "etag_differs",
    }


def verify(stack: Stack, message: dict[str, Any]) -> str:
    publisher, _ = pubsub_clients(stack.environment)
    topic = publisher.topic_path(PROJECT, VERIFY)
    sent = str(publisher.publish(topic, json.dumps(message).encode()).result(timeout=30))
    return asyncio.run(runs.wait(stack, sent, 60))


def close(stack: Stack) -> None:
    """See which runs have ended."""
    stack.tick("close")
    runs.wait_until(lambda: (stack.backlog() or {}).get("verifier") == 0, 30)


def manifest(stack: Stack, run: str) -> list[dict[str, Any]]:
    """The rows of a run's manifest, its checksums checked."""
    bucket = gcs_client(stack.environment).bucket(REPORTS)
    index = json.loads(bucket.blob(f"default/{run}/manifest.json").download_as_bytes())
    sums = dict(
        reversed(line.split("  ")) for line in bucket.blob(f"default/{run}/SHA256SUMS").download_as_text().splitlines()
    )
    rows = []
    for part in index["files"]:
        body = bucket.blob(part["name"]).download_as_bytes()
        assert hashlib.sha256(body).hexdigest() == part["sha256"] == sums[part["name"].rpartition("/")[2]]
        rows += [json.loads(line) for line in gzip.decompress(body).splitlines()]
    assert len(rows) == index["rows"]
    schema = json.loads(bucket.blob(f"default/{run}/schema.json").download_as_bytes())
    assert {name for row in rows for name in row} <= {column["name"] for column in schema}
    return rows


def rclone(stack: Stack) -> dict[str, str]:
    """What `rclone check --download` says of each key: it reads both sides byte for byte."""
    command = [
        str(Path(sys.executable).with_name("rclone")), "--config", "/dev/null", "check", "--download", "--combined", "-",
        "--s3-provider", "Other", "--s3-endpoint", stack.url("s3"), "--s3-env-auth", "--s3-region", "us-east-1",
        "--gcs-endpoint", f"{stack.url('gcs')}/storage/v1/", "--gcs-anonymous", "--gcs-bucket-policy-only",
        f":s3:{SOURCE}", f":gcs:{DESTINATION}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return {line[2:]: line[0] for line in done.stdout.splitlines()}


def test_the_verdicts_are_those_of_somebody_who_reads_every_byte(stack: Stack, planted: dict[str, str]) -> None:
    run = verify(stack, {"repair": False})
    close(stack)
    rows = manifest(stack, run)
    said = {row.get("key") or row["name"]: row["verdict"] for row in rows}
    assert {key: verdict for key, verdict in said.items() if verdict != "same"} == planted
    assert len(said) == COUNT + 1
    same = [row for row in rows if row["verdict"] == "same"]
    assert {(row["proof"], row["copied_proof"], row["route"]) for row in same} == {("md5", "md5", "cloudfront")}
    kinds = {"same": _SAME, "missing": _ONLY_SOURCE, "extra": _ONLY_COPY}
    ours = {key: kinds.get(verdict, _DIFFERS) for key, verdict in said.items()}
    theirs = rclone(stack)
    assert theirs["a/008"] == _SAME, "its bytes are right; only what it says of its origin is wrong"
    assert {**ours, "a/008": _SAME} == theirs


@pytest.mark.usefixtures("planted")
def test_what_was_wrong_is_repaired_and_told(stack: Stack) -> None:
    run = verify(stack, {})
    verify(stack, {})
    close(stack)
    assert set(rclone(stack).values()) == {_SAME, _ONLY_COPY}
    bucket = gcs_client(stack.environment).bucket(REPORTS)
    page = bucket.blob(f"default/{run}/report.html").download_as_text()
    assert "55 of 60 keys are the same (" in page
    assert "; 5 were copied again." in page
    for words in (
        "How every key ended",
        "checksum differs",
        "Sizes",
        "Folders",
        "Slowest copies",
        "What it cost",
        "CloudFront",
        "Pub/Sub",
        "manifest.json",
    ):
        assert words in page
    last = max(blob.name for blob in bucket.list_blobs(prefix="default/verify-") if blob.name.endswith("report.html"))
    assert "All 60 keys are the same: " in bucket.blob(last).download_as_text()
    first_run = next(blob for blob in bucket.list_blobs(prefix="default/list-") if blob.name.endswith("report.html"))
    assert "All 60 keys are settled; 60 were copied." in first_run.download_as_text()
    rows = parse(bucket.blob("default/index.html").download_as_bytes())
    reports = {blob.name.split("/")[1] for blob in bucket.list_blobs() if blob.name.endswith("/report.html")}
    assert {row.run for row in rows if row.sentence} == reports
    names = [row.run for row in rows]
    assert f"../{names[names.index(run) - 1]}/report.html" in page, "the run before"


def test_an_archived_object_is_told_restored_and_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack(settings={"RESTORE_TIER": "Bulk"}) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        s3 = s3_client(stack.environment)
        s3.put_object(Bucket=SOURCE, Key="cold", Body=b"ice", StorageClass="DEEP_ARCHIVE")
        s3.put_object(Bucket=SOURCE, Key="warm", Body=b"tea")
        asyncio.run(runs.wait(stack, stack.tick("list"), 60))
        run = verify(stack, {})
        close(stack)
        (row,) = [row for row in manifest(stack, run) if row["key"] == "cold"]
        assert (row["verdict"], row["storage_class"]) == ("archived", "DEEP_ARCHIVE")
        bucket = gcs_client(stack.environment).bucket(REPORTS)
        assert "DEEP_ARCHIVE, being restored" in bucket.blob(f"default/{run}/report.html").download_as_text()
        assert stack.bill()["s3.restore"] == 1
        runs.wait_until(lambda: "false" in s3.head_object(Bucket=SOURCE, Key="cold").get("Restore", ""), 30)
        verify(stack, {})
        assert rclone(stack) == {"cold": _SAME, "warm": _SAME}
        assert stack.bill()["s3.restore"] == 1, "what is restored is not asked for again"
