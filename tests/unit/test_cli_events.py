"""What people are told of runs of events."""

from cli.scope import scope_of
from cli.verdict import verdict_line
from shared.domain.messages import ListMessage
from shared.domain.runs import RunKind, RunState
from shared.ports.run_store import OpenRun, RunSummary
from shared.reporting.page import KINDS, scope

RUN = OpenRun("events-1", RunKind.EVENTS, b"root/", ListMessage(events=True).encode(), 0.0)


def test_a_run_of_events_is_about_what_events_named() -> None:
    assert scope_of(RUN) == "what events named"
    assert scope(RunKind.EVENTS, "root/") == "those that S3's events named"
    assert set(KINDS) == set(RunKind)


def test_one_that_had_nothing_to_do_does_not_blame_the_prefix() -> None:
    said = verdict_line(RUN, RunSummary.nothing(), RunState.FINISHED, reports=True)
    assert said == "no event named a key that is new"
