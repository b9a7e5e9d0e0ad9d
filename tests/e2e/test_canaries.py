"""Secrets that are easily found are planted where secrets lie, everything fails that can, and all that was written is
searched for them: logs, documents, messages, reports, metadata, what a caller is told.
"""

import asyncio
import gzip
import json
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from google.cloud.firestore import AsyncClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.pubsub_v1 import PubsubMessage

from local import runs
from local.clients import gcs_client, pubsub_clients, s3_client
from local.names import DEAD, DESTINATION, LIST, PROJECT, REPORTS, SOURCE, TRANSFER, VERIFY
from local.stack import Stack
from shared.ledger.packing import inflate

CANARY = "wJalrCANARYc4n4ryEXAMPLEKEY0000000000000"
KEYS = 40

Written = dict[str, str]
"""What was written, by where."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, dict[str, str]]:
    """Of a run in which S3, the edge and Cloud Storage refuse, stall and lie, with what there is to look for."""
    logs: Path = tmp_path_factory.mktemp("logs")
    settings = {"CDN_AUTH": "signed-url", "LOG_LEVEL": "DEBUG"}
    with (
        Stack(settings=settings, servers={"S3_SECRET_KEY": CANARY}, logs=logs) as stack,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        s3 = s3_client(stack.environment)
        for number in range(KEYS):
            s3.put_object(Bucket=SOURCE, Key=f"k/{number:02d}", Body=b"%d" % number)
        for server, op in (("s3", "s3.list"), ("s3", "s3.head"), ("edge", "edge.get"), ("gcs", "gcs.class_a")):
            for status in (500, 503) if op == "s3.list" else (400, 403, 500, 503):
                stack.fault(server, op=op, do="status", status=status, code="SignatureDoesNotMatch", times=2)
            stack.fault(server, op=op, do="reset", times=2)
        stack.fault("edge", op="edge.get", do="corrupt", times=4)
        publisher, subscriber = pubsub_clients(stack.environment)
        heard, listening = Written(), []
        for topic in (LIST, TRANSFER, VERIFY):
            name = subscriber.subscription_path(PROJECT, f"canaries-{topic}")
            subscriber.create_subscription(name=name, topic=publisher.topic_path(PROJECT, topic))
            listening.append(subscriber.subscribe(name, callback=partial(hear, heard, f"on {topic}")))
        publisher.publish(publisher.topic_path(PROJECT, LIST), b'{"prefix": 7}').result()
        asyncio.run(runs.wait(stack, stack.tick("list"), 120))
        asyncio.run(runs.wait(stack, stack.tick("verify"), 120))
        found = {f"told at {key}": told(stack, key) for key in ("k/00", "nowhere")}
        for server in ("s3", "edge", "gcs"):
            stack.clear(server, "/_local/faults")
        for subscription in listening:
            subscription.cancel()
            subscription.result(timeout=30)
        found |= asyncio.run(documents()) | objects(stack) | dead_letters(stack) | heard
        secrets = stack.secrets
    found |= {f"log {path.name}": path.read_text(errors="replace") for path in logs.iterdir() if path.is_file()}
    return found, secrets


def told(stack: Stack, key: str) -> str:
    request = urllib.request.Request(f"{stack.url('transfer')}/v1/replicate", json.dumps({"key": key}).encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read()) + str(answer.headers)
    except urllib.error.HTTPError as refused:
        return str(refused.read()) + str(refused.headers)


async def documents() -> Written:
    client = AsyncClient(project=PROJECT)
    found: Written = {}
    async for collection in client.document("jobs/default").collections():
        async for snapshot in collection.stream():
            found[snapshot.reference.path] = repr(unpacked(snapshot.to_dict() or {}))
    client.close()  # type: ignore[no-untyped-call]
    return found


def unpacked(fields: dict[str, object]) -> dict[str, object]:
    """What a record packs is written, too."""
    packed = ("table", "detail", "sums", "progress")
    return {
        name: inflate(value) if name in packed and isinstance(value, bytes) else value for name, value in fields.items()
    }


def objects(stack: Stack) -> Written:
    client, found = gcs_client(stack.environment), Written()
    for bucket in (DESTINATION, REPORTS):
        for blob in client.list_blobs(bucket):
            body = blob.download_as_bytes(raw_download=True)
            text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
            found[f"gs://{bucket}/{blob.name}"] = text.decode(errors="replace") + repr(blob.metadata)
    return found


def dead_letters(stack: Stack) -> Written:
    _, subscriber = pubsub_clients(stack.environment)
    name = subscriber.subscription_path(PROJECT, DEAD)
    received = subscriber.pull(subscription=name, max_messages=100, timeout=10).received_messages
    return {f"dead letter {item.message.message_id}": text(item.message) for item in received}


def hear(heard: Written, place: str, message: Message) -> None:
    heard[f"{place} {message.message_id}"] = text(message)
    message.ack()


def text(message: Message | PubsubMessage) -> str:
    return message.data.decode(errors="replace") + repr(dict(message.attributes))


def test_everything_that_is_written_was_looked_at(written: tuple[Written, dict[str, str]]) -> None:
    """A search that looked at nothing would find nothing."""
    found, _ = written
    for place, least in {
        "log transfer": 1,
        "log lister": 1,
        "log verifier": 1,
        "jobs/default/ledger/": 1,
        "jobs/default/runs/": 2,
        "jobs/default/rejected/": 1,
        f"gs://{DESTINATION}/k/": KEYS,
        f"gs://{REPORTS}/": 2,
        "dead letter ": 1,
        f"on {LIST} ": 1,
        f"on {TRANSFER} ": 1,
        f"on {VERIFY} ": 1,
        "told at ": 2,
    }.items():
        assert sum(name.startswith(place) and bool(text) for name, text in found.items()) >= least, place
    for place in ("dead letter ", f"on {LIST} "):
        assert any('{"prefix": 7}' in text for name, text in found.items() if name.startswith(place)), "read as sent"
    failed = [line for name, text in found.items() if name.startswith("log ") for line in text.splitlines()]
    assert sum('"ERROR"' in line or '"WARNING"' in line for line in failed) > 0


@pytest.mark.parametrize(
    "canary",
    ["secret key", "private key", "signed URL", "signature", "traceback of a secret"],
)
def test_no_secret_is_written_anywhere(written: tuple[Written, dict[str, str]], canary: str) -> None:
    found, secrets = written
    private = next(value for value in secrets.values() if "PRIVATE KEY" in value)
    wanted = {
        "secret key": [CANARY, CANARY[:16], CANARY[16:32]],
        "private key": ["PRIVATE KEY", *[line for line in private.splitlines() if len(line) == 64]],
        "signed URL": ["Signature=", "&Key-Pair-Id=", "Policy="],
        "signature": ["AWS4-HMAC-SHA256 Credential=", "X-Amz-Signature"],
        "traceback of a secret": ["secret_access_key"],
    }[canary]
    assert [(name, word[:20]) for name, text in found.items() for word in wanted if word in text] == []
