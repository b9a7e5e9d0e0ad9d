"""Ready or not: each way in which it could be wrongly ready, and what a person is told to do about it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.cutover_counts import Counted, of_part
from cli.cutover_evidence import Compared, Evidence, Remembered
from cli.cutover_lines import ACCEPTABLE, Level, lines
from cli.job import FoundJob
from shared.domain.comparison import Comparison
from shared.domain.counts import Counts, Outcome
from shared.domain.errors import Forbidden, Transient
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.rollup import MOST_FOLDERS, FolderRollup, Rollup
from shared.domain.runs import RunKind, RunState
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.range_store import OpenRange, RangeId
from shared.ports.run_store import OpenRun, RunRecord, RunSummary
from shared.reporting.sentence import Ended
from tests.operator import Operator
from tests.world import World, filled

HOUR = 3600.0


def moved(world: World, seconds: float = 60.0) -> None:
    world.clock.time += seconds


def proven(monkeypatch: pytest.MonkeyPatch, world: World | None = None, **settings: object) -> Operator:
    """A delta, and behind it a comparison."""
    operator = Operator(world or filled(8), monkeypatch, **settings)
    operator.run()
    moved(operator.world)
    operator.run(VerifyMessage())
    moved(operator.world)
    return operator


def compare_again(operator: Operator, message: VerifyMessage | None = None) -> str:
    moved(operator.world)
    run = operator.run(message or VerifyMessage())
    moved(operator.world)
    return run


def not_ready(operator: Operator, *arguments: str) -> dict[str, str]:
    """What stands against it, by check."""
    found = operator.asks("cutover", *arguments, status=3)
    assert found["ready"] is False
    against = {line["check"]: line["text"] for line in found["lines"] if line["level"] == "blocks"}
    assert found["blocks"] >= len(against) > 0
    assert all(line["mend"] for line in found["lines"] if line["level"] != "ok")
    assert operator.types("cutover", *arguments, status=3).stdout.startswith("not ready: ")
    return against


def ready(operator: Operator, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = operator.asks("cutover", *arguments)
    assert (found["ready"], found["blocks"]) == (True, 0)
    assert operator.types("cutover", *arguments).stdout.startswith("ready: ")
    return found


def test_ready_says_of_what_and_since_when_and_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    found = ready(operator)
    levels = {line["check"]: line["level"] for line in found["lines"]}
    assert set(levels.values()) == {"ok"}
    assert {"paused", "running", "lag", "comparison", "mismatches", "unproven", "in flight", "failed"} <= levels.keys()
    shown = operator.types("cutover").stdout
    assert f"ready: the whole job, as the source was at {found['as_of']}" in shown
    assert "8 of 8 listed keys are proven the same (8 by md5)" in shown
    assert f"not covered: what the source has got since {found['as_of']}" in shown
    assert "COMPARE_METADATA" in shown


def test_a_rehearsal_is_the_last_delta_and_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(8, seconds_a_page=30.0)
    operator = proven(monkeypatch, world)
    found = operator.asks("cutover")["rehearsal"]
    assert found["delta"]["copied"]["keys"] == 8
    assert (found["comparison"]["exact"], found["comparison"]["seconds"]) == (True, 30.0)
    assert found["delta"]["seconds"] >= 30.0
    assert found["write_stop_seconds"] == found["delta"]["seconds"] + 30.0
    shown = operator.types("cutover").stdout
    assert "more of a first copy" in shown
    assert "writes at the source stop for about" in shown
    operator.run()
    moved(world)
    operator.run(VerifyMessage())
    again = operator.asks("cutover")["rehearsal"]
    assert (again["delta"]["exact"], again["delta"]["seconds"], again["write_stop_seconds"]) == (True, 30.0, 60.0)
    assert "first copy" not in operator.types("cutover").stdout


def test_what_keeps_deltas_away_is_what_there_is_where_the_job_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    operator.run()
    assert "gcloud scheduler jobs pause job-delta" in operator.types("cutover", status=3).stdout
    operator.found = FoundJob({"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}, "the local stack")
    shown = operator.types("cutover", status=3).stdout
    assert "if ticks come between: make up without LIST_SECONDS" in shown
    assert "gcloud" not in shown


def test_nothing_known_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(3), monkeypatch)
    assert set(not_ready(operator)) == {"lag", "comparison"}
    operator.run()
    assert set(not_ready(operator)) == {"comparison"}
    assert operator.asks("cutover", status=3)["rehearsal"]["write_stop_seconds"] is None


def delta_again(operator: Operator) -> None:
    operator.run()


def new_object(operator: Operator) -> None:
    operator.world.bucket.put("k/new", b"new")
    operator.run()


def named_key(operator: Operator) -> None:
    operator.run(ListMessage(keys=(b"k/001",), force=True))


def begun_and_not_ended(operator: Operator) -> None:
    operator.world.send("list", ListMessage(force=True))
    asyncio.run(operator.world.drain(most=2, finish=False))


def long_ago(operator: Operator) -> None:
    moved(operator.world, 25 * HOUR)


def very_long_ago(operator: Operator) -> None:
    operator.run(VerifyMessage(close=True))
    moved(operator.world, 31 * 24 * HOUR)


def on_demand(operator: Operator, entry: Entry) -> None:
    record = BatchRecord("b", "on-demand", operator.world.clock.now(), (entry,))
    asyncio.run(operator.world.stores.ledger.create([record]))


def damaged_on_the_way(operator: Operator) -> None:
    """A copy is gone, and a comparison of its folder has seen it; that of the whole is of before."""
    del operator.world.destination.objects[b"k/003"]
    operator.run(VerifyMessage(prefix=b"k/", repair=False))


def state_of(state: RunState) -> Callable[[Operator], None]:
    def change(operator: Operator) -> None:
        operator.run(VerifyMessage(close=True))
        runs = operator.world.stores.runs.documents
        runs[max(run for run in runs if run.startswith("verify"))].state = state

    return change


def summary_of(**counts: object) -> Callable[[Operator], None]:
    def change(operator: Operator) -> None:
        operator.run(VerifyMessage(close=True))
        runs = operator.world.stores.runs.documents
        stored = runs[max(run for run in runs if run.startswith("verify"))]
        assert stored.summary is not None
        stored.summary = replace(stored.summary, **counts)  # type: ignore[arg-type]

    return change


def proofs_forgotten(operator: Operator) -> None:
    operator.run(VerifyMessage(close=True))
    operator.world.stores.ranges.documents.clear()


@pytest.mark.parametrize(
    ("spoil", "checks"),
    [
        (delta_again, {"order"}),
        (new_object, {"order", "copied since"}),
        (named_key, {"order", "copied since"}),
        (begun_and_not_ended, {"running", "order", "copied since", "open since"}),
        (long_ago, {"lag"}),
        (very_long_ago, {"lag", "comparison"}),
        (lambda operator: on_demand(operator, Entry(b"k/x", "e", 1, 0, outcome=Outcome.COPIED)), {"copied since"}),
        (lambda operator: on_demand(operator, Entry(b"k/x", "e", 1, 0)), {"open since"}),
        (lambda operator: on_demand(operator, Entry(b"k/x", "e", 1, 0, outcome=Outcome.FAILED)), {"failed"}),
        (damaged_on_the_way, {"comparison"}),
        (state_of(RunState.STOPPED), {"comparison"}),
        (state_of(RunState.TIMED_OUT), {"comparison"}),
        (summary_of(listed_keys=9), {"proof"}),
        (summary_of(listed_keys=0), {"comparison", "proof"}),
        (summary_of(outcomes=Counts({"unchanged": 7}, {"unchanged": 1})), {"proof"}),
        (summary_of(verdicts=Counts({"same": 7}, {"same": 1})), {"proof"}),
        (proofs_forgotten, {"unproven", "proof"}),
    ],
)
def test_what_comes_after_or_is_not_whole_is_not_ready(
    spoil: Callable[[Operator], None], checks: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = proven(monkeypatch)
    ready(operator)
    spoil(operator)
    assert set(not_ready(operator)) == checks


def test_a_comparison_after_the_last_delta_is_ready_again(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    new_object(operator)
    compare_again(operator)
    assert ready(operator)["lines"]


@pytest.mark.parametrize(
    "message",
    [
        VerifyMessage().model_copy(update={"cursor": b"k/001"}),
        VerifyMessage().model_copy(update={"until": b"k/005"}),
        VerifyMessage(prefix=b"k/00"),
    ],
)
def test_a_part_that_was_compared_is_not_the_whole(message: VerifyMessage, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(8), monkeypatch)
    operator.run()
    compare_again(operator, message)
    assert not_ready(operator)["comparison"].startswith("no comparison of the whole job to its end")


def test_what_does_not_concern_the_prefix_does_not_stand_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(4)
    world.bucket.put("l/1", b"1")
    operator = proven(monkeypatch, world)
    found = ready(operator, "k/")
    assert "of the whole job" in next(line["text"] for line in found["lines"] if line["check"] == "comparison")
    operator.run(ListMessage(prefix=b"l/", force=True))
    operator.run(ListMessage(keys=(b"l/1",), force=True))
    ready(operator, "k/")
    assert {"order", "copied since"} == set(not_ready(operator))
    assert "copied since" in not_ready(operator, "l/")


def said_of(found: dict[str, Any], check: str) -> dict[str, str]:
    """The line of a check, the last one."""
    by_check: dict[str, dict[str, str]] = {line["check"]: line for line in found["lines"]}
    return by_check[check]


def test_a_prefix_that_no_compared_key_begins_with_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(4)
    world.bucket.put("beside", b"1")
    operator = proven(monkeypatch, world)
    ready(operator)
    against = not_ready(operator, "kk/")
    assert against["comparison"].endswith(", has listed no key that begins with 'kk/'")
    assert "4 of 4" not in operator.types("cutover", "kk/", status=3).stdout
    address = not_ready(operator, "s3://source/k/", "--accept", "archived,unsupported")
    assert address["comparison"].endswith(
        "begins with 's3://source/k/'; keys are named without s3:// and the bucket: 'k/'"
    )
    assert "without s3://" in not_ready(Operator(filled(1), monkeypatch), "s3://source/k/")["comparison"]
    compared = Operator(world, monkeypatch)
    compare_again(compared, VerifyMessage(prefix=b"s3://source/k/"))
    assert "without s3://" in not_ready(compared, "s3://source/k/")["comparison"]


def test_a_prefix_is_judged_by_its_own_keys_of_a_wider_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(8)
    for key in ("l/frozen", "l/more"):
        world.bucket.put(key, b"cold", storage_class="GLACIER")
    world.bucket.put("l/\n", b"refused")
    world.bucket.put("l/1", b"1")
    world.bucket.put("l/gone", b"1")
    operator = proven(monkeypatch, world)
    del world.bucket.objects[b"l/gone"]
    compare_again(operator)
    found = ready(operator, "k/")
    assert said_of(found, "proof")["text"] == "8 of 8 listed keys of 'k/' are proven the same (8 by md5)"
    assert (found["stays_behind"], found["warnings"]) == ({}, 0)
    assert ready(operator, "k/", "--accept", "archived,unsupported")["stays_behind"] == {}
    against = not_ready(operator, "l/")
    assert set(against) == {"archived", "unsupported", "proof"}
    assert against["archived"].startswith("2 keys are archived")
    assert against["proof"].startswith("1 of 4 listed keys of 'l/' are proven the same, 0 accepted, 3 neither")
    found = ready(operator, "l/", "--accept", "archived,unsupported")
    assert (found["stays_behind"], found["warnings"]) == ({"archived": 2, "unsupported": 1}, 1)
    del world.destination.objects[b"l/1"]
    compare_again(operator, VerifyMessage(repair=False))
    ready(operator, "k/")
    assert not_ready(operator, "l/", "--accept", "archived,unsupported")["mismatches"] == "1 missing"


@pytest.mark.parametrize(
    ("world", "prefix"),
    [(filled(8), "k/00"), (filled(8, filters=Filters(exclude=("tmp/**",))), "k/"), (filled(8), "")],
)
def test_what_a_wider_comparison_does_not_count_apart_must_be_compared_itself(
    world: World, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a folder; what filters left out, somewhere; and files beside the folder that may begin as it does."""
    world.bucket.put("tmp/1", b"1")
    if not prefix:
        world.bucket.put("other", b"1")
        prefix = "k"
    operator = proven(monkeypatch, world)
    found = operator.asks("cutover", prefix, "--accept", "filtered", status=3)
    assert set(not_ready(operator, prefix, "--accept", "filtered")) == {"comparison"}
    line = said_of(found, "comparison")
    assert f"of the whole job, begun {found['as_of']}, does not count '{prefix}' apart" in line["text"]
    assert line["mend"] == f"bucket-transfer verify {prefix} --wait, which compares only that"
    assert found["stays_behind"] == {}
    assert not {"filtered", "archived", "proof"} & {line["check"] for line in found["lines"]}
    compare_again(operator, VerifyMessage(prefix=prefix.encode()))
    assert said_of(ready(operator, prefix), "proof")["text"] == "8 of 8 listed keys are proven the same (8 by md5)"


