"""What comes to a function's door: pushes of every form, messages of every shape, requests for a key.

Every input is answered: a message that is none is said, counted and put aside, and never raises; whatever is said fits
into a log entry, a document and an attribute; a log line is one line.
"""

import asyncio
import base64
import contextlib
import io
import json
from types import SimpleNamespace
from typing import Any

from shared.aws.events import NotAnEvent, read_events
from shared.domain.errors import MalformedMessage
from shared.domain.keys import MAX_KEY_BYTES
from shared.domain.messages import ListMessage, Message, ObjectEntry, TransferMessage, VerifyMessage, decode
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.entrypoints.push import ATTRIBUTE_BYTES, Handler, read_push
from shared.entrypoints.pusher import pushes
from shared.entrypoints.replicate import OnDemand
from shared.telemetry import Log
from tests.fakes import FakeClock, FakeQueue, FakeStores
from tests.fuzz.draw import Draw

MODELS: dict[str, type[Message]] = {"list": ListMessage, "transfer": TransferMessage, "verify": VerifyMessage}

OBJECT = {"key": "a/b", "etag": "0" * 32, "size": 10, "modified": 1_700_000_000}
EXAMPLES: dict[str, tuple[dict[str, Any], ...]] = {
    "list": (
        {},
        {"scheduled": True},
        {"prefix": "a/", "force": True},
        {"keys": ["a/b.jpg", "c"]},
        {"run": "list-20261128T200000-7", "prefix": "a/", "cursor": "a/b", "until": "a/c", "depth": 1},
    ),
    "transfer": (
        {"run": "r", "batch": "b", "objects": [OBJECT, {**OBJECT, "key": "c"}], "attempt": 2},
        {"run": "r", "batch": "b", "objects": [OBJECT], "part": {"number": 1, "version": OBJECT}},
    ),
    "verify": ({}, {"close": True}, {"prefix": "a/", "repair": False, "passed": 1}),
}

RECORD = {
    "eventVersion": "2.1",
    "eventName": "ObjectCreated:Put",
    "eventTime": "2026-11-28T20:00:00.250Z",
    "s3": {
        "bucket": {"name": "source"},
        "object": {"key": "a+b/%C3%BC", "size": 3, "eTag": "0" * 32, "sequencer": "0055AED6DCD90281E5"},
    },
}
EVENTS: tuple[dict[str, Any], ...] = (
    {"Records": [RECORD, {**RECORD, "eventName": "ObjectRemoved:Delete"}]},
    {"Event": "s3:TestEvent", "Bucket": "source"},
    {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-11-28T20:00:00Z",
        "detail": {
            "bucket": {"name": "source"},
            "object": {"key": "a b", "size": 3, "etag": "0" * 32, "sequencer": "617f08299329d189"},
        },
    },
)

MOST_SAID = 8_000
"""Characters of what is said about one message: a log entry has 256 KiB, a document 1 MiB.
https://cloud.google.com/logging/quotas#log-limits
"""


def message(draw: Draw) -> None:
    """A message is read, and says the same when it is written again, or is malformed."""
    kind = draw.choice(list(MODELS))
    try:
        read = decode(MODELS[kind], draw.json(draw.choice(EXAMPLES[kind])))
    except MalformedMessage as malformed:
        assert malformed.problems
        assert len(str(malformed)) <= MOST_SAID
        str(malformed).encode()
        return
    assert decode(MODELS[kind], read.encode()) == read


def push(draw: Draw) -> None:
    """A push that cannot be worked on is put aside; one that can reaches the workflow with a run's name that is one."""
    kind = draw.choice(list(MODELS))
    started: list[str] = []

    async def work(given: Message, run: str, _budget: object) -> None:
        assert isinstance(given, MODELS[kind])
        if kind != "transfer":
            MODELS[kind].model_validate({"run": run})
        started.append(run)

    queue, stores = FakeQueue(), FakeStores()
    adapters = SimpleNamespace(queue=queue, clock=FakeClock(), stores=stores)
    settings = SimpleNamespace(budget_seconds=540.0, first_topic="first", topics={name: name for name in MODELS})
    handler: Handler[Any] = Handler(
        kind,
        MODELS[kind],
        lambda app: work,
        SimpleNamespace(settings=settings, log=Log()),  # type: ignore[arg-type]
    )
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        asyncio.run(handler._handle(SimpleNamespace(adapters=adapters), work, pushed(draw, kind)))  # type: ignore[arg-type]
    for line in said.getvalue().split("\n")[:-1]:
        line.encode()
        assert json.loads(line).keys() >= {"severity", "time", "message"}
        assert len(line) <= 5 * MOST_SAID
    assert bool(started) != bool(queue.rejected)
    for _, attributes in queue.rejected:
        assert all(len(value.encode()) <= ATTRIBUTE_BYTES for value in attributes.values())
    for name in stores.rejected.documents:
        name.encode()
        assert len(name) <= 200


