"""The proxy of faults: every kind, as a client sees it and as the server behind it does, on real sockets."""

import contextlib
import http.client
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from google.api_core.exceptions import Aborted, GoogleAPICallError, ServiceUnavailable
from google.cloud.firestore import Client

from local.children import StackError
from local.clients import gcs_client, pubsub_clients, s3_client
from local.emulators.certificate import self_signed
from local.faults.client import Faults
from local.faults.fault import OF_CALLS, OF_WIRES, Kind
from local.names import DESTINATION, PROJECT, SOURCE
from local.stack import Stack

BODY = bytes(range(256)) * 4096
"""A MiB."""


@pytest.fixture(scope="module")
def faults(embedded: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    ports = embedded.ports
    http_doors = {"s3": ports.s3, "gcs": ports.gcs, "nobody": 1}
    grpc_doors = {"firestore": ports.firestore, "pubsub": ports.pubsub}
    logs = tmp_path_factory.mktemp("faults")
    with Faults(http_doors, grpc_doors, logs, self_signed(logs)) as proxy:
        s3_client(behind(proxy, embedded)).put_object(Bucket=SOURCE, Key="proxied", Body=BODY)
        yield proxy


@pytest.fixture(autouse=True)
def calm(faults: Faults) -> Iterator[None]:
    yield
    told = faults.calm()
    assert told.never == []


def behind(faults: Faults, stack: Stack) -> dict[str, str]:
    """A client's environment, every server behind its door."""
    return {
        **stack.environment,
        "AWS_ENDPOINT_URL_S3": f"http://{faults.address('s3')}",
        "STORAGE_EMULATOR_HOST": f"http://{faults.address('gcs')}",
        "FIRESTORE_EMULATOR_HOST": faults.address("firestore"),
        "PUBSUB_EMULATOR_HOST": faults.address("pubsub"),
    }


def ask(
    faults: Faults, stack: Stack, method: str = "GET", body: bytes | None = None, secure: bool = False
) -> tuple[int, dict[str, str], bytes]:
    """What a client gets that never tries again."""
    path = f"/{SOURCE}/{'proxied' if method == 'GET' else 'put'}"
    address = faults.address("s3-tls" if secure else "s3")
    request = AWSRequest(method, f"http://{address}{path}", data=body or b"")
    S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    connection = http.client.HTTPConnection(address, timeout=20)
    if secure:
        context = ssl.create_default_context(cafile=faults.logs / "localhost.pem")
        connection = http.client.HTTPSConnection(address, timeout=20, context=context)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def fault(door: str, kind: Kind, **more: Any) -> dict[str, Any]:
    return {"door": door, "kind": kind.value, **more}


def puts(stack: Stack) -> int:
    return stack.bill().get("s3.put", 0)


def test_what_is_not_disturbed_comes_as_it_is(faults: Faults, embedded: Stack) -> None:
    status, headers, body = ask(faults, embedded)
    assert (status, body) == (200, BODY)
    assert headers["ETag"]
    blob = gcs_client(behind(faults, embedded)).bucket(DESTINATION).blob("through/the door")
    with blob.open("wb", chunk_size=256 * 1024) as session:
        session.write(BODY)
    passed = faults.told().passed["gcs"]
    assert passed >= 5, "an upload session's chunks go to the door that began it"
    assert blob.download_as_bytes() == BODY


@pytest.mark.parametrize("kind", [Kind.LOST_REQUEST, Kind.LOST_ANSWER, Kind.SILENCE])
def test_a_connection_that_breaks_around_an_answer(faults: Faults, embedded: Stack, kind: Kind) -> None:
    before = puts(embedded)
    faults.plan([fault("s3", kind, match="PUT *", seconds=0.3)])
    began = time.monotonic()
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        ask(faults, embedded, "PUT", b"x" * 100)
    assert puts(embedded) - before == (kind is not Kind.LOST_REQUEST)
    assert (time.monotonic() - began > 0.3) == (kind is Kind.SILENCE)
    assert ask(faults, embedded, "PUT", b"x" * 100)[0] == 200


def test_half_a_request_changes_nothing(faults: Faults, embedded: Stack) -> None:
    s3 = s3_client(embedded.environment)
    s3.put_object(Bucket=SOURCE, Key="put", Body=b"old")
    faults.plan([fault("s3", Kind.HALF_REQUEST, match="PUT *")])
    with pytest.raises(OSError):  # noqa: PT011  reset while it sends, or while it waits
        ask(faults, embedded, "PUT", BODY)
    assert s3.get_object(Bucket=SOURCE, Key="put")["Body"].read() == b"old"


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.LATE_ERROR])
def test_an_error_with_its_patience(faults: Faults, embedded: Stack, kind: Kind) -> None:
    before = puts(embedded)
    faults.plan([fault("s3", kind, match="PUT *", status=429, code="SlowDown", retry_after="2")])
    status, headers, body = ask(faults, embedded, "PUT", b"x")
    assert (status, headers["Retry-After"]) == (429, "2")
    assert b"<Code>SlowDown</Code>" in body
    assert puts(embedded) - before == (kind is Kind.LATE_ERROR)


