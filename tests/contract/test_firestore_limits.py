"""What Firestore refuses for its size, and that nothing of ours comes near: commits, aggregations."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded, InvalidArgument
from google.cloud.firestore import DELETE_FIELD, AsyncClient
from google.cloud.firestore_v1.async_aggregation import AsyncAggregationQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from local.emulators.firestore.service import Firestore, handlers
from local.emulators.firestore.weight import MOST_COMMIT_BYTES, commit_bytes, entries
from local.emulators.instruments import Instruments
from shared.domain.counts import Counts, Outcome, RangeCounts
from shared.domain.errors import UnreadableDocument
from shared.domain.extraneous import DestinationOnly
from shared.domain.runs import RunKind
from shared.gcp.firestore import ledger as ledger_adapter
from shared.gcp.firestore.documents import COMMIT_BYTES
from shared.gcp.firestore.extras import FirestoreExtras
from shared.gcp.firestore.ledger import FirestoreLedger
from shared.gcp.firestore.ranges import FirestoreRanges, open_range
from shared.gcp.firestore.records import weight
from shared.gcp.firestore.runs import FirestoreRuns
from shared.ledger.compaction import GROUP_RECORDS, Compaction, Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.ports.range_store import HeldRange, OpenRange, RangeId
from shared.ports.run_store import EndTaken, PartialSummary
from shared.telemetry import Log
from tests.fakes.commit_limit import INDEXES, TooLarge, document
from tests.fakes.ledger import FakeLedger

NOW = 1_800_000_000.0
MOST_AGGREGATED, MOST_SUMMED = 20, 12
LONG = b"x" * 1020


@pytest.fixture
def instruments() -> Instruments:
    return Instruments()


@pytest.fixture
async def firestore(monkeypatch: pytest.MonkeyPatch, instruments: Instruments) -> AsyncIterator[AsyncClient]:
    """The embedded one, whose aggregations end after so few documents."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    server.add_generic_rpc_handlers(tuple(handlers(Firestore(instruments, INDEXES, MOST_AGGREGATED))))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    yield AsyncClient(project="local-project")
    await server.stop(grace=None)


@pytest.fixture
def stores(firestore: AsyncClient) -> SimpleNamespace:
    job = firestore.collection("jobs").document("job")
    ledger = FirestoreLedger(firestore, job, Log("ERROR"), MOST_SUMMED)
    ranges = FirestoreRanges(firestore, job, MOST_SUMMED)
    runs = FirestoreRuns(firestore, job, ranges, ledger)
    return SimpleNamespace(ledger=ledger, ranges=ranges, runs=runs, extras=FirestoreExtras(firestore, job))


def record(number: int, *keys: bytes, run: str = "run") -> BatchRecord:
    entries = tuple(Entry(key, "e" * 32, 5, 7, Outcome.COPIED) for key in keys or (b"k/%05d" % number,))
    return BatchRecord(batch_id(run, entries), run, NOW, entries)


async def listed(stores: SimpleNamespace, count: int) -> None:
    """A run with so many records, each in a range of its own."""
    for number in range(count):
        opened = OpenRange(RangeId("run", b"", f"k/{number:05d}".encode()), None, b"message")
        if not await stores.runs.create(opened, RunKind.LIST, NOW):
            await stores.ranges.document(opened.range_id).set(open_range(opened))
        held = await stores.ranges.acquire(opened.range_id, "me", NOW, 60)
        assert isinstance(held, HeldRange)
        await stores.ranges.complete(held, RangeCounts(Counts({"listed": 1}, {"listed": 5})), NOW)
    await stores.ledger.create([record(number) for number in range(count)])


async def test_an_aggregation_over_too_many_documents_is_ended(firestore: AsyncClient, stores: SimpleNamespace) -> None:
    await stores.ledger.create([record(number) for number in range(MOST_AGGREGATED + 1)])
    documents = firestore.collection("jobs/job/ledger").where(filter=FieldFilter("first", ">=", b""))
    with pytest.raises(DeadlineExceeded):
        await AsyncAggregationQuery(documents).count("all").get(retry=None)
    assert await AsyncAggregationQuery(documents.limit(MOST_AGGREGATED)).count("all").get(), (
        "what it need not look at takes no time"
    )