def compared(
    folders: dict[bytes, int],
    verdicts: dict[str, int],
    named: dict[str, str],
    state: RunState = RunState.FINISHED,
    unproven: int = 0,
) -> Counted | None:
    """What a comparison says of "a/". folders: keys by folder. named: verdicts by key. unproven: of the same ones."""
    listed = sum(keys for verdict, keys in verdicts.items() if verdict != Comparison.EXTRA)
    proofs = {"md5": verdicts.get("same", 0) - unproven}
    ended = Ended(RunKind.VERIFY, state, listed, 0, {"unchanged": listed}, verdicts, proofs)
    sums = Rollup(differing=[(key, 1, why) for key, why in named.items()])
    for folder, keys in folders.items():
        sums.folders[folder] = FolderRollup(s3_count=keys)
    return of_part(ended, sums, b"a/")


def test_a_part_is_counted_only_where_every_key_of_the_whole_has_its_place() -> None:
    whole = {b"a/": 3, b"b/": 2}
    counted = compared(whole, {"same": 3, "archived": 2}, {"a/1": "archived", "b/1": "archived"})
    assert counted is not None
    assert (counted.listed, counted.proven, counted.verdicts["archived"]) == (3, 2, 1)
    assert compared(whole, {"same": 3, "archived": 2}, {"b/1": "archived"}) is None, "not all are named"
    assert compared(whole, {"same": 6}, {}) is None, "more than lie in folders"
    assert compared(whole, {"same": 5}, {}, RunState.STOPPED) is None, "it did not come to its end"
    assert compared(whole, {"same": 5}, {}, unproven=1) is None, "where the unproven one is it does not say"
    assert compared(whole, {"same": 5, "extra": 1}, {"b/x": "extra"}) is None, "nor where a copy of no object is"
    assert compared({b"": 1, **whole}, {"same": 6}, {}) is not None, "directly in the root"
    assert compared({b"": 5}, {"same": 5}, {}) is None, "nothing is summed up apart"
    many = {b"%d/" % number: 1 for number in range(MOST_FOLDERS)}
    assert compared({b"": 1, **many}, {"same": MOST_FOLDERS + 1}, {}) is None, "folders had to make room"


