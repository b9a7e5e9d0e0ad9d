"""`make up` as a person uses it: put objects in, force a prefix with gcloud, look, Ctrl-C."""

import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.children import ROOT
from local.clients import gcs_client, pubsub_clients, s3_client
from local.emulators.loopback import HOST
from local.ports import Ports
from local.stack_file import PATH as ENVIRONMENT_FILE
from local.up import BILL_OFFSET

COUNT = len(Ports.__dataclass_fields__)
LAST = list(Ports.__dataclass_fields__).index("verifier")
"""What `make up` starts last; without events there is no queue of theirs."""


def start(base: int, **environment: str) -> subprocess.Popen[str]:
    """Under the shell's own environment, as `make up` is."""
    return subprocess.Popen(
        [sys.executable, "-m", "local.up"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(base), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_base() -> int:
    """A base port with all the ports above it free, below those that the tests beside this one are given."""
    for _ in range(50):
        base = random.randrange(5_000, 9_900)
        if all(not listening(base + n) for n in range(BILL_OFFSET + 1)):
            return base
    raise AssertionError("no free ports")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.fixture
def up() -> Iterator[tuple[subprocess.Popen[str], dict[str, str], int]]:
    base = free_base()
    with tempfile.TemporaryDirectory(prefix="up-", ignore_cleanup_errors=True) as place:  # some tests end it by SIGKILL
        process = start(base, TMPDIR=place)
        deadline = time.monotonic() + 60
        while not ENVIRONMENT_FILE.exists() or not listening(base + LAST):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        lines = [line.removeprefix("export ").partition("=") for line in ENVIRONMENT_FILE.read_text().splitlines()]
        yield process, {name: shlex.split(value)[0] for name, _, value in lines}, base
        process.send_signal(signal.SIGKILL)
        process.wait()


def wait_for(environment: dict[str, str], name: str) -> None:
    bucket = gcs_client(environment).bucket(environment["DESTINATION_BUCKET"])
    deadline = time.monotonic() + 60
    while bucket.get_blob(name) is None:
        assert time.monotonic() < deadline, f"{name} did not arrive"
        time.sleep(0.1)


def gcloud(environment: dict[str, str], tmp_path: Path, *arguments: str) -> str:
    """The documented command, with only an endpoint override."""
    if shutil.which("gcloud") is None:
        pytest.skip("there is no gcloud on this machine")
    override = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{environment['PUBSUB_EMULATOR_HOST']}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": environment["GOOGLE_CLOUD_PROJECT"],
        "CLOUDSDK_CONFIG": str(tmp_path),
    }
    command = ["gcloud", "pubsub", "topics", *arguments]
    given = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **override}
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_prefix_forced_with_gcloud_moves(
    up: tuple[subprocess.Popen[str], dict[str, str], int], tmp_path: Path
) -> None:
    process, environment, base = up
    named = {
        "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "STORAGE_EMULATOR_HOST",
        "PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT", "SOURCE_BUCKET",
        "DESTINATION_BUCKET", "LIST_TOPIC", "TRANSFER_TOPIC", "VERIFY_TOPIC", "BILL_URL",
    }  # fmt: skip
    assert named <= environment.keys()
    s3 = s3_client(environment)
    for key in ("a/1", "a/2", "b/3"):
        s3.put_object(Bucket=environment["SOURCE_BUCKET"], Key=key, Body=b"body")
    topics = gcloud(environment, tmp_path, "list", "--format=value(name)")
    assert environment["LIST_TOPIC"] in topics
    gcloud(environment, tmp_path, "publish", environment["LIST_TOPIC"], "--message", '{"prefix":"a/"}')
    wait_for(environment, "a/2")
    bucket = gcs_client(environment).bucket(environment["DESTINATION_BUCKET"])
    assert bucket.get_blob("b/3") is None
    with urllib.request.urlopen(environment["BILL_URL"]) as answer:
        bill = json.load(answer)
    assert bill["counters"]["s3.get"] == 2
    assert bill["total_dollars"] > 0
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not any(listening(base + number) for number in range(COUNT))
    assert not ENVIRONMENT_FILE.exists()


def test_a_run_that_nobody_waits_for_ends_and_leaves_its_report(
    up: tuple[subprocess.Popen[str], dict[str, str], int],
) -> None:
    _, environment, _ = up
    s3_client(environment).put_object(Bucket=environment["SOURCE_BUCKET"], Key="a/1", Body=b"body")
    publisher, _ = pubsub_clients(environment)
    topic = publisher.topic_path(environment["GOOGLE_CLOUD_PROJECT"], environment["LIST_TOPIC"])
    message = publisher.publish(topic, b"{}").result(timeout=30)
    reports = gcs_client(environment).bucket(environment["REPORT_BUCKET"])
    deadline = time.monotonic() + 60
    while not any(f"-{message}/report.json" in blob.name for blob in reports.list_blobs()):
        assert time.monotonic() < deadline, "its end is not written down"
        time.sleep(0.5)


def test_even_a_killed_stack_leaves_nothing_behind(up: tuple[subprocess.Popen[str], dict[str, str], int]) -> None:
    process, _, base = up
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while any(listening(base + number) for number in range(COUNT)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ENVIRONMENT_FILE.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PORT": "many"}, "must be numbers"),
        ({"PORT": "65520"}, "PORT=65520 is none: it and the 20 above it lie within 1 and 65535"),
        ({"STACK": "azure"}, "STACK=azure is unknown; it is one of embedded, google"),
        ({"STACK": "google", "PATH": "/nowhere"}, "there is no `gcloud` here"),
    ],
)
def test_what_cannot_run_is_said_in_a_line(environment: dict[str, str], said: str) -> None:
    done = start(free_base(), **environment)
    output, _ = done.communicate(timeout=60)
    assert done.returncode == 1
    assert said in output
    assert "Traceback" not in output


def test_of_two_stacks_the_file_means_the_later_one_and_then_the_first_again(
    up: tuple[subprocess.Popen[str], dict[str, str], int],
) -> None:
    _, _, base = up
    first, other = ENVIRONMENT_FILE.read_text(), free_base()
    second = start(other)
    try:
        assert second.stdout is not None
        assert any(f"The stack at {HOST}:{base} runs on" in line for line in second.stdout)
        assert f"http://{HOST}:{other}" in ENVIRONMENT_FILE.read_text()
    finally:
        second.send_signal(signal.SIGINT)
    assert second.wait(30) == 0
    assert ENVIRONMENT_FILE.read_text() == first


def test_a_taken_port_is_named() -> None:
    base = free_base()
    with socket.socket() as other:
        other.bind((HOST, base + 2))
        other.listen()
        output, _ = start(base).communicate(timeout=60)
    assert f"port {base + 2}, meant for gcs, is taken by another program" in output
    assert "Traceback" not in output


def test_a_stack_that_cannot_run_leaves_the_file_of_the_one_that_does() -> None:
    ENVIRONMENT_FILE.parent.mkdir(exist_ok=True)
    ENVIRONMENT_FILE.write_text("export ANOTHER=stack\n")
    try:
        start(free_base(), PORT="many").communicate(timeout=60)
        assert ENVIRONMENT_FILE.exists()
    finally:
        ENVIRONMENT_FILE.unlink(missing_ok=True)
