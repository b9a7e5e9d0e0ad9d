"""Objects that no single message carries, on the real functions and wires."""

import asyncio
import os
import random
import time
from collections.abc import Sequence

import pytest

from benchmarks.processes import of_group
from local import runs
from local.clients import gcs_client, s3_client
from local.names import DESTINATION, SOURCE, STAGING
from local.sample import MIB
from local.stack import Stack
from shared.domain.counts import Outcome
from tests.e2e.test_kill import killing

GIB = 1024 * MIB


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def use(stack: Stack) -> None:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)

    return use


def make(stack: Stack, key: str, size: int, **more: object) -> None:
    stack.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": key, "size": size, **more})


def upload(stack: Stack, key: str, algorithm: str, sizes: Sequence[int]) -> None:
    """In parts of these sizes, with a checksum of the parts' checksums."""
    client, chance = s3_client(stack.environment), random.Random(key)
    where = {"Bucket": SOURCE, "Key": key}
    given = client.create_multipart_upload(**where, ChecksumAlgorithm=algorithm)
    where["UploadId"] = given["UploadId"]
    parts = []
    for number, size in enumerate(sizes, 1):
        body = chance.randbytes(size)
        told = client.upload_part(**where, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, **{name: told[name] for name in ("ETag", f"Checksum{algorithm}")}})
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})


def test_large_objects_arrive_whole_though_the_transfer_is_killed(environment) -> None:  # type: ignore[no-untyped-def]
    """Every proof that parts can give; the transfer is killed at random moments."""
    settings = {"LARGE_BYTES": str(16 * MIB), "PART_BYTES": str(5 * MIB), "LEASE_SECONDS": "2", "STORAGE_CLASS_MAP": "STANDARD_IA=NEARLINE"}  # fmt: skip
    with Stack(settings=settings) as stack:
        environment(stack)
        make(stack, "large/crc", 90 * MIB + 1, headers={"content-type": "a/b", "x-amz-meta-mine": "été"})
        make(stack, "large/etag", 70 * MIB, etag="multipart", part_bytes=8 * MIB, checksum=None, seed=5)
        make(stack, "large/opaque", 40 * MIB + 7, etag="opaque", checksum=None, seed=6)
        make(stack, "large/cold", 40 * MIB, headers={"x-amz-storage-class": "STANDARD_IA"}, seed=7)
        upload(stack, "large/composite", "SHA256", (9 * MIB + 1, 6 * MIB, 8 * MIB, 5 * MIB))
        make(stack, "small/{}", 1000, count=20, seed=100)
        stack.fault("edge", op="cdn.request", key="*large*", do="delay", seconds=0.4, times=40)
        message = stack.tick("list")
        with killing(stack, "transfer", every_seconds=1.6) as kills:
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline and (kills() < 4 or any((stack.backlog() or {}).values())):
                time.sleep(0.1)
        stack.clear("edge", "/_local/faults")
        run = asyncio.run(runs.wait(stack, message, 120))
        summary = asyncio.run(runs.summary(run))
        assert kills() >= 2
        assert summary.balanced, summary
        assert summary.listed_keys == 25
        assert set(summary.outcomes.keys) <= {Outcome.COPIED, Outcome.UNCHANGED}
        s3, gcs = s3_client(stack.environment), gcs_client(stack.environment)
        for blob in gcs.list_blobs(DESTINATION):
            assert blob.download_as_bytes() == s3.get_object(Bucket=SOURCE, Key=blob.name)["Body"].read()
        whole = gcs.bucket(DESTINATION).get_blob("large/crc")
        assert (whole.content_type, whole.metadata["mine"]) == ("a/b", "été")
        assert gcs.bucket(DESTINATION).get_blob("large/cold").storage_class == "NEARLINE"
        assert [blob.name for blob in gcs.list_blobs(STAGING)] == []
        found = set(asyncio.run(runs.proofs(run)))
        unseen = {"s3-crc", "multipart-etag", "s3-composite", "crc32c", "md5"} - found
        assert not unseen or "size" in found, (
            "size: copied by one that died before it told, and found there by the next"
        )
        assert stack.bill()["gcs.objects_written"] <= 25 + 2 * kills(), "objects were put together again and again"


@pytest.mark.skipif(not os.environ.get("LARGE_GIB"), reason="make test-large")
@pytest.mark.timeout(1500)
def test_an_object_larger_than_memory_and_disk(environment, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    """Made while it is read, kept as size and checksum: only the functions' own code is in the way."""
    size = int(os.environ["LARGE_GIB"]) * GIB + 4321
    with Stack(servers={"GCS_HOLLOW_PARTS": "1"}) as stack:
        environment(stack)
        make(stack, "huge", size, etag="opaque")
        before = of_group(stack.children["transfer"].pid)
        started = time.monotonic()
        run = asyncio.run(runs.wait(stack, stack.tick("list"), 1400))
        seconds = time.monotonic() - started
        used = of_group(stack.children["transfer"].pid).since(before)
        summary = asyncio.run(runs.summary(run))
        assert summary.balanced
        assert summary.outcomes.keys == {Outcome.COPIED: 1}
        assert summary.outcomes.bytes == {Outcome.COPIED: size}
        (blob,) = gcs_client(stack.environment).list_blobs(DESTINATION)
        assert blob.size == size
        assert asyncio.run(runs.proofs(run)) == {"s3-crc": 1}
        assert used.peak_bytes <= 256 * MIB
        with capsys.disabled():
            print(
                f"\n{size / GIB:.0f} GiB in {blob.component_count} parts, proven by S3's CRC64NVME: {seconds:.0f} s, "
                f"{size / seconds / MIB:.0f} MiB/s, {used.cpu_seconds / (size / 1e9):.2f} s CPU a GB, "
                f"peak RSS of the transfer {used.peak_bytes / MIB:.0f} MiB"
            )