def test_a_repair_is_proven_by_the_next_comparison_only(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    del operator.world.destination.objects[b"k/003"]
    compare_again(operator)
    assert operator.world.same()
    against = not_ready(operator)
    assert against["mismatches"] == "1 missing"
    compare_again(operator)
    ready(operator)


def test_of_comparisons_of_a_part_the_newest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    lost = operator.world.destination.objects.pop(b"k/003")
    compare_again(operator, VerifyMessage(prefix=b"k/00", repair=False))
    assert set(not_ready(operator)) == {"comparison"}
    operator.world.destination.objects[b"k/003"] = lost
    compare_again(operator, VerifyMessage(prefix=b"k/007", repair=False))
    assert set(not_ready(operator)) == {"comparison"}
    compare_again(operator, VerifyMessage(prefix=b"k/", repair=False))
    ready(operator)


def test_bytes_that_changed_behind_its_back_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    copy, _ = operator.world.destination.objects[b"k/003"]
    operator.world.destination.install(b"k/003", b"zzz", copy.metadata)
    compare_again(operator, VerifyMessage(repair=False))
    assert not_ready(operator)["mismatches"] == "1 checksum differs"


def test_what_nothing_proves_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(0)
    world.bucket.put("k/parts", b"x" * 10, parts=2)
    operator = proven(monkeypatch, world)
    ready(operator)
    world.stores.ledger.documents.clear()
    compare_again(operator)
    assert "unproven" in not_ready(operator)


def left(world: World) -> None:
    world.bucket.put("k/frozen", b"cold", storage_class="GLACIER")
    world.bucket.put("k/\n", b"refused")
    world.bucket.put("tmp/1", b"1")


def test_what_stays_behind_is_accepted_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(8, filters=Filters(exclude=("tmp/**",)))
    left(world)
    operator = proven(monkeypatch, world)
    assert {"archived", "unsupported", "filtered", "proof"} == set(not_ready(operator))
    for missing in ACCEPTABLE:
        others = ",".join(name for name in ACCEPTABLE if name != missing)
        assert {missing, "proof"} == set(not_ready(operator, "--accept", others))
    found = ready(operator, "--accept", "archived, unsupported,filtered")
    assert found["stays_behind"] == {"archived": 1, "unsupported": 1, "filtered": 1}
    assert ready(operator, "--accept", "archived", "--accept", "unsupported,filtered") == found
    shown = operator.types("cutover", "--accept", "archived,unsupported,filtered").stdout
    assert shown.splitlines()[0].endswith("1 archived, 1 unsupported, 1 filtered stay behind, as accepted")
    refused = operator.types("cutover", "--accept", "archived,missing", status=2)
    assert "not missing, which a cutover cannot leave" in refused.stderr


def test_failed_keys_are_told_by_cause_and_whether_they_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(8)
    world.cdn.faults[b"k/001"] = [Forbidden("denied")] * 99
    world.cdn.faults[b"k/002"] = [Transient("busy")] * 99
    operator = Operator(world, monkeypatch)
    operator.run()
    compare_again(operator)
    assert {"failed", "mismatches", "proof"} <= set(not_ready(operator))
    shown = operator.types("cutover", status=3).stdout
    assert "1 forbidden (stays until somebody acts)" in shown
    assert "1 transient (passes by itself, the next run tries it again)" in shown
    assert "redrive --cause forbidden --wait" in shown


def test_a_failure_that_the_comparison_has_gone_over_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(8)
    world.cdn.faults[b"k/001"] = [Forbidden("denied")] * 99
    operator = Operator(world, monkeypatch)
    operator.run()
    del world.bucket.objects[b"k/001"]
    compare_again(operator)
    found = ready(operator)
    (failed,) = [line for line in found["lines"] if line["check"] == "failed"]
    assert (failed["level"], found["warnings"]) == ("warning", 1)


def test_a_pause_and_copies_of_no_object_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    del operator.world.bucket.objects[b"k/001"]
    compare_again(operator)
    operator.types("pause")
    found = ready(operator)
    assert [line["check"] for line in found["lines"] if line["level"] == "warning"] == ["paused", "destination only"]
    assert "with REPORT_BUCKET" in said_of(found, "destination only")["mend"]


def test_which_copies_have_no_object_is_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch, report_bucket="reports")
    del operator.world.bucket.objects[b"k/001"]
    run = compare_again(operator)
    operator.run(VerifyMessage(close=True))
    mend = said_of(ready(operator), "destination only")["mend"]
    assert mend.startswith(f"bucket-transfer report {run}: ")
    assert "(docs/use.md, Reports)" in mend
    assert "## Reports\n" in Path("docs/use.md").read_text()
    page = operator.world.reports.files[f"job/{run}/report.html"][0].decode()
    assert "k/001" in page


