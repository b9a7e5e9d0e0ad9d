"""A transaction whose commit is not answered, or is given up again and again, on the wire."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.faults.client import Faults
from local.faults.fault import Kind
from local.faults.grpc_calls import OF_A_TRANSACTION
from local.stack import Stack
from shared.domain.errors import OutOfService
from shared.domain.runs import RunKind
from shared.gcp.firestore.stores import firestore_stores
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.range_store import HeldRange, OpenRange, RangeId
from shared.ports.stores import Stores
from shared.telemetry import Log

NOW = 1_800_000_000.0
BATCHES = [BatchRecord(name, "run", NOW, (Entry(name.encode(), "etag", 5, 7),)) for name in ("b1", "b2")]


@pytest.fixture
def faults(embedded: Stack, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    with Faults({}, {"firestore": embedded.ports.firestore}, tmp_path) as proxy:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.address("firestore"))
        yield proxy
        assert proxy.calm().never == []


async def held(stores: Stores) -> HeldRange:
    opened = OpenRange(RangeId("run", b"", b""), None, b"{}")
    await stores.runs.create(opened, RunKind.LIST, NOW)
    taken = await stores.ranges.acquire(opened.range_id, "me", NOW, 60)
    assert isinstance(taken, HeldRange)
    return taken


@pytest.mark.parametrize("kind", [Kind.LOST_ANSWER, Kind.LOST_REQUEST])
async def test_batches_whose_commit_is_not_answered_are_recorded(faults: Faults, fresh: str, kind: Kind) -> None:
    """The client sends the commit again, under a transaction that is closed where the first one took effect."""
    stores = firestore_stores("local-project", "(default)", f"{fresh}-{kind.value[:6]}-{kind.value[5:8]}", Log("ERROR"))
    holder = await held(stores)
    faults.plan([{"door": "firestore", "kind": kind.value, "match": "*/Commit", "body": OF_A_TRANSACTION}])
    await stores.ledger.create(BATCHES[:1])
    assert [fault.fired for fault in faults.told().faults] == [0], "this commit ends no transaction"
    await stores.ledger.create(BATCHES, holder)
    assert [item.record.batch async for item in stores.ledger.scan(b"", b"")] == ["b1", "b2"]


async def test_a_transaction_that_is_given_up_again_and_again_is_a_fault_of_firestore(
    faults: Faults, fresh: str
) -> None:
    """It was a ValueError, which nobody expects."""
    stores = firestore_stores("local-project", "(default)", fresh, Log("ERROR"))
    holder = await held(stores)
    faults.plan(
        [{"door": "firestore", "kind": Kind.REFUSED.value, "match": "*/Commit", "code": "ABORTED", "times": 100}]
    )
    with pytest.raises(OutOfService):
        await stores.ledger.create(BATCHES, holder)
    faults.calm()
    await stores.ledger.create(BATCHES, holder)
