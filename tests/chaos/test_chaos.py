"""A few seeds of `make chaos` with every test run, and what the judges of a seed would say if something were wrong."""

import base64
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import google_crc32c
import pytest

from local.children import clean_environment
from local.faults.client import Told
from local.faults.fault import Fault, Kind
from tests.chaos.drawn import Thing, draw
from tests.chaos.driver import Chaos
from tests.chaos.judge import grown, happened, unexpected
from tests.chaos.site import SKEW
from tests.chaos.source import Source
from tests.chaos.watcher import Watcher

SEEDS = (24, 41)
"""Over TLS, both. Lister and transfer killed, a wire cut, Pub/Sub down and a wrong clock; an edge that serves what was,
and changes at the source.
"""


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    with Chaos() as running:
        yield running


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_breaks_no_law(chaos: Chaos, seed: int) -> None:
    told = chaos.run(seed)
    assert told.wrong == []
    assert sum(told.fired.values()) >= 5


def test_the_same_number_draws_the_same() -> None:
    assert all(draw(seed) == draw(seed) for seed in range(50))
    assert len({draw(seed).told() for seed in range(50)}) > 40
    kinds = {fault["kind"] for seed in range(200) for fault in draw(seed).faults}
    of_events = {"overtaken"}  # tests/e2e/test_events_storm.py
    assert kinds == {kind.value for kind in Kind} - {"none"} - of_events
    seeds = [draw(seed) for seed in range(200)]
    acts = {act.what for seed in seeds for act in seed.acts}
    assert acts == {
        "add", "cancel", "cut", "delete", "down", "freeze", "kill", "late", "pause", "race", "replace", "stop",
    }  # fmt: skip
    assert all(any(getattr(seed, name) for seed in seeds) for name in ("tls", "page_keys", "ceiling", "held", "skew"))
    for door in ("s3-tls wire", "edge-tls wire", "gcs-tls wire"):
        assert any(fault["door"] == door for seed in seeds for fault in seed.faults)


class _Bucket:
    """An S3 client that takes what it is given."""

    def __getattr__(self, name: str) -> Any:
        return lambda **_given: {}


def _looked(monkeypatch: pytest.MonkeyPatch, *looks: list[tuple[str, bytes]], least: int = 0) -> list[tuple[str, str]]:
    """What a watcher finds wrong who sees these names and bytes, look by look, of a key `k` that was put twice."""
    source = Source(_Bucket(), "bucket", 1)
    source.put(Thing("k", 10))
    source.put(Thing("k", 12))
    watcher = Watcher("http://nowhere", "bucket", source, least={"k": least})
    for number, look in enumerate(looks):
        items = [
            {
                "name": name,
                "generation": str(number),
                "size": str(len(body)),
                "crc32c": base64.b64encode(google_crc32c.Checksum(body).digest()).decode(),
            }
            for name, body in look
        ]
        monkeypatch.setattr(Watcher, "_objects", lambda _self, items=items: items)
        watcher.look()
    return watcher.wrong


def _version(number: int, size: int) -> bytes:
    return random.Random(f"1 k {number}").randbytes(size)


def test_a_watcher_sees_what_must_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = ("k", _version(1, 10)), ("k", _version(2, 12))
    assert _looked(monkeypatch, [], [old], [new]) == []
    assert [law for law, _ in _looked(monkeypatch, [new], [old])] == ["never older over newer"]
    assert [law for law, _ in _looked(monkeypatch, [("k", b"x" * 10)])] == ["right bytes"]
    assert [law for law, _ in _looked(monkeypatch, [("k", old[1][:5])])] == ["right bytes"]
    assert [law for law, _ in _looked(monkeypatch, [("another", b"")])] == ["right bytes"]
    assert [law for law, _ in _looked(monkeypatch, [new], [])] == ["nothing is deleted"]
    assert [law for law, _ in _looked(monkeypatch, [old], [new], least=2)] == ["read what was listed"]


def test_what_was_planned_and_did_not_happen_is_a_violation() -> None:
    fired, never = Fault("s3", Kind.DELAY, fired=1), Fault("gcs", Kind.REFUSED)
    assert happened(Told([fired], {}, {}), 2, 2) == []
    assert [what for _, what in happened(Told([fired, never], {}, {}), 3, 2)] == [never.told(), "2 of 3 acts"]


def test_what_grows_is_a_violation() -> None:
    small = {"transfer": (100 << 20, 20, 10)}
    assert grown(small, {"transfer": (104 << 20, 22, 10)}) == []
    for wrong in ((120 << 20, 20, 10), (100 << 20, 30, 10), (100 << 20, 20, 30), (300 << 20, 20, 10)):
        assert len(grown(small, {"transfer": wrong})) == 1


def test_what_nobody_expects_is_a_violation() -> None:
    known = '{"severity": "ERROR", "reason": "firestore: 503", "party": "firestore", "traceback": "Traceback …"}'
    framework = 'Traceback (most recent call last):\n  File "/gunicorn/http/body.py"\nEOFError'
    assert unexpected(f'{known}\n{framework}\n{{"message": "listed"}}') == []
    assert unexpected('{"severity": "ERROR", "reason": "KeyError", "traceback": "Traceback …"}') != []
    assert unexpected(framework.replace("/gunicorn/", "/shared/")) != []


def test_a_clock_that_is_wrong() -> None:
    """Of the process that is told so, and of nothing else in it but the wall clock."""
    said = "import time; print(time.time(), time.time_ns() / 1e9, time.monotonic())"
    environment = clean_environment({"PYTHONPATH": str(SKEW), "CLOCK_SKEW_SECONDS": "-90"})
    before = SimpleNamespace(wall=time.time(), monotonic=time.monotonic())
    told = subprocess.run([sys.executable, "-c", said], env=environment, capture_output=True, check=True, text=True)
    wall, nanoseconds, monotonic = map(float, told.stdout.split())
    assert 0 <= wall + 90 - before.wall < 20
    assert abs(wall - nanoseconds) < 1
    assert 0 <= monotonic - before.monotonic < 20