def pushed(draw: Draw, kind: str) -> Any:
    """A push like Pub/Sub's, or the CloudEvent of one."""
    data = base64.b64encode(draw.json(draw.choice(EXAMPLES[kind]))).decode()
    inner = {"data": data, "messageId": "7", "publishTime": "2026-11-28T20:00:00.5Z", "attributes": {"a": "1"}}
    body: Any = {"message": inner, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 1}
    if draw.once_in(4):
        body = {"specversion": "1.0", "type": "google.cloud.pubsub.topic.v1.messagePublished", "data": body}
    for _ in range(draw.randrange(3)):
        body = draw.changed(body)
    return body


def event(draw: Draw) -> None:
    """What comes in S3's queue is an event that can be recorded and sent, or is put aside with a reason."""
    example: Any = draw.choice(EVENTS)
    for _ in range(draw.randrange(3)):
        example = draw.changed(example)
    body = draw.json(example)
    try:
        told = read_events(body.decode(errors="replace") if draw.once_in(2) else json.dumps(example), "source")
    except NotAnEvent as unreadable:
        assert len(str(unreadable)) <= MOST_SAID
        str(unreadable).encode()
        return
    for found in told.events:
        assert 1 <= len(found.key.decode().encode()) <= MAX_KEY_BYTES
        found.is_newer("0055AED6DCD90281E5")
        source = SourceObject(found.key, found.etag, found.size, int(found.at))
        assert decode(ObjectEntry, ObjectEntry.of(source).encode()).source() == source
        assert source.size < 2**63
        assert len(found.etag) <= 1024
        if not found.removed:
            assert len(Page.of([source])) == 1


def envelope(draw: Draw) -> None:
    """Of any body at all, something can be said."""
    body = draw.value() if draw.once_in(2) else pushed(draw, "list")
    delivery = read_push(body)
    assert isinstance(delivery.data, bytes)
    assert 0 < len(delivery.message_id) <= 200
    assert "/" not in delivery.message_id
    json.dumps([delivery.message_id, delivery.published, delivery.subscription], ensure_ascii=False).encode()
    assert 0 <= delivery.attempt <= 2**31


def identity(draw: Draw) -> None:
    """Nobody passes for Pub/Sub who does not bear its address, verified, in the claims of one token."""
    account = "invoker@project.iam.gserviceaccount.com"
    claims = draw.changed({"email": account, "email_verified": True, "aud": "x"})
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    token = b".".join((b"e30", draw.damaged(encoded) if draw.once_in(3) else encoded, b"sig")).decode(errors="replace")
    headers = {draw.choice(("Authorization", "authorization", draw.text())): draw.choice((f"Bearer {token}", token))}
    if pushes(headers, account):
        padded = token.split(".")[1] + "=" * (-len(token.split(".")[1]) % 4)
        read = json.loads(base64.urlsafe_b64decode(padded))
        assert (read["email"], read["email_verified"]) == (account, True)


def wish(draw: Draw) -> None:
    """Whoever asks for a key is answered, and only a key below the job's root is looked at."""
    asked: list[bytes] = []

    async def work(key: bytes, _force: bool) -> None:
        asked.append(key)

    app = SimpleNamespace(replicate=work)
    settings = SimpleNamespace(source_prefix="a/")
    instance = SimpleNamespace(settings=settings, log=Log("ERROR"), app=lambda: app)
    on_demand = OnDemand(instance)  # type: ignore[arg-type]
    on_demand._work = work  # type: ignore[assignment]
    answer, status, _ = on_demand("POST", draw.json({"key": "a/b", "force": True}))
    assert status in (202, 400)
    assert len(json.dumps(answer)) <= 5 * MOST_SAID
    json.dumps(answer, ensure_ascii=False).encode()
    assert all(key.startswith(b"a/") and len(key) <= 1024 for key in asked)
