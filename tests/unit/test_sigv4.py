"""Held to botocore's own signer, which knows nothing of ours."""

from hashlib import sha256
from unittest.mock import patch
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import datetime
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.sigv4 import Keys, signed_headers
from shared.domain.keys import quote_key

NOW = 1_795_000_000
HOST = "bucket.s3.eu-west-1.amazonaws.com"


def botocore_headers(method: str, path: str, query: str, keys: Keys, amz: dict[str, str]) -> dict[str, str]:
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    request = AWSRequest(method=method, url=f"https://{HOST}{path}{'?' if query else ''}{query}", headers=amz)
    with patch.object(botocore.auth, "get_current_datetime", lambda: moment):
        S3SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "s3", "eu-west-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def same(method: str, path: str, query: str, keys: Keys, **amz: str) -> bool:
    named = {f"x-amz-{name.replace('_', '-')}": value for name, value in amz.items()}
    ours = signed_headers(method, HOST, path, query, keys, "eu-west-1", NOW, named)
    theirs = botocore_headers(method, path, query, keys, named)
    return theirs.items() >= {name.lower(): value for name, value in ours.items()}.items()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.sampled_from([None, "a/token+="]))
def test_any_key_is_signed_as_botocore_signs_it(key: str, token: str | None) -> None:
    assert same("GET", "/" + quote_key(key.encode()), "", Keys("AKID", "secret", token))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_listing_is_signed_as_botocore_signs_it(prefix: str) -> None:
    query = f"encoding-type=url&list-type=2&prefix={quote(prefix.encode(), safe='')}"
    assert same("GET", "/", query, Keys("AKID", "secret"))


@pytest.mark.parametrize("token", [None, "token"])
def test_further_headers_are_signed(token: str | None) -> None:
    keys = Keys("AKID", "secret", token)
    assert same("GET", "/k", "", keys, checksum_mode="ENABLED")
    assert same("GET", "/k", "", keys, checksum_mode="ENABLED", request_payer="requester")
    assert same("GET", "/k", "", keys, zzz="last", aaa="first")


@pytest.mark.parametrize("path", ["/a//b/../c/./d", "//lead", "/%2E%2E", "/~tilde", "/a%20b%2Bc"])
def test_nothing_is_normalised(path: str) -> None:
    assert same("HEAD", path, "", Keys("AKID", "secret"))


@pytest.mark.parametrize("token", [None, "token"])
def test_a_question_to_sqs_is_signed_as_botocore_signs_it(token: str | None) -> None:
    keys, body = Keys("AKID", "secret", token), b'{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}'
    digest, host = sha256(body).hexdigest(), "sqs.eu-west-1.amazonaws.com"
    named = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.ReceiveMessage"}
    ours = signed_headers("POST", host, "/", "", keys, "eu-west-1", NOW, named, body_sha256=digest, service="sqs")
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    given = {**named, "x-amz-content-sha256": digest}
    request = AWSRequest(method="POST", url=f"https://{host}/", headers=given, data=body)
    with patch.object(botocore.auth, "get_current_datetime", lambda: moment):
        SigV4Auth(Credentials(keys.access_key, keys.secret_key, token), "sqs", "eu-west-1").add_auth(request)
    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert theirs == {name.lower(): value for name, value in ours.items()}


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Keys("AKID", "hush", "hush"))
