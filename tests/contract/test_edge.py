"""The edge keeps errors as CloudFront does, for every part of an object alike, and names itself.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
"""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.clients import s3_client
from local.emulators.loopback import HOST
from local.names import SOURCE
from local.stack import Stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Whose edge signs by itself, so that a test can ask it for anything."""
    with Stack(settings={"CDN_AUTH": "public"}, functions=(), servers={"EDGE_ERROR_SECONDS": "60"}) as running:
        yield running


def ask(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_404_is_kept_for_every_way_to_ask(stack: Stack, fresh: str) -> None:
    url = f"{stack.url('edge')}/{fresh}"
    status, headers, body = ask(url)
    assert (status, headers["X-Cache"], headers["Age"]) == (404, "Error from cloudfront", None)
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key=fresh, Body=b"0123456789")
    for more in ({}, {"Range": "bytes=2-3"}, {"If-Match": '"0"'}):
        again, headers, text = ask(url, more)
        assert (again, headers["X-Cache"], headers["Age"] is not None, text) == (
            404,
            "Error from cloudfront",
            True,
            body,
        )
    assert ask(f"{url}?x=1")[0] == 404
    assert ask(url, method="HEAD")[::2] == (404, b"")


def test_a_failure_of_one_part_is_an_answer_for_all(stack: Stack, fresh: str) -> None:
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key=fresh, Body=b"0123456789")
    url = f"{stack.url('edge')}/{fresh}"
    assert ask(url, {"Range": "bytes=0-1"})[::2] == (206, b"01")
    stack.fault("s3", op="s3.get", key=fresh, do="status", status=503, code="SlowDown", times=1)
    assert ask(url, {"Range": "bytes=2-3"})[0] == 503
    assert ask(url, {"Range": "bytes=4-5"})[0] == 503
    assert b"SlowDown" in ask(url)[2]


def test_other_errors_are_asked_for_again(stack: Stack, fresh: str) -> None:
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key=fresh, Body=b"0123456789")
    url = f"{stack.url('edge')}/{fresh}"
    assert ask(url, {"Range": "bytes=50-"})[0] == 416
    assert ask(url, {"If-Match": '"0"'})[0] == 412
    stack.fault("s3", op="s3.get", key=fresh, do="status", status=403, code="AccessDenied", times=1)
    assert ask(url)[0] == 403
    assert ask(url)[::2] == (200, b"0123456789")


def test_every_answer_names_the_edge(stack: Stack, fresh: str) -> None:
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key=fresh, Body=b"")
    found = [ask(f"{stack.url('edge')}/{key}")[1] for key in (fresh, fresh, "nowhere", "nowhere")]
    assert all("cloudfront.net (CloudFront)" in headers["Via"] for headers in found)
    assert len({headers["X-Amz-Cf-Id"] for headers in found}) == 4


def test_a_signature_made_for_s3_does_not_survive_a_custom_origin(fresh: str) -> None:
    """There the edge adds X-Amz-Cf-Id, which nobody has signed; S3 as an S3 origin is asked without it."""
    for custom, expected in (("0", 200), ("1", 403)):
        with Stack(functions=(), servers={"EDGE_CUSTOM_ORIGIN": custom}) as stack:
            s3_client(stack.environment).put_object(Bucket=SOURCE, Key=fresh, Body=b"body")
            request = AWSRequest("GET", f"{stack.url('s3')}/{SOURCE}/{fresh}")
            S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
            headers = {**dict(request.headers.items()), "Host": f"{HOST}:{stack.ports.s3}"}
            status, _, body = ask(f"{stack.url('edge')}/{fresh}", headers)
            assert status == expected
            assert (b"<HeadersNotSigned>x-amz-cf-id</HeadersNotSigned>" in body) == (expected == 403)
