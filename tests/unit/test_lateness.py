"""What people are told of how late events are, and of what they missed: never more than was counted."""

import asyncio
from dataclasses import replace

import pytest

from shared.domain.counts import Counts
from shared.domain.lag import Lag
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.missed import Change
from shared.domain.runs import RunKind
from shared.reporting.lateness import changes_line, lag_figures, lag_line
from shared.reporting.model import Report
from shared.reporting.page import page
from shared.reporting.tiles import Tile, tiles
from tests.browser.sample import copying
from tests.operator import Operator
from tests.unit.test_follow_events import follow, written
from tests.unit.test_missed import followed_since_an_hour, put
from tests.world import World


def changes(missed: int, unsure: int) -> Counts:
    return Counts({Change.MISSED: missed, Change.UNSURE: unsure}, {Change.MISSED: 1, Change.UNSURE: 1})


@pytest.mark.parametrize(
    ("lag", "listed", "line"),
    [
        (
            Lag.of([0.5] * 99 + [8.0]),
            100,
            "half within 0.50 s, 99 % within 0.50 s, the last after 8.0 s, of 100 copies",
        ),
        (
            Lag.of([1.0]),
            2,
            "half within 1.0 s, 99 % within 1.0 s, the last after 1.0 s, of 1 copy; 1 key that events named is not in this",
        ),
        (Lag(), 3, "how late they were is known of none of 3 keys that events named"),
    ],
)
def test_a_line_says_of_how_many_it_speaks(lag: Lag, listed: int, line: str) -> None:
    assert lag_line(lag, listed) == line


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (changes(0, 0), "no change known to be missed by events"),
        (changes(2, 0), "2 changes missed by events"),
        (
            changes(0, 1),
            "no change known to be missed by events; "
            "1 not counted: too young to tell, or from before events were followed",
        ),
        (
            changes(1, 1000),
            "1 change missed by events; 1,000 not counted: too young to tell, or from before events were followed",
        ),
    ],
)
def test_zero_is_said_of_what_was_counted(found: Counts, line: str) -> None:
    assert changes_line(found) == line


def tile(report: Report, begins: str) -> Tile | None:
    found = [item for item in tiles(report, 1.0) if item.name.startswith(begins)]
    return found[0] if found else None


def test_the_report_of_a_run_of_events_has_the_distribution() -> None:
    report = replace(copying(), kind=RunKind.EVENTS, lag=Lag.of([1.0] * 98 + [3.0, 60.0]), listed=(105, 7))
    found = tile(report, "event to copy")
    assert found is not None
    assert found.value == "1.0 s"
    assert found.more == "99 % 3.4 s, worst 1 min, of 100 copies; 5 keys that events named are not in this"
    assert found.more.split(";")[1] in page(report)
    none = tile(replace(report, lag=Lag()), "event to copy")
    assert none is not None
    assert none.value == "not known"
    assert lag_figures(report.lag) == {"copies": 100, "p50": 1.0, "p90": 1.0, "p99": 3.364, "worst": 60.0}
    assert lag_figures(Lag()) is None


def test_the_report_of_a_delta_says_what_events_had_missed() -> None:
    report = replace(copying(), follows_events=True)
    quiet, some = tile(report, "changes missed"), tile(replace(report, changes=changes(3, 2)), "changes missed")
    assert quiet is not None
    assert (quiet.value, quiet.more, quiet.tone) == ("0", "none that this run listed is uncounted", "")
    assert some is not None
    assert (some.value, some.tone) == ("3", "warning")
    assert some.more.startswith("2 not counted: too young")
    assert tile(replace(report, follows_events=False), "changes missed") is None
    assert tile(replace(report, kind=RunKind.VERIFY), "changes missed") is None


def test_runs_and_status_say_both(monkeypatch: pytest.MonkeyPatch) -> None:
    world = asyncio.run(followed_since_an_hour())
    operator = Operator(world, monkeypatch, events_queue_url="https://sqs.eu-west-1.amazonaws.com/1/q")
    put(world, "new", b"new", 2000)
    run, event_run = asyncio.run(_runs(world))
    assert "1 change missed by events" in operator.types("runs", run).stdout
    assert "of 1 copy" in operator.types("runs", event_run).stdout
    assert operator.asks("runs", event_run)["lag"]["copies"] == 1
    assert operator.asks("runs", run)["changes"]["missed"]["keys"] == 1
    events = operator.asks("status")["events"]
    assert (events["lag"]["copies"], events["listed"], events["listings"]) == (2, 2, 1)
    assert events["changes"] == {"missed": {"keys": 1, "bytes": 3}}
    assert events["idle_dollars_a_month"] == 11.91
    shown = operator.types("status").stdout
    assert "to wait for events costs about $" in shown
    assert "events, 7 days: half within" in shown
    assert "deltas, 7 days: 1 change missed by events, in 1 listing that ended" in shown


def test_status_of_a_job_without_events_says_nothing_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(World(), monkeypatch)
    assert operator.asks("status")["events"] is None
    assert "events" not in operator.types("status").stdout


async def _runs(world: World) -> tuple[str, str]:
    """A delta, a run of events, and both seen to have ended."""
    run = world.send("list", ListMessage())
    await world.drain()
    world.events.send(written(world, "later", b"x", 3))
    event_run = await follow(world)
    world.send("verify", VerifyMessage(close=True))
    await world.drain()
    return run, event_run
