"""`make endurance` sees growth and counts that are wrong; that it has run is not enough."""

import subprocess
import sys
from typing import Any

import pytest

from benchmarks.endurance import LEAST_SAMPLES, MIB, Sample, course, judged, rates, right
from benchmarks.processes import Held
from local.children import ROOT
from shared.domain.counts import Counts
from shared.ports.run_store import RunSummary

PHASE = "first run"


def samples(
    count: int, mib: float = 0.0, sockets: float = 0.0, threads: float = 0.0, busy: bool = True
) -> list[Sample]:
    """Of a transfer that takes so much more in the whole time."""
    return [
        Sample(
            PHASE,
            float(n),
            {"transfer": int(busy), "lister": 0},
            100 * n,
            {
                "transfer": Held(
                    int((200 + mib * n / count) * MIB), int(500 + sockets * n / count), int(40 + threads * n / count)
                ),
                "lister": Held(MIB, 1, 1),
            },
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"mib": 10.0, "sockets": 5.0}, ""),
        ({"mib": 30.0}, "MiB"),
        ({"sockets": 20.0}, "sockets"),
        ({"threads": 60.0}, "threads"),
        ({"threads": 10.0, "mib": 30.0, "sockets": 20.0}, ""),
        ({"threads": 10.0, "mib": 60.0}, "MiB"),
        ({"threads": 10.0, "sockets": 60.0}, "sockets"),
    ],
)
def test_growth_is_seen(more: dict[str, Any], said: str) -> None:
    found = course(samples(90, **more), PHASE, "transfer")
    assert found.thirds is not None
    assert said in found.grown
    assert bool(said) == bool(found.grown)


def test_nothing_is_said_of_a_function_that_did_not_work_long() -> None:
    assert course(samples(LEAST_SAMPLES, mib=900), PHASE, "transfer").thirds is None
    assert course(samples(90, mib=900, busy=False), PHASE, "transfer").samples == 0
    assert course(samples(90, mib=900), PHASE, "lister").samples == 0
    assert course(samples(90, mib=900), "comparison", "transfer").samples == 0


def test_that_nothing_grew_is_said_of_nobody_who_was_over_too_soon() -> None:
    long, short = course(samples(90), PHASE, "transfer"), course(samples(5), PHASE, "transfer")
    assert right(10, [long]) == "10 objects: all counts add up, and nothing grew"
    assert right(10, [long, short]).endswith("whether the transfer in the first run did is not known: over too soon")


def test_the_rate_is_told_by_thirds() -> None:
    assert rates(samples(90), PHASE) == pytest.approx([100, 100, 100])
    assert rates(samples(90), "comparison") == []


def summary(listed: int = 10, size: int = 640, open_ranges: int = 0, verdicts: int = 0, **outcomes: int) -> RunSummary:
    keys = Counts(
        {name: count for name, count in outcomes.items()}, {name: count * 64 for name, count in outcomes.items()}
    )
    return RunSummary(listed, size, keys, Counts(), Counts({"same": verdicts}, {}), open_ranges)


@pytest.mark.parametrize(
    ("phase", "found", "right"),
    [
        ("first run", summary(copied=10), True),
        ("first run", summary(copied=9), False),
        ("first run", summary(copied=9, failed=1), False),
        ("first run", summary(copied=9, unchanged=1), False),
        ("first run", summary(copied=10, open_ranges=1), False),
        ("first run", summary(9, 576, copied=9), False),
        ("first run", summary(10, 639, copied=10), False),
        ("nothing to do", summary(unchanged=10), True),
        ("nothing to do", summary(copied=10), False),
        ("comparison", summary(verdicts=10), True),
        ("comparison", summary(verdicts=9), False),
        ("comparison", summary(), False),
    ],
)
def test_counts_that_are_not_those_of_the_source_are_wrong(phase: str, found: RunSummary, right: bool) -> None:
    assert (judged(phase, found, 10, 64) == "") == right


COUNTED = """
import os, socket
from benchmarks.processes import held_by

def opened() -> int:
    return held_by(os.getpgrp(), port).sockets

with socket.create_server(("127.0.0.1", 0)) as own, socket.create_server(("127.0.0.1", 0)) as other:
    port = own.getsockname()[1]
    counts = [opened()]
    with socket.create_connection(own.getsockname()), own.accept()[0]:
        counts.append(opened())
    with socket.create_connection(other.getsockname()), other.accept()[0]:
        counts.append(opened())
print(*counts)
"""


def test_connections_that_others_opened_are_not_counted() -> None:
    command = [sys.executable, "-c", COUNTED]
    told = subprocess.run(command, cwd=ROOT, start_new_session=True, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1", "2", "3"], "of a connection to itself one end, of one to another port both"