@pytest.mark.parametrize("kind", [Kind.HALF_ANSWER, Kind.CUT_ANSWER])
def test_half_an_answer(faults: Faults, embedded: Stack, kind: Kind) -> None:
    faults.plan([fault("s3", kind)])
    expected = ConnectionResetError if kind is Kind.HALF_ANSWER else http.client.IncompleteRead
    with pytest.raises(expected) as told:
        ask(faults, embedded)
    if isinstance(told.value, http.client.IncompleteRead):
        assert told.value.partial == BODY[: len(BODY) // 2]


def test_one_bit_is_another(faults: Faults, embedded: Stack) -> None:
    faults.plan([fault("s3", Kind.CORRUPT)])
    status, _, body = ask(faults, embedded)
    assert status == 200
    assert [place for place, (sent, came) in enumerate(zip(BODY, body, strict=True)) if sent != came] == [
        len(BODY) // 2
    ]


@pytest.mark.parametrize(
    ("kind", "more", "least"),
    [(Kind.DELAY, {"seconds": 0.4}, 0.4), (Kind.STALL, {"seconds": 0.4}, 0.4), (Kind.SLOW, {"rate": 2 << 20}, 0.5)],
)
def test_patience_is_all_it_takes(
    faults: Faults, embedded: Stack, kind: Kind, more: dict[str, float], least: float
) -> None:
    faults.plan([fault("s3", kind, **more)])
    began = time.monotonic()
    assert ask(faults, embedded)[2] == BODY
    assert time.monotonic() - began >= least


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_a_request_that_arrives_twice(faults: Faults, embedded: Stack, seconds: float) -> None:
    before = puts(embedded)
    faults.plan([fault("s3", Kind.AGAIN, match="PUT *", seconds=seconds)])
    assert ask(faults, embedded, "PUT", b"x")[0] == 200
    deadline = time.monotonic() + 10
    while faults.told().under_way and time.monotonic() < deadline:
        time.sleep(0.02)
    assert puts(embedded) - before == 2


def test_a_fault_of_what_a_body_says(faults: Faults, embedded: Stack) -> None:
    before = puts(embedded)
    faults.plan([fault("s3", Kind.REFUSED, match="PUT *", body="*this one*", status=200)])
    assert [ask(faults, embedded, "PUT", body)[0] for body in (b"another", b"it is this one", b"this one")] == [200] * 3
    assert puts(embedded) - before == 2, "one was answered and did not arrive"
    assert faults.told().faults[0].seen == 1


def test_a_request_that_is_overtaken(faults: Faults, embedded: Stack) -> None:
    s3 = s3_client(embedded.environment)
    faults.plan([fault("s3", Kind.OVERTAKEN, match="PUT *", body="first", seconds=10)])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, faults, embedded, "PUT", b"first")
        deadline = time.monotonic() + 10
        while not faults.told().under_way and time.monotonic() < deadline:
            time.sleep(0.02)
        assert ask(faults, embedded, "PUT", b"second")[0] == 200
        assert first.result(timeout=10)[0] == 200
    assert s3.get_object(Bucket=SOURCE, Key="put")["Body"].read() == b"first"


def test_what_nothing_overtakes_arrives_and_was_not_overtaken(faults: Faults, embedded: Stack) -> None:
    faults.plan([fault("s3", Kind.OVERTAKEN, seconds=0.1)])
    assert ask(faults, embedded)[0] == 200
    assert [item.fired for item in faults.calm().faults] == [0]


def test_a_connection_that_is_reset_behind_its_answer(faults: Faults, embedded: Stack) -> None:
    faults.plan([fault("s3", Kind.RESET_AFTER)])
    s3 = s3_client(behind(faults, embedded))
    for _ in range(2):
        assert s3.get_object(Bucket=SOURCE, Key="proxied")["Body"].read() == BODY


def test_a_door_to_nobody(faults: Faults, embedded: Stack) -> None:
    connection = http.client.HTTPConnection(faults.address("nobody"), timeout=20)
    connection.request("GET", "/")
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        connection.getresponse()


def test_what_was_planned_and_never_happened_is_told(faults: Faults, embedded: Stack) -> None:
    faults.plan([fault("s3", Kind.CORRUPT, match="GET /nowhere*"), fault("s3", Kind.DELAY, seconds=0.01)])
    ask(faults, embedded)
    told = faults.calm()
    assert [item.match for item in told.never] == ["GET /nowhere*"]
    assert [item.fired for item in told.faults] == [0, 1]
    with pytest.raises(StackError, match="kinds are"):
        faults.plan([{"door": "s3", "kind": "rain"}])


