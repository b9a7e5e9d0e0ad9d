"""What people are told of runs of events."""

import pytest

from cli.scope import scope_of
from cli.verdict import verdict_line
from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage
from shared.domain.runs import RunKind, RunState
from shared.ledger.entry import Entry
from shared.ledger.levels import level
from shared.ledger.record import BatchRecord
from shared.ports.run_store import OpenRun, RunSummary
from shared.reporting.page import KINDS, scope
from tests.operator import Operator
from tests.world import World

RUN = OpenRun("events-1", RunKind.EVENTS, b"root/", ListMessage(events=True).encode(), 0.0)


def test_a_run_of_events_is_about_what_events_named() -> None:
    assert scope_of(RUN) == "what events named"
    assert scope(RunKind.EVENTS, "root/") == "those that S3's events named"
    assert set(KINDS) == set(RunKind)


def test_one_that_had_nothing_to_do_does_not_blame_the_prefix() -> None:
    said = verdict_line(RUN, RunSummary.nothing(), RunState.FINISHED, reports=True, bucket="b")
    assert said == "no event named a key that is new"


def test_what_was_sorted_is_of_no_run_that_nobody_can_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = tuple(Entry(b"k/%d" % n, "e", 1, 1, Outcome.FAILED, "forbidden: denied") for n in range(2))
    world = World()
    world.stores.ledger.documents["b"] = BatchRecord("b", level(1), world.clock.now(), entries), 1
    operator = Operator(world, monkeypatch)
    (cause,) = operator.asks("failures", status=3)["causes"]
    assert [item["run"] for item in cause["examples"]] == [None, None]
    (attempt,) = operator.asks("explain", "k/1", status=3)["attempts"]
    assert attempt["run"] is None
    assert {item["run"] for item in operator.asks("inspect", "k/")["entries"]} == {None}
