"""A role taken with a Google identity: the metadata server's wire, and STS's as moto speaks it."""

import base64
import json
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.children import clean_environment

ROLE = "arn:aws:iam::123456789012:role/mover"


def _part(fields: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


class Metadata(BaseHTTPRequestHandler):
    """Google's metadata server, as far as identity tokens need it.

    https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
    """

    def do_GET(self) -> None:
        asked = urllib.parse.urlsplit(self.path)
        kind, body = "application/json", b'{"email": "mover@project.iam.gserviceaccount.com", "scopes": []}'
        if asked.path.endswith("/identity"):
            kind = "text/plain"
            (audience,) = urllib.parse.parse_qs(asked.query)["audience"]
            claims = {"aud": audience, "azp": "1001", "sub": "1001", "exp": int(time.time()) + 3600, "iat": 0}
            body = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}.{_part({})}".encode()
            self.server.audiences.append(audience)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@dataclass
class Google:
    """A metadata server. asked: the audiences of the identity tokens."""

    place: str
    asked: list[str]

    def take_role(self, sts: str) -> subprocess.CompletedProcess[str]:
        """In a process of its own: the library reads where the metadata server is when it is imported."""
        names = ("GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT")
        given = {"AWS_ENDPOINT_URL_STS": sts, "AWS_MAX_ATTEMPTS": "1", **dict.fromkeys(names, self.place)}
        command = [sys.executable, "-c", _SCRIPT, ROLE]
        environment = clean_environment(given)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


_SCRIPT = """
import json, sys
from shared.aws.role import role_credentials
from shared.domain.errors import SettingsError
try:
    print(json.dumps(role_credentials(sys.argv[1], "us-east-1", "the-job").get_frozen_credentials()))
except SettingsError as error:
    raise SystemExit(str(error))
"""


@pytest.fixture
def google() -> Iterator[Google]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    asked: list[str] = []
    server.audiences = asked  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Google(f"127.0.0.1:{server.server_port}", asked)
    server.shutdown()
    server.server_close()


def test_the_identity_is_exchanged_for_credentials_that_end(google: Google, moto: str) -> None:
    done = google.take_role(moto)
    assert done.returncode == 0, done.stderr
    access_key, secret_key, token, *_ = json.loads(done.stdout)
    assert google.asked == ["the-job"]
    assert access_key.startswith("ASIA")
    assert secret_key
    assert token


def test_no_google_identity_is_said(google: Google) -> None:
    google.place = "127.0.0.1:1"
    done = google.take_role("http://127.0.0.1:1")
    assert done.returncode == 1
    assert "Google gives no identity token here" in done.stderr


def test_a_role_that_refuses_is_said(google: Google) -> None:
    done = google.take_role("http://127.0.0.1:1")
    assert "must name this service account's number and the audience 'the-job'" in done.stderr
    assert google.asked