async def test_the_counts_of_a_run_are_the_same_however_many_documents_it_has(stores: SimpleNamespace) -> None:
    """One query over a run's records was ended after 60 s, and with it every run of some size."""
    await listed(stores, 3 * MOST_AGGREGATED)
    summary = await stores.runs.summary("run")
    assert summary.balanced, summary
    assert summary.outcomes.keys == {"copied": 3 * MOST_AGGREGATED}
    assert summary.outcomes.bytes == {"copied": 15 * MOST_AGGREGATED}
    assert (await stores.ranges.listed("run")).keys == {"listed": 3 * MOST_AGGREGATED}


async def test_a_run_that_an_earlier_version_began_is_not_taken_for_added_up(
    firestore: AsyncClient, stores: SimpleNamespace
) -> None:
    """Its documents are in no slice, so it seemed to have listed nothing and to be finished."""
    await listed(stores, 3)
    (run,) = await stores.runs.running()
    assert run.summable
    async for found in firestore.collection("jobs/job/runs").stream():
        await found.reference.update({"slices": DELETE_FIELD})
    for collection in ("ranges", "ledger"):
        async for found in firestore.collection(f"jobs/job/{collection}").stream():
            await found.reference.update({"slice": DELETE_FIELD})
    assert (await stores.runs.summary("run")).finished, "as it seems"
    (run,) = await stores.runs.running()
    assert not run.summable


async def test_adding_up_goes_on_where_it_was(stores: SimpleNamespace) -> None:
    await listed(stores, 3 * MOST_AGGREGATED)
    partial, version = PartialSummary(None), await stores.runs.acquire_end("run", NOW, 60)
    steps = 0
    while not partial.complete:
        partial = await stores.runs.add_up("run", partial)
        version = await stores.runs.keep_partial("run", partial, NOW, 60, version)
        partial = await stores.runs.partial_summary("run")
        steps += 1
    assert steps > 2
    assert partial.summary.balanced
    assert partial.summary.listed_keys == 3 * MOST_AGGREGATED


async def test_who_lost_the_right_to_end_a_run_keeps_nothing(stores: SimpleNamespace) -> None:
    await stores.runs.create(OpenRange(RangeId("run", b"", b""), None, b"message"), RunKind.LIST, NOW)
    first = await stores.runs.acquire_end("run", NOW, 60)
    second = await stores.runs.acquire_end("run", NOW + 61, 60)
    with pytest.raises(EndTaken):
        await stores.runs.keep_partial("run", PartialSummary(7.0), NOW + 62, 60, first)
    assert await stores.runs.partial_summary("run") is None
    assert await stores.runs.keep_partial("run", PartialSummary(8.0), NOW + 62, 0, second)
    assert (await stores.runs.partial_summary("run")).active_at == 8.0
    assert await stores.runs.acquire_end("run", NOW + 62, 60) is not None, "given back"


async def test_a_ledger_that_is_too_long_to_add_up_is_estimated(
    stores: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_adapter, "_SPARSE_LEVEL", 3)
    await stores.ledger.create([record(number) for number in range(MOST_SUMMED - 1)])
    assert (await stores.ledger.count(b"", b"", None)).records == MOST_SUMMED - 1
    await stores.ledger.create([record(number) for number in range(150)])
    about = await stores.ledger.count(b"", b"", None)
    assert about.keys == about.records
    assert 50 <= about.records <= 450


def test_the_weight_of_a_record_is_no_less_than_what_it_weighs() -> None:
    for keys in ([b"a"], [LONG + b"1", LONG + b"2"], [b"%05d" % n for n in range(100)], [b"a", LONG + b"1"]):
        given = record(0, *keys, run="list-20261121T000000-123456789")
        made = document(given)
        assert commit_bytes([(made.name, None, made)], INDEXES) <= weight(given)


def test_a_record_has_nine_index_entries() -> None:
    """It had 68, of which 28 were of outcomes that nobody asks for one by one."""
    made = document(record(0))
    assert len(dict(entries(made.name, made, INDEXES))) == 9
    merged = document(record(0, run=""))
    assert len(dict(entries(merged.name, merged, INDEXES))) == 5, "what was merged is not added up"


async def test_a_commit_above_ten_mebibytes_is_refused(firestore: AsyncClient) -> None:
    """The request itself is below: each of these fields is in two indexes."""
    batch, request = firestore.batch(), 0
    for number in range(400):
        fields = {f"field{place:02d}": "x" * 100 for place in range(60)}
        batch.create(firestore.collection("mine").document(f"{number:05d}"), fields)
        request += sum(len(name) + len(value) + 20 for name, value in fields.items())
    assert request < MOST_COMMIT_BYTES / 2
    with pytest.raises(InvalidArgument, match="too big"):
        await batch.commit()
    assert not [found async for found in firestore.collection("mine").stream()]