def test_a_source_that_lists_nothing_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "comparison" in not_ready(proven(monkeypatch, filled(0)))


def test_another_bucket_than_was_compared_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch, report_bucket="reports")
    operator.run(VerifyMessage(close=True))
    ready(operator)
    changed = Operator(operator.world, monkeypatch, report_bucket="reports", destination_bucket="another")
    assert {"settings", "comparison"} <= set(not_ready(changed))
    without = Operator(operator.world, monkeypatch, destination_bucket="another")
    assert "the ledger speaks for s3://source/ to gs://destination/" in not_ready(without)["settings"]
    operator.world.stores.ledger.documents.clear()
    assert set(not_ready(without)) == {"settings"}
    operator.world.stores.control.spoke = None
    operator.run(ListMessage())
    operator.world.stores.control.spoke = None
    assert "settings" in not_ready(without), "the records say it, too"


def test_a_run_that_begins_while_it_is_looked_at_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = proven(monkeypatch)
    stores, scan = operator.world.stores, operator.world.stores.ledger.scan

    async def scanned(*given: Any) -> Any:
        opened = OpenRange(RangeId("list-late", b"", b""), None, ListMessage().encode())
        await stores.runs.create(opened, RunKind.LIST, operator.world.clock.now())
        async for found in scan(*given):
            yield found

    monkeypatch.setattr(stores.ledger, "scan", scanned)
    assert "running" in json.loads(operator.types("cutover", "--json", status=3).stdout)["lines"][1]["check"]
    assert "list-late" in not_ready(operator)["running"]


