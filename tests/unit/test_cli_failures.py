"""Failed keys by cause, another try for them, and what is stored of keys and prefixes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cli.causes import EXAMPLES, Cause, causes_of
from cli.dead_letter import DeadLetter
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, KmsDenied
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.reasons import advice_for
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from tests.operator import Operator
from tests.world import World, filled


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> Operator:
    """k/001 and k/002 may not be read, nor k/003 for its encryption key; one name is refused, one object archived."""
    world = filled(8)
    world.bucket.put("k/\n", b"refused")
    world.bucket.put("k/frozen", b"cold", storage_class="INTELLIGENT_TIERING")
    world.bucket.archived_in_silence.add(b"k/frozen")
    for number in (1, 2):
        world.cdn.faults[f"k/00{number}".encode()] = [Forbidden("denied")] * 9
    world.cdn.faults[b"k/003"] = [KmsDenied("no grant")] * 9
    operator = Operator(world, monkeypatch)
    operator.run()
    return operator


def causes(answer: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {cause["cause"]: cause["keys"] for cause in answer["causes"]}


def test_failures_are_told_by_cause_with_what_to_do(troubled: Operator) -> None:
    found = troubled.asks("failures", status=3)
    assert causes(found) == {"forbidden": 2, "kms_denied": 1, "unsupported": 1, "archived": 1}
    assert [item["advice"] != "" for item in found["causes"]] == [True] * 4
    assert found["causes"][0]["examples"][0]["reason"] == "forbidden: denied"
    assert causes(troubled.asks("failures", "k/00", "--cause", "forbidden", status=3)) == {"forbidden": 2}
    assert causes(troubled.asks("failures", "k/002", status=3)) == {"forbidden": 1}
    assert troubled.asks("failures", "k/007") == {
        "prefix": "k/007",
        "keys": 0,
        "causes": [],
        "dead_letters": None,
    }
    shown = troubled.types("failures", status=3).stdout
    assert "forbidden: 2 keys" in shown
    assert "what to do: check the policies" in shown
    assert "k/<U+000A>  " in shown


def test_what_to_do_is_said_once_a_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason that the ledger keeps ends in it, too."""
    advice = advice_for("forbidden")
    world = filled(3)
    for number in range(3):
        world.cdn.faults[f"k/00{number}".encode()] = [Forbidden(f"HTTP 403; {advice}")] * 9
    operator = Operator(world, monkeypatch)
    operator.run()
    assert operator.asks("failures", status=3)["causes"][0]["examples"][0]["reason"].endswith(advice)
    shown = operator.types("failures", status=3).stdout
    assert shown.count(advice) == 1
    assert "  k/002  forbidden: HTTP 403\n" in shown
    assert operator.types("explain", "k/001", status=3).stdout.count(advice) == 1


def test_examples_are_few_and_all_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(9)
    for number in range(5):
        world.cdn.faults[f"k/00{number}".encode()] = [Forbidden("denied")]
    operator = Operator(world, monkeypatch)
    operator.run()
    shown = operator.types("failures", status=3).stdout.splitlines()
    assert shown[-1] == "  … and 2 more (--all)"
    (cause,) = operator.asks("failures", "--all", status=3)["causes"]
    assert [item["key"] for item in cause["all"]] == [f"k/00{number}" for number in range(5)]