@pytest.mark.parametrize("kind", sorted(OF_CALLS))
def test_calls(faults: Faults, embedded: Stack, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    """Whether the write took effect, whatever was answered."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faults.address("firestore"))
    through = Client(project=PROJECT)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{embedded.ports.firestore}")
    document = f"proxied/{kind.value.replace(' ', '-')}"
    faults.plan([fault("firestore", kind, match="*/Commit", code="ABORTED", seconds=0.2)])
    refused = Aborted if kind in (Kind.REFUSED, Kind.LATE_ERROR) else ServiceUnavailable
    raises: Any = pytest.raises(refused) if kind not in (Kind.DELAY, Kind.AGAIN) else contextlib.nullcontext()
    with raises:
        through.document(document).set({"n": 1}, retry=None, timeout=10)
    there = Client(project=PROJECT).document(document).get().exists
    assert there == (kind not in (Kind.LOST_REQUEST, Kind.REFUSED))


def test_a_wire_that_is_cut_and_one_that_nothing_passes(faults: Faults, embedded: Stack) -> None:
    publisher, _ = pubsub_clients(behind(faults, embedded))
    topic = publisher.topic_path(PROJECT, "dead-letters")
    assert publisher.get_topic(topic=topic).name == topic
    assert faults.wire("pubsub", "cut") >= 1
    with contextlib.suppress(ServiceUnavailable):
        publisher.get_topic(topic=topic, retry=None)
    assert publisher.get_topic(topic=topic).name == topic
    assert faults.wire("pubsub", "stop", seconds=0.6) >= 1
    with pytest.raises(GoogleAPICallError):
        publisher.get_topic(topic=topic, retry=None, timeout=0.2)
    assert publisher.get_topic(topic=topic, timeout=10).name == topic
    faults.wire("pubsub", "late", seconds=0.1)
    began = time.monotonic()
    publisher.get_topic(topic=topic, timeout=10)
    assert time.monotonic() - began >= 0.2
    faults.wire("pubsub", "late", seconds=0)


def test_the_same_doors_over_tls(faults: Faults, embedded: Stack) -> None:
    assert ask(faults, embedded, secure=True)[2] == BODY
    faults.plan([fault("s3", Kind.REFUSED, status=503)])
    assert ask(faults, embedded, secure=True)[0] == 503
    connection = http.client.HTTPSConnection(
        faults.address("gcs-tls"), context=ssl.create_default_context(cafile=faults.logs / "localhost.pem")
    )
    path = f"/upload/storage/v1/b/{DESTINATION}/o?uploadType=resumable&name=secure"
    connection.request("POST", path, b"{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    session = answer.headers["Location"]
    assert session.startswith(f"https://{faults.address('gcs-tls')}/"), "its chunks go to the door that began it"
    connection.request("PUT", session.partition(faults.address("gcs-tls"))[2], BODY)
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("match", ["answer 0", "answer [1-9]*"])
@pytest.mark.parametrize("kind", sorted(OF_WIRES - {Kind.HALF_REQUEST, Kind.LOST_REQUEST}))
def test_what_breaks_below_tls(faults: Faults, embedded: Stack, kind: Kind, match: str) -> None:
    """In the handshake, and in the middle of a record: what comes is whole, or nothing is believed."""
    handshake = match == "answer 0"
    least = 0 if handshake else 2000
    faults.plan([fault("s3-tls wire", kind, match=match, least=least, seconds=0.3)])
    began = time.monotonic()
    if kind in (Kind.STALL, Kind.DELAY):
        assert ask(faults, embedded, secure=True)[2] == BODY
        assert time.monotonic() - began > 0.3
        return
    with pytest.raises((OSError, http.client.IncompleteRead)):
        ask(faults, embedded, secure=True)
    assert ask(faults, embedded, secure=True)[2] == BODY


@pytest.mark.parametrize("kind", [Kind.HALF_REQUEST, Kind.LOST_REQUEST])
def test_a_request_that_breaks_below_tls(faults: Faults, embedded: Stack, kind: Kind) -> None:
    before = puts(embedded)
    faults.plan([fault("s3-tls wire", kind, match="request [1-9]*", least=1000)])
    with pytest.raises(OSError):  # noqa: PT011  reset while it sends, or while it waits
        ask(faults, embedded, "PUT", BODY, secure=True)
    assert ask(faults, embedded, "PUT", b"x", secure=True)[0] == 200
    assert puts(embedded) - before <= 2


@pytest.mark.parametrize("secure", [False, True])
def test_a_server_that_is_down_for_a_while(faults: Faults, embedded: Stack, secure: bool) -> None:
    door = "s3-tls" if secure else "s3"
    faults.wire(door, "down", seconds=0.5)
    with pytest.raises(OSError):  # noqa: PT011  reset, or gone without a word
        ask(faults, embedded, secure=secure)
    time.sleep(0.6)
    assert ask(faults, embedded, secure=secure)[2] == BODY
    with pytest.raises(StackError, match="not rain"):
        faults.wire(door, "rain")


def test_firestore_that_is_down_for_a_while(faults: Faults, embedded: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faults.address("firestore"))
    document = Client(project=PROJECT).document("proxied/down")
    document.set({"n": 1})
    assert faults.wire("firestore", "down", seconds=0.5) >= 1
    with pytest.raises(ServiceUnavailable):
        document.get(retry=None, timeout=10)
    assert document.get(timeout=20).to_dict() == {"n": 1}


def test_the_log_of_the_proxy_is_empty(faults: Faults) -> None:
    """It has nothing to say of what was planned; anything there is a fault of its own."""
    assert Path(faults.logs / "faults.log").read_text() == ""
