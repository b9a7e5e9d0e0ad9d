"""What the tool says of runs."""

import asyncio
from dataclasses import replace

import pytest

from cli.run_view import RunView
from cli.verdict import all_well, verdict_line
from shared.domain.counts import Counts, Outcome
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.progress import Progress
from shared.domain.runs import RunKind, RunState
from shared.ports.run_store import OpenRun, RunSummary
from tests.operator import Operator
from tests.world import LIFE, filled


def test_the_runs_of_the_last_days_and_the_counts_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(5)
    world.bucket.put("k/\n", b"refused")
    operator = Operator(world, monkeypatch)
    first, second = operator.run(), operator.run()
    (one, two) = operator.asks("runs")
    assert [(one["run"], one["state"]), (two["run"], two["state"])] == [(first, "finished"), (second, "running")]
    assert one["outcomes"]["copied"]["keys"] == 5
    assert two["outcomes"]["unchanged"] == {"keys": 5, "bytes": 10}
    assert [run["run"] for run in operator.asks("runs", "--limit", "1")] == [second]
    shown = operator.types("runs").stdout.splitlines()
    assert shown[0].split() == ["run", "of", "state", "began", "keys"]
    assert shown[1].endswith("5 copied, 1 unsupported")
    assert not any(line.endswith(" ") or "\x1b" in line for line in shown)

    counts = operator.asks("runs", first)
    assert (counts["listed"], counts["balanced"]) == ({"keys": 6, "bytes": 17}, True)
    assert (
        operator.types("runs", first).stdout.splitlines()[-1]
        == "every listed key has an outcome, and none has failed; "
        "not copied: 1 unsupported (`bucket-transfer plan` says why); no change known to be missed by events; "
        "6 not counted: too young to tell, or from before events were followed"
    )
    world.clock.time += 8 * 86_400
    assert operator.types("runs").stdout == "no run has begun within 7 days\n"


def test_what_a_run_has_cost_so_far_is_what_its_report_says_then(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(60), monkeypatch, report_bucket="reports", keys_per_message=3)
    run = operator.run()
    (seen,) = operator.asks("status")["running"]
    assert (seen["run"], seen["done"], seen["outcomes"]["copied"]["keys"]) == (run, True, 60)
    operator.run(VerifyMessage(close=True))
    figures = operator.asks("report", run)["figures"]
    assert figures["written"] is True
    assert seen["dollars"] == figures["dollars"] > 0.0003, "at least what Cloud Storage asks for 60 writes"


def test_what_a_comparison_leaves_behind_is_said_of_it_as_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(5)
    world.bucket.put("k/frozen", b"cold", storage_class="GLACIER")
    world.bucket.put("k/\n", b"refused")
    world.bucket.put("k/gone", b"1")
    operator = Operator(world, monkeypatch)
    operator.run()
    del world.bucket.objects[b"k/gone"]
    run = operator.run(VerifyMessage())
    assert operator.types("runs", run).stdout.splitlines()[-1] == (
        "every listed key has an outcome, and none has failed; 1 copy belongs to no object; "
        "not copied: 1 archived and 1 unsupported (`bucket-transfer plan` says why)"
    )


def test_what_a_record_has_written_down_is_not_added_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(5), monkeypatch)
    first = operator.run()
    operator.run(VerifyMessage(close=True))
    second, store, asked = operator.run(), operator.world.stores.runs, list[str]()
    added_up = store.summary

    async def counted(run: str) -> RunSummary:
        asked.append(run)
        return await added_up(run)

    monkeypatch.setattr(store, "summary", counted)
    assert [run["listed"]["keys"] for run in operator.asks("runs")] == [5, 5]
    assert operator.asks("runs", first)["outcomes"]["copied"]["keys"] == 5
    operator.asks("cutover", status=3)
    operator.types("cancel", first, status=1)
    assert set(asked) == {second}, "the one whose end is not written down"


def test_a_run_with_failed_keys_is_not_well_and_one_that_never_was_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(3), monkeypatch)
    run = operator.run(ListMessage(keys=(b"k/000", b"never")))
    result = operator.types("runs", run, status=3)
    assert "1 key has failed" in result.stdout
    assert "a key that is not in the source is not among those" in result.stdout, "failures does not know it"
    assert operator.asks("failures")["keys"] == 0
    result = operator.types("runs", "list-m99", status=1)
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    assert "there is no run 'list-m99'" in result.stderr


def test_a_run_that_timed_out_is_not_told_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(6), monkeypatch)
    run = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=1, finish=False))
    operator.world.inbox.clear()
    operator.world.queue.sent.clear()
    assert "still going: 0 ranges being listed, 6 listed keys pending" in operator.types("runs", run, status=3).stdout
    operator.world.clock.time += LIFE + 1
    operator.run(VerifyMessage(close=True))
    shown = operator.types("runs", run, status=3).stdout.splitlines()[-1]
    assert shown == "timed out: 0 ranges and 6 listed keys were left; the next run takes them up"