def test_no_more_keys_are_held_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three billion keys one in a hundred may have failed."""
    world, held = filled(9), list[tuple[int, int]]()
    for number in range(5):
        world.cdn.faults[f"k/00{number}".encode()] = [Forbidden("denied")]
    operator = Operator(world, monkeypatch)
    operator.run()

    async def spied(*wanted: Any, **more: Any) -> list[Cause]:
        found = await causes_of(*wanted, **more)
        held.extend((cause.keys, len(cause.known)) for cause in found)
        return found

    monkeypatch.setattr("cli.failures.causes_of", spied)
    operator.types("failures", status=3)
    operator.types("failures", "--all", status=3)
    assert held == [(5, EXAMPLES), (5, 5)]


def test_what_is_mended_is_tried_again_by_cause(troubled: Operator) -> None:
    troubled.world.cdn.faults.clear()
    assert troubled.asks("redrive", "--cause", "kms_denied")["keys"] == 1
    assert troubled.sender.sent == [("list", ListMessage(keys=(b"k/003",)))]
    troubled.drain()
    assert causes(troubled.asks("failures", status=3)) == {"forbidden": 2, "unsupported": 1, "archived": 1}
    assert troubled.asks("redrive")["keys"] == 2, "what cannot be copied is not tried unless it is named"
    troubled.drain()
    assert causes(troubled.asks("failures", status=3)) == {"unsupported": 1, "archived": 1}
    assert troubled.asks("redrive")["why"] == "nothing failed"
    troubled.asks("pause")
    assert troubled.asks("redrive", status=3)["why"] == "paused"


def entry(key: str, outcome: Outcome | None, at: float) -> Entry:
    return Entry(key.encode(), "etag", 1, 0, outcome, "forbidden: denied" if outcome is Outcome.FAILED else "", at=at)


@pytest.mark.parametrize("merged", [True, False])
def test_of_records_that_overlap_the_newest_counts(monkeypatch: pytest.MonkeyPatch, merged: bool) -> None:
    world = World()
    operator = Operator(world, monkeypatch)
    failed, copied = Outcome.FAILED, Outcome.COPIED
    records = {
        "old": [entry("a", failed, 1), entry("b", failed, 1), entry("d", copied, 1), entry("z", failed, 1)],
        "new": [entry("b", copied, 2), entry("c", failed, 2), entry("d", failed, 2)],
        "last": [entry("y", failed, 3), entry("z", copied, 3)],
    }
    run = "" if merged else "run"
    given = [BatchRecord(name, run, 1.0, tuple(entries)) for name, entries in records.items()]
    asyncio.run(world.stores.ledger.create(given))
    (cause,) = operator.asks("failures", "--all", status=3)["causes"]
    assert [item["key"] for item in cause["all"]] == ["a", "c", "d", "y"]


def test_what_is_stored_is_shown(troubled: Operator) -> None:
    troubled.run(ListMessage(prefix=b"k/"))
    found = troubled.asks("inspect", "k/004")
    assert [(item["key"], item["outcome"], item["proof"]) for item in found["entries"]] == [("k/004", "copied", "md5")]
    assert troubled.asks("inspect", "", "--limit", "2")["complete"] is False
    assert "… and more" in troubled.types("inspect", "", "--limit", "2").stdout


@pytest.mark.parametrize("command", [("drop", "--yes"), ("redrive",), ("failures",)])
def test_a_cause_that_is_none_is_refused_and_those_on_record_are_named(
    troubled: Operator, command: tuple[str, ...]
) -> None:
    troubled.dead_letters.waiting = [DeadLetter("1", b"?", "list", "not JSON", 1.8e9)]
    result = troubled.types(*command, "--cause", "malform", status=2)
    named = "on record are: archived, forbidden, kms_denied, malformed, unsupported"
    assert result.stderr == f"bucket-transfer: no cause is called 'malform'; {named}\n"
    assert not troubled.sender.sent
    assert len(troubled.dead_letters.waiting) == 1
    troubled.types(*command, "--cause", "gone")


def test_many_keys_are_pointed_to_a_run_of_their_prefix(troubled: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.failures.MOST_KEYS", 2)
    monkeypatch.setattr("cli.failures._MANY", 2)
    aside = troubled.types("redrive").stderr
    assert aside.startswith("3 keys are as many messages and batches, in 2 runs; `bucket-transfer run PREFIX` tries")
    assert troubled.types("redrive", "--cause", "forbidden").stderr == ""


def test_what_is_known_of_a_prefix(troubled: Operator) -> None:
    troubled.run(VerifyMessage(close=True))
    assert troubled.asks("prefix", "")["s3_count"] == 10
    (first,) = [line for line in troubled.types("prefix", "").stdout.splitlines() if line.startswith("first")]
    assert first.startswith("first finished run list-m0; began"), "one that was cut short before is not the first"
    shown = troubled.types("prefix", "").stdout.splitlines()
    assert shown[0] == "source             10 objects, 39 B"
    assert "last copy          list-m0, finished; began 1970-01-12T13:46:40Z" in shown[1]
    troubled.world.clock.time += 90
    again = troubled.world.send("list", ListMessage())
    asyncio.run(troubled.world.drain(most=1, finish=False))
    shown = troubled.types("prefix", "").stdout.splitlines()
    assert shown[1].startswith(f"last copy          {again}, all of it listed; began")
    assert "ended" not in shown[1], "the run before has ended, and not this one"
    assert "failed" not in shown[1]
    assert shown[1].endswith("; 1 min 30 s after the one before")
    assert "." not in shown[1], "no number has more digits than anybody needs"
    assert "nothing is known of the prefix 'never/'" in troubled.types("prefix", "never/", status=1).stderr


def test_a_record_of_other_buckets_is_no_failure_of_these(troubled: Operator) -> None:
    ledger = troubled.world.stores.ledger
    ledger.documents = {
        name: (replace(record, identity="other"), version) for name, (record, version) in ledger.documents.items()
    }
    assert troubled.asks("failures")["keys"] == 0