def evidence(verdict: str, outcome: str, proofs: dict[str, int]) -> Evidence:
    """Ten keys, one of which has this verdict and outcome."""
    outcomes = Counts({"unchanged": 9}, {"unchanged": 9})
    verdicts = Counts({"same": 9}, {"same": 9})
    outcomes.add(outcome, 1)
    if verdict:
        verdicts.add(verdict, 1)
    summary = RunSummary(10, 10, outcomes, Counts(), verdicts, 0)
    run = RunRecord(OpenRun("verify-1", RunKind.VERIFY, b"", b"{}", 100.0), RunState.FINISHED, 200.0)
    delta = RunRecord(OpenRun("list-1", RunKind.LIST, b"", b"{}", 0.0), RunState.FINISHED, 90.0)
    return Evidence(
        now=300.0,
        prefix=b"",
        days=30,
        paused=False,
        running=(),
        delta=delta,
        delta_summary=summary,
        unfinished=None,
        comparison=Compared(run, summary, Counts(proofs).keys),  # type: ignore[arg-type]
        later=(),
        not_before=(),
        ledger=Remembered(100.0),
    )


def passes(found: Evidence, *accepted: str) -> bool:
    return not [line for line in lines(found, accepted, HOUR, "job") if line.level is Level.BLOCKS]


@pytest.mark.parametrize("verdict", [*Comparison, "never heard of"])
@pytest.mark.parametrize("outcome", Outcome)
def test_of_all_verdicts_only_a_proven_same_passes_by_itself(verdict: str, outcome: Outcome) -> None:
    if verdict == Comparison.EXTRA:
        return
    good = evidence(verdict, outcome, {"md5": 10})
    same = verdict == Comparison.SAME and outcome is not Outcome.FILTERED
    assert passes(good) is same
    kind = str(verdict) if verdict in ACCEPTABLE else "archived"
    assert passes(evidence(verdict, outcome, {"md5": 9}), kind) is (
        verdict in ("archived", "unsupported") and outcome is not Outcome.FILTERED
    )
    assert not passes(evidence(verdict, outcome, {"md5": 9, "etag": 1}))


def test_a_key_without_a_verdict_passes_only_where_it_was_filtered_and_that_is_accepted() -> None:
    for outcome in Outcome:
        found = evidence("", outcome, {"md5": 9})
        assert not passes(found)
        assert passes(found, *ACCEPTABLE) is (outcome is Outcome.FILTERED)