async def test_records_of_long_keys_are_written_in_commits_that_fit(stores: SimpleNamespace) -> None:
    records = [record(number, b"%04d" % number + LONG[:1000], b"%04d" % number + LONG[:1010]) for number in range(900)]
    assert sum(map(weight, records)) > COMMIT_BYTES
    await stores.ledger.create(records)
    assert len([found async for found in stores.ledger.scan(b"", b"")]) == 900


async def test_a_full_group_of_long_keys_is_merged_in_one_commit(stores: SimpleNamespace) -> None:
    """Four thousand records of one key were deleted in one commit."""
    records = [record(number, b"%04d" % number + LONG[:1010]) for number in range(GROUP_RECORDS)]
    await stores.ledger.create(records)
    compaction = Compaction(lambda key: True)
    merges = []
    async for found in stores.ledger.scan(b"", b""):
        merges.append(compaction.offer(found.record, found.version))
    (merge,) = [merge for merge in [*merges, compaction.close()] if merge is not None]
    assert len(merge.replaced) == GROUP_RECORDS
    assert await stores.ledger.merge(merge, merge.versions)


async def test_marks_of_long_names_are_made_in_commits_that_fit(stores: SimpleNamespace) -> None:
    extras = [DestinationOnly(b"%04d" % number + LONG[:1015], LONG, 1, 1) for number in range(501)]
    await stores.extras.mark("run", extras, NOW)
    assert sum([len(found) async for found in stores.extras.marked("run", NOW)]) == 501


async def test_marks_that_no_comparison_found_again_go_by_hundreds(
    stores: SimpleNamespace, instruments: Instruments
) -> None:
    """One after the other, five million of them took a day and more, and the comparison had no end before."""
    extras = [DestinationOnly(b"%04d" % number, b"k", 1, 1) for number in range(1001)]
    await stores.extras.mark("first", extras, NOW)
    await stores.extras.mark("second", extras[:1], NOW)
    before = instruments.meter["firestore.commit"]
    await stores.extras.keep_only("second")
    assert instruments.meter["firestore.commit"] - before == 2
    assert [extra async for some in stores.extras.marked("second", NOW) for extra in some] == extras[:1]
    assert [extra async for some in stores.extras.marked("first", NOW) for extra in some] == []


async def test_who_asks_which_runs_are_running_is_told_their_names_alone(
    stores: SimpleNamespace, firestore: AsyncClient
) -> None:
    """Every range and every merge asks. The keys that somebody names are in the document of their run: a thousand such
    runs were sixty megabytes each time; and one document that nobody can read kept all listings from going on.
    """
    await firestore.document("jobs/job/runs/list-1").set({"state": "going", "message": bytes(900_000)})
    with pytest.raises(UnreadableDocument):
        await stores.runs.running()
    assert await stores.runs.names_running() == {"list-1"}


async def test_records_that_nobody_can_read_are_taken_by_their_weight(
    stores: SimpleNamespace, firestore: AsyncClient, instruments: Instruments
) -> None:
    """Of another schema all are: a page of three hundred merged ones was a hundred megabytes."""
    ledger = firestore.collection("jobs").document("job").collection("ledger")
    for number in range(60):
        fields = {"run": "", "first": b"%04d" % number, "last": b"%04d" % number, "table": bytes(400_000)}
        await ledger.document(f"{number}").set(fields)
    read = 0
    async for found in stores.ledger.scan(b"", b""):
        assert len(found.record.entries) == 0
        read += 1
        if read == 17:
            break
    assert instruments.meter["firestore.reads"] <= 16 + 20


async def test_the_fake_refuses_what_firestore_does() -> None:
    """A document above 1 MiB, and a commit above 10 MiB."""

    def wide(number: int, keys: int) -> BatchRecord:
        noise = random.Random(number)
        found = record(number, *sorted(noise.randbytes(500).hex().encode() for _ in range(keys)))
        return replace(found, entries=found.table)

    ledger = FakeLedger()
    with pytest.raises(TooLarge):
        await ledger.create([wide(0, 2_500)])
    merged = [wide(number, 1_500) for number in range(1, 21)]
    assert await ledger.merge(Merge([], merged[:5]), [])
    with pytest.raises(TooLarge):
        await ledger.merge(Merge([], merged[5:]), [])
    assert len(ledger.documents) == 5
