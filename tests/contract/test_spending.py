"""What a run's spending costs in reads and writes, and that a run begun under other shards stays below its ceiling."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from google.cloud.firestore import Client

from local.stack import Stack
from shared.domain.spending import SHARDS, Amount
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.control_store import Control, ControlStore
from shared.telemetry import Log

NOW = 1_800_000_000.0
ASKED = 5 * SHARDS
"""Reservations: enough to meet nearly every shard."""

Billed = Callable[[], tuple[int, int]]


@pytest.fixture
def control(embedded: Stack, monkeypatch: pytest.MonkeyPatch, fresh: str) -> ControlStore:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", embedded.environment["FIRESTORE_EMULATOR_HOST"])
    return firestore_stores("local-project", "(default)", fresh, Log("ERROR")).control


@pytest.fixture
def billed(embedded: Stack) -> Billed:
    """Reads and writes since this was last asked."""
    last = (0, 0)

    def since() -> tuple[int, int]:
        nonlocal last
        bill, before = embedded.bill(), last
        last = bill.get("firestore.reads", 0), bill.get("firestore.writes", 0)
        return last[0] - before[0], last[1] - before[1]

    since()
    return since


async def ask(control: ControlStore, under: Control, each: int = 10) -> int:
    granted = 0
    for number in range(ASKED):
        granted += await control.reserve("run", f"instance-{number}", Amount(each), under, NOW)
    return granted


async def test_each_shard_is_met_once_and_once_more_after_each_word_of_a_person(
    control: ControlStore, billed: Billed
) -> None:
    await control.update(lambda _: Control(most_objects=10**9))
    under = await control.get()
    billed()
    assert await ask(control, under) == ASKED
    reads, writes = billed()
    assert ASKED <= reads <= ASKED + SHARDS * SHARDS // 2
    assert writes == ASKED
    await control.update(lambda known: replace(known, cancelled=frozenset({"another"})))
    under = await control.get()
    billed()
    assert await ask(control, under) == ASKED
    reads, writes = billed()
    assert ASKED <= reads <= ASKED + SHARDS * SHARDS
    assert writes == ASKED
    assert await ask(control, under) == ASKED
    assert billed() == (ASKED, ASKED), "nothing else is read any more"


async def test_near_a_ceiling_each_reservation_reads_the_shards_once(control: ControlStore, billed: Billed) -> None:
    under = Control(most_objects=10 * ASKED // 2)
    granted = await ask(control, under)
    assert granted == ASKED // 2, "to the last object"
    billed()
    assert await ask(control, under) == 0
    reads, writes = billed()
    assert ASKED <= reads <= ASKED * (1 + SHARDS)
    assert writes == 0


async def test_a_run_that_was_begun_under_more_shards_stays_below_its_ceiling(
    control: ControlStore, fresh: str
) -> None:
    """A version before had 2,048 of them, each with as small a part."""
    spending = Client(project="local-project").collection(f"jobs/{fresh}/spending")
    ceilings = [1000, None, None, ""]
    for shard in range(0, 2048, 8):
        spent = {"objects": 3, "bytes": 0, "nanodollars": 0, "ceilings": ceilings}
        spending.document(f"run-{shard}").set({"run": "run", "shard": shard, **spent})
    assert await ask(control, Control(most_objects=1000), each=2) == (1000 - 256 * 3) // 2
    assert (await control.spent("run")).objects == 1000