def test_status_of_a_job_at_rest_at_work_and_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(9)
    operator = Operator(world, monkeypatch)
    assert "nothing is running" in operator.types("status").stdout
    operator.run()
    world.send("list", ListMessage(force=True))
    asyncio.run(world.drain(most=2, finish=False))
    document = operator.asks("status")
    (run,) = [run for run in document["running"] if not run["done"]]
    assert (document["busy"], run["listed"]["keys"], run["pending"]) == (True, 9, 6)
    assert run["dollars"] > 0
    world.stores.control.said = replace(world.stores.control.said, paused=True, most_objects=5)
    shown = operator.types("status").stdout
    until = "paused: nothing more is published or begun until `bucket-transfer resume`"
    assert f"{until}; what has begun still ends: up to 6 listed keys\n" in shown
    assert "ceiling of a run: 5 objects, any size\n" in shown
    world.stores.control.said = replace(world.stores.control.said, most_objects=None, most_dollars=1234.5)
    assert "ceiling of a run: any number of objects, any size, for US$ 1,234.50\n" in operator.types("status").stdout
    assert operator.asks("status")["most_dollars"] == 1234.5
    assert "\x1b" not in shown


def test_watching_without_a_terminal_is_a_line_a_look_until_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(9)
    operator = Operator(world, monkeypatch)
    run = world.send("list", ListMessage())
    asyncio.run(world.drain(most=1, finish=False))

    async def wait(seconds: float) -> None:
        await world.drain()

    monkeypatch.setattr("cli.status.asyncio.sleep", wait)
    shown = operator.types("status", "--watch").stdout.splitlines()
    assert shown[0] == f"{run} 9 listed, 0 ended"
    assert "9 listed" in shown[-3] or any("nothing is left of it" in line for line in shown)
    assert "choose one" in operator.types("status", "--watch", "--json", status=2).stderr


def test_colours_are_a_terminal_s_and_no_color_takes_them_away(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(2)
    operator = Operator(world, monkeypatch)
    operator.run()
    world.stores.control.said = replace(world.stores.control.said, paused=True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[33mpaused" in operator.types("status").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in operator.types("status").stdout
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in operator.types("status").stdout


def test_a_terminal_is_drawn_over_while_runs_go_on_and_shows_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(9)
    operator = Operator(world, monkeypatch)
    world.send("list", ListMessage())
    asyncio.run(world.drain(most=1, finish=False))

    async def wait(seconds: float) -> None:
        await world.drain()

    monkeypatch.setattr("cli.status.asyncio.sleep", wait)
    monkeypatch.setattr("cli.waiting.asyncio.sleep", wait)
    monkeypatch.setattr("cli.output.Output.interactive", True)
    monkeypatch.setattr("cli.output.Output.terminal", True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    watched = operator.types("status", "--watch").stdout
    assert "━" in watched
    assert "nothing is left of it" in watched
    waited = operator.types("run", "k/", "--force", "--wait").stdout
    assert waited.endswith("every listed key has an outcome, and none has failed\n")
    assert "9 copied" in waited


def test_ended_runs_are_told_with_how_they_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(2), monkeypatch)
    first = operator.run()
    operator.run()
    (ended,) = operator.asks("status")["ended"]
    assert (ended["run"], ended["state"]) == (first, RunState.FINISHED)


def test_a_rate_is_of_the_last_minutes() -> None:
    progress = Progress()
    for at, objects, size in ((0.0, 10**6, 10**9), (1000.0, 60, 6000), (1060.0, 40, 4000)):
        progress.at_work(at, 60)
        progress.copied(at, "direct", objects, size)
    assert progress.rate(1100.0) == (1.0, 100.0)
    assert Progress().rate(5.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("listed", "ended", "open_ranges", "shown"),
    [(0, 0, 1, "0%"), (100, 29, 0, "29%"), (250, 250, 1, "99%"), (1000, 999, 0, "99%"), (250, 250, 0, "100%")],
)
def test_all_of_it_is_said_only_of_all_of_it(listed: int, ended: int, open_ranges: int, shown: str) -> None:
    outcomes = Counts()
    outcomes.add(Outcome.COPIED, 0, ended)
    summary = RunSummary(listed, 0, outcomes, Counts(), Counts(), open_ranges)
    run = OpenRun("list-1", RunKind.LIST, b"", b"", 0.0)
    assert RunView(run, summary, 0.0, 0.0, 0.0, 0.0, {}).percent == shown


def test_of_a_run_that_has_lost_a_range_nothing_good_is_said() -> None:
    """Whatever the rest adds up to: what lay in the range is in no count."""
    outcomes = Counts()
    outcomes.add(Outcome.COPIED, 30, 3)
    run = OpenRun("list-1", RunKind.LIST, b"", b"", 0.0)
    for listed in (0, 2, 3):
        summary = RunSummary(listed, 10 * listed, outcomes, Counts(), Counts(), 0, gap=True)
        said = verdict_line(run, summary, RunState.STOPPED, reports=True, bucket="b")
        assert "nothing is said of the keys in it, no count has them, and the next run lists all keys" in said
        assert "every listed key has an outcome" not in said
        assert not all_well(summary, RunState.STOPPED)
