"""`POST /v1/replicate`: every status, on the real function and wires."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import runs
from local.clients import gcs_client, s3_client
from local.faults.client import Faults
from local.faults.fault import Kind
from local.names import DESTINATION, SOURCE
from local.ports import Ports
from local.sample import MIB
from local.stack import Stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(
        settings={"SOURCE_PREFIX": "root/", "LARGE_BYTES": str(16 * MIB), "PART_BYTES": str(5 * MIB)}
    ) as running:
        yield running


def ask(stack: Stack, body: object, method: str = "POST") -> tuple[int, dict[str, Any], Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(stack.url("transfer") + "/v1/replicate", data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def put(stack: Stack, key: str, body: bytes = b"body", **extra: Any) -> str:
    return str(s3_client(stack.environment).put_object(Bucket=SOURCE, Key=key, Body=body, **extra)["ETag"]).strip('"')


def test_201_then_200_then_201_for_a_new_version(stack: Stack) -> None:
    etag = put(stack, "root/a b+c", b"first")
    status, said, _ = ask(stack, {"key": "root/a b+c"})
    assert (status, said["outcome"], said["etag"], said["size"], said["proof"]) == (201, "copied", etag, 5, "md5")
    status, again, _ = ask(stack, {"key": "root/a b+c"})
    assert (status, again["outcome"], again["generation"]) == (200, "unchanged", said["generation"])
    assert ask(stack, {"key": "root/a b+c", "force": True})[0] == 201
    put(stack, "root/a b+c", b"second")
    assert ask(stack, {"key": "root/a b+c"})[0] == 201
    assert gcs_client(stack.environment).bucket(DESTINATION).blob("root/a b+c").download_as_bytes() == b"second"


def test_202_for_an_object_in_parts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    stack.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": "root/large", "size": 20 * MIB})
    status, said, _ = ask(stack, {"key": "root/large"})
    assert (status, said) == (202, {"key": "root/large", "outcome": "in_flight"})
    runs.wait_until(lambda: ask(stack, {"key": "root/large"})[0] == 200, 60)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"key": "root/nowhere"}, 404, "gone"),
        ({"key": "elsewhere/k"}, 400, "outside"),
        ({"key": ""}, 400, "malformed"),
        ({"kee": "k"}, 400, "malformed"),
        ({"key": "root/" + "k" * 1024}, 400, "malformed"),
        (b"not json", 400, "malformed"),
        (b"", 400, "malformed"),
    ],
)
def test_what_cannot_be(stack: Stack, body: object, status: int, reason: str) -> None:
    found, said, _ = ask(stack, body)
    assert (found, said["error"]["reason"]) == (status, reason)
    assert said["error"]["message"]
    assert said["error"].get("advice", "what to do") not in said["error"]["message"]


def test_422_for_a_name_that_cloud_storage_refuses(stack: Stack) -> None:
    put(stack, "root/line\nfeed")
    status, said, _ = ask(stack, {"key": "root/line\nfeed"})
    assert (status, said["error"]["reason"]) == (422, "unsupported")
    assert "line feed" in said["error"]["message"]


def test_409_for_what_moves_and_what_is_archived(stack: Stack) -> None:
    put(stack, "root/cold", StorageClass="GLACIER")
    assert ask(stack, {"key": "root/cold"})[0] == 409
    put(stack, "root/moving", b"1")
    stack.fault(
        "edge", op="cdn.request", key="root/moving", do="status", status=412, code="PreconditionFailed", times=9
    )
    stack.fault("s3", op="s3.get", key="root/moving", do="status", status=412, code="PreconditionFailed", times=9)
    status, said, _ = ask(stack, {"key": "root/moving"})
    assert (status, said["error"]["reason"]) == (409, "changed")


def test_503_and_when_to_come_again(stack: Stack) -> None:
    put(stack, "root/busy")
    stack.fault("edge", op="cdn.request", key="root/busy", do="status", status=503, code="SlowDown", times=3)
    status, said, headers = ask(stack, {"key": "root/busy"})
    assert (status, said["error"]["reason"]) == (503, "throttled")
    assert int(headers["Retry-After"]) >= 1
    assert ask(stack, {"key": "root/busy"})[0] == 201


def test_502_where_the_source_denies(stack: Stack) -> None:
    put(stack, "root/denied")
    for op in ("s3.get", "s3.head"):
        stack.fault("s3", op=op, key="root/denied", do="status", status=403, code="AccessDenied", times=9)
    status, said, _ = ask(stack, {"key": "root/denied"})
    assert (status, said["error"]["reason"]) == (502, "forbidden")


ANSWERS = [
    ("edge", "cdn.request", 403, "SignatureDoesNotMatch", 502, "bad_credentials"),
    ("edge", "cdn.request", 403, "RequestTimeTooSkewed", 503, "clock_skew"),
    ("edge", "cdn.request", 404, "NoSuchBucket", 502, "no_such_bucket"),
    ("s3", "s3.get", 400, "KMS.DisabledException", 502, "kms_denied"),
    ("edge", "cdn.request", 400, "AuthorizationHeaderMalformed", 502, "wrong_region"),
    ("gcs", "gcs.class_a", 403, "retentionPolicyNotMet", 502, "retained"),
    ("gcs", "gcs.class_a", 400, "Bucket is a requester pays bucket", 502, "requester_pays"),
    ("gcs", "gcs.class_a", 429, "rateLimitExceeded", 503, "throttled"),
]


@pytest.mark.parametrize(("server", "op", "given", "code", "status", "reason"), ANSWERS)
def test_every_refusal_has_a_name_and_says_what_to_do(
    stack: Stack, server: str, op: str, given: int, code: str, status: int, reason: str
) -> None:
    key = f"root/refused-{reason}-{code}"
    put(stack, key)
    where = {"key": "upload *"} if server == "gcs" else {"key": key}
    stack.fault(server, op=op, do="status", status=given, code=code, times=3, **where)
    found, said, _ = ask(stack, {"key": key})
    stack.clear(server, "/_local/faults")
    assert (found, said["error"]["reason"]) == (status, reason)
    advice = said["error"]["advice"]
    assert advice
    assert advice not in said["error"]["message"], "what to do is said once"


def test_a_cdn_that_cannot_be_reached_is_named_and_no_key_pays_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"CDN_URL": "http://no-such-host.invalid", "MAX_ATTEMPTS": "2"}
    with Stack(settings=settings) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        put(stack, "k")
        status, said, headers = ask(stack, {"key": "k"})
        assert (status, said["error"]["reason"], "Retry-After" in headers) == (503, "unreachable", True)
        started = stack.tick("list")
        log = stack.children["transfer"].log
        runs.wait_until(lambda: '"message": "put off"' in log.read_text(), 120)
        told = [json.loads(line) for line in log.read_text().splitlines() if '"copying waits' in line]
        assert [(line["severity"], line["reason"]) for line in told] == [("ERROR", "unreachable")]
        assert "CDN_URL" in told[0]["why"]
        run = asyncio.run(runs.run_name(started))
        assert "failed" not in asyncio.run(runs.summary(run)).outcomes.keys


def test_a_firestore_that_is_out_of_service_is_503_and_an_answer_that_is_lost_nothing(tmp_path: Path) -> None:
    """Both were 500. The second commit finds what the first one wrote."""
    ports = Ports()
    with Faults({}, {"firestore": ports.firestore}, tmp_path) as faults:
        settings = {"FIRESTORE_EMULATOR_HOST": faults.address("firestore")}
        with Stack(ports=ports, settings=settings, functions=("transfer",)) as stack:
            put(stack, "k")
            commit = {"door": "firestore", "match": "*/Commit"}
            faults.plan([{**commit, "kind": Kind.REFUSED.value, "code": "INTERNAL", "times": 9}])
            status, said, headers = ask(stack, {"key": "k"})
            assert (status, said["error"]["reason"], int(headers["Retry-After"])) == (503, "unreachable", 5)
            assert "it may have been copied; ask again" in said["error"]["message"]
            assert faults.calm().never == []
            assert ask(stack, {"key": "k"})[1]["outcome"] == "unchanged"
            faults.plan([{**commit, "kind": Kind.LOST_ANSWER.value}])
            assert ask(stack, {"key": "k", "force": True})[0] == 201
            assert faults.calm().never == []


def test_405_for_anything_but_post(stack: Stack) -> None:
    status, said, headers = ask(stack, None, method="GET")
    assert (status, headers["Allow"]) == (405, "POST")
    assert "POST" in said["error"]["message"]
