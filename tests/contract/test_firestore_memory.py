"""What only the real adapter can get wrong: documents that it did not write itself."""

from dataclasses import replace

import pytest
from google.cloud.firestore import Client

from local.stack import Stack
from shared.domain.counts import Outcome
from shared.domain.errors import SettingsError, StateConflict
from shared.gcp.firestore.stores import firestore_stores
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.telemetry import Log
from tests.golden_records import golden_records


async def test_a_record_of_another_schema_is_forgotten_not_fatal(
    google_like: Stack, fresh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = firestore_stores("local-project", "(default)", fresh, Log("WARNING")).ledger
    await ledger.create([BatchRecord("good", "r", 1.0, (Entry(b"a", "e", 1, 1),))])
    documents = Client(project="local-project").collection(f"jobs/{fresh}/ledger")
    documents.document("older").set({"first": b"a", "last": b"b", "run": "r", "table": b"old layout"})
    documents.document("empty").set({"first": b"a", "last": b"b"})
    assert [item.record.batch async for item in ledger.scan(b"", b"") if len(item.record.entries)] == ["good"]
    assert {item.record.batch: item.first async for item in ledger.scan(b"", b"")}["older"] == b"a"
    assert await ledger.get("older") is None
    assert "forgotten record" in capsys.readouterr().out


async def test_a_record_whose_details_are_damaged_is_forgotten_by_who_needs_them(
    google_like: Stack, fresh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its batch is written anew from the message; nobody who asks for all records of a run stumbles over it."""
    ledger = firestore_stores("local-project", "(default)", fresh, Log("WARNING")).ledger
    failed = Entry(b"a", "e", 1, 1, Outcome.FAILED, "gone: it went")
    waits = Entry(b"b", "e", 1, 1)
    for batch in ("bad", "good"):
        await ledger.create([BatchRecord(batch, "r", 1.0, (failed, waits))])
    documents = Client(project="local-project").collection(f"jobs/{fresh}/ledger")
    documents.document("bad").update({"detail": b"damaged"})
    assert [record.batch async for record in ledger.unsettled("r")] == ["good"]
    assert [entry.key async for entry in ledger.failed("r")] == [b"a"]
    assert await ledger.get("bad") is None
    assert capsys.readouterr().out.count("its details are damaged") == 3
    anew = BatchRecord("bad", "r", 2.0, (replace(waits, outcome=Outcome.COPIED),))
    await ledger.commit_results(anew, None)
    written = await ledger.get("bad")
    assert written is not None
    assert tuple(written.record.entries) == tuple(anew.entries)
    with pytest.raises(StateConflict):
        await ledger.commit_results(anew, None)


async def test_records_of_every_released_version_are_read_and_written_on(
    google_like: Stack, fresh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = firestore_stores("local-project", "(default)", fresh, Log("WARNING")).ledger
    documents = Client(project="local-project").collection(f"jobs/{fresh}/ledger")
    given = {golden.batch: golden for golden in golden_records()}
    for golden in given.values():
        documents.document(golden.batch).set(golden.document)
    found = {item.record.batch: item async for item in ledger.scan(b"", b"")}
    assert found.keys() == given.keys()
    for batch, item in found.items():
        assert tuple(item.record.entries) == given[batch].entries
        assert (item.record.run, item.record.attempt) == (
            given[batch].document["run"],
            given[batch].document["attempt"],
        )
    assert "forgotten" not in capsys.readouterr().out
    (last,) = [item async for item in ledger.scan(b"b/7", b"")]
    ended = [replace(entry, outcome=Outcome.COPIED) for entry in last.record.entries if entry.open]
    await ledger.commit_results(last.record.with_results(ended, 3), last.version)
    read = await ledger.get(last.record.batch)
    assert read is not None
    assert read.record.settled


async def test_what_a_scan_and_a_batch_are_billed(embedded: Stack, monkeypatch: pytest.MonkeyPatch, fresh: str) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", embedded.environment["FIRESTORE_EMULATOR_HOST"])
    ledger = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).ledger

    def billed() -> tuple[int, int]:
        bill = embedded.bill()
        return bill.get("firestore.reads", 0), bill.get("firestore.writes", 0)

    start = billed()
    await ledger.create([BatchRecord(f"b{n}", "r", 1.0, (Entry(b"%03d" % n, "e", 1, 1),)) for n in range(20)])
    written = billed()
    assert (written[0] - start[0], written[1] - start[1]) == (0, 20)
    assert len([item async for item in ledger.scan(b"", b"")]) == 20
    scanned = billed()
    assert (scanned[0] - written[0], scanned[1] - written[1]) == (20, 0)


@pytest.mark.parametrize(
    ("field", "value"), [("paused", "true"), ("paused", 1), ("most_objects", "ten"), ("most_bytes", -1)]
)
async def test_a_control_that_nobody_can_read_is_refused(
    google_like: Stack, fresh: str, field: str, value: object
) -> None:
    """A pause typed as text was taken for none."""
    control = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).control
    Client(project="local-project").document(f"jobs/{fresh}/control/job").set({field: value})
    with pytest.raises(SettingsError, match=field):
        await control.get()


async def test_a_long_ledger_of_small_and_large_records_is_scanned_whole(google_like: Stack, fresh: str) -> None:
    ledger = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).ledger
    records = [BatchRecord(f"b{n:03d}", "r", 1.0, (Entry(b"%03d" % n, "e", 1, 1),)) for n in range(400)]
    await ledger.create(records)
    assert [item.record.batch async for item in ledger.scan(b"", b"")] == [record.batch for record in records]
