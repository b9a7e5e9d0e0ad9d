"""Dead letters by cause, another try for those that can be read, and failures that are taken off the books."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from cli.dead_letter import DeadLetter
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, KmsDenied
from shared.domain.messages import ListMessage, VerifyMessage
from shared.ledger.dropping import without
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.ledger_store import Versioned
from tests.fakes import FakeLedger
from tests.operator import Operator
from tests.world import filled

TYPO = DeadLetter("1", b'{"prefx": "a/"}', "list", 'unknown field "prefx"', 1.8e9)
LOST = DeadLetter("2", b'{"prefix": "k/", "force": true}', "list", "", 1.8e9)
COMPARISON = DeadLetter("3", b"{}", "verify", "", 1.8e9)
NOBODY_S = DeadLetter("4", b"{}", "", "", 1.8e9)


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    """Two keys may not be read, a third not for its encryption key; four dead letters wait."""
    world = filled(8)
    for number in (1, 2):
        world.cdn.faults[f"k/00{number}".encode()] = [Forbidden("denied")] * 9
    world.cdn.faults[b"k/003"] = [KmsDenied("no grant")] * 9
    operator = Operator(world, monkeypatch)
    operator.run()
    operator.run(VerifyMessage(close=True))
    operator.dead_letters.waiting = [TYPO, LOST, COMPARISON, NOBODY_S]
    return operator


def letters(answer: dict[str, Any]) -> dict[str, tuple[int, list[bool]]]:
    return {
        item["cause"]: (item["letters"], [letter["can_be_sent_again"] for letter in item["examples"]])
        for item in answer["dead_letters"]
    }


def waiting(operator: Operator) -> Sequence[DeadLetter]:
    assert not operator.dead_letters.held, "who has looked gives back what is not taken away"
    return sorted(operator.dead_letters.waiting, key=lambda letter: letter.message_id)


def test_dead_letters_are_told_by_cause(operator: Operator) -> None:
    found = operator.asks("failures", status=3)
    assert letters(found) == {"malformed": (1, [False]), "undelivered": (3, [True, True, False])}
    for option in ("--cause", "--reason"):
        assert letters(operator.asks("failures", option, "malformed", status=3)) == {"malformed": (1, [False])}
    assert operator.asks("failures", "k/", status=3)["dead_letters"] is None
    shown = operator.types("failures", status=3).stdout
    assert 'list 1: {"prefx": "a/"}  unknown field "prefx"' in shown
    assert "unknown topic 4: {}" in shown
    assert len(waiting(operator)) == 4


def test_where_they_cannot_be_looked_at_that_is_said(operator: Operator) -> None:
    operator.dead_letters.refused = "dead letters cannot be looked at: 403"
    assert operator.asks("failures", status=3)["dead_letters"] is None
    assert "not known here: dead letters cannot be looked at: 403" in operator.types("failures", status=3).stdout
    answer = operator.asks("redrive", "--cause", "undelivered")
    assert (answer["sent"], answer["letters"]) == (False, None)
    assert "dead letters cannot be looked at: 403" in operator.types("redrive").stdout, "where keys were sent, too"


def test_what_a_function_can_read_goes_back_to_its_topic(operator: Operator) -> None:
    answer = operator.asks("redrive", status=3)
    assert (answer["keys"], answer["letters"]) == (3, 2)
    assert operator.sender.sent[:2] == [
        ("list", ListMessage(prefix=b"k/", force=True)),
        ("verify", VerifyMessage()),
    ]
    assert waiting(operator) == [TYPO, NOBODY_S]
    assert operator.asks("redrive", "--cause", "undelivered", status=3) == {
        "sent": False,
        "keys": 0,
        "letters": 0,
        "letters_left": {"undelivered": 1},
        "why": "nothing could be sent",
    }


def test_what_no_function_can_read_is_left_and_the_person_is_told(operator: Operator) -> None:
    shown = operator.types("redrive", status=3).stdout
    assert "asked for 3 failed keys and 2 dead letters" in shown
    assert "1 malformed dead letter is left, as no function can take it: send what was meant" in shown
    assert "1 undelivered dead letter is left, as no function can take it: `bucket-transfer failures` shows" in shown
    shown = operator.types("redrive", "--cause", "malformed", status=3).stdout
    assert shown.startswith("no key has failed for malformed: nothing was sent\n1 malformed dead letter is left")
    assert waiting(operator) == [TYPO, NOBODY_S]
    operator.asks("drop", "--cause", "malformed", "--yes")
    assert operator.asks("redrive", "--cause", "malformed")["why"] == "nothing failed"
    assert "malformed" not in operator.types("redrive", "k/").stdout, "they belong to no prefix"


def test_what_would_only_come_back_is_not_sent(operator: Operator) -> None:
    """Of runs that are over or were never begun; and outside the job. What a running one needs is sent."""
    ended, running = "list-m0", operator.run(ListMessage())
    bodies = {
        "never": b'{"run": "list-20261129T000000-99"}',
        "over": f'{{"run": "{ended}"}}'.encode(),
        "under way": f'{{"run": "{running}"}}'.encode(),
    }
    operator.dead_letters.waiting = [
        DeadLetter(name, body, "list", "it names a range that is not on record", 1.8e9) for name, body in bodies.items()
    ]
    assert letters(operator.asks("failures", status=3)) == {"malformed": (3, [False, False, True])}
    answer = operator.asks("redrive", "--cause", "malformed", status=3)
    assert (answer["letters"], answer["letters_left"]) == (1, {"malformed": 2})
    assert [message.run for _, message in operator.sender.sent if isinstance(message, ListMessage)] == [running]
    assert {letter.message_id for letter in waiting(operator)} == {"never", "over"}
    shown = operator.types("redrive", "--cause", "malformed", status=3).stdout
    assert "2 malformed dead letters are left, as no function can take them" in shown


def test_a_letter_of_keys_outside_the_job_would_only_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(1), monkeypatch, source_prefix="k/")
    bodies = (b'{"prefix": "b/"}', b'{"keys": ["k/000", "b/c"]}', b'{"prefix": "k/0"}', b"{}")
    operator.dead_letters.waiting = [DeadLetter(str(i), body, "list", "", 1.8e9) for i, body in enumerate(bodies)]
    assert operator.asks("redrive", "--cause", "undelivered", status=3)["letters"] == 2
    assert [letter.data for letter in waiting(operator)] == list(bodies[:2])


def test_only_what_is_named_goes_back(operator: Operator) -> None:
    assert operator.asks("redrive", "k/")["letters"] == 0
    assert operator.asks("redrive", "--cause", "kms_denied")["letters"] == 0
    assert operator.asks("redrive", "--cause", "undelivered", status=3)["letters"] == 2
    operator.asks("pause")
    assert operator.asks("redrive", status=3)["why"] == "paused"


def test_what_is_dropped_is_unknown_and_its_neighbours_are_not(operator: Operator) -> None:
    assert operator.asks("drop", "--reason", "forbidden", "--yes") == {
        "reason": "forbidden",
        "dropped_keys": 2,
        "dropped_letters": 0,
        "left_keys": 0,
    }
    found = operator.asks("failures", "k/", status=3)
    assert [item["cause"] for item in found["causes"]] == ["kms_denied"]
    held = {item["key"] for item in operator.asks("inspect", "")["entries"]}
    assert held == {f"k/00{number}" for number in (0, 3, 4, 5, 6, 7)}
    run = operator.run(ListMessage(scheduled=True))
    outcomes = asyncio.run(operator.world.stores.runs.summary(run)).outcomes.keys
    assert outcomes == {Outcome.UNCHANGED: 5, Outcome.FAILED: 3}, (
        "the two are unknown, so they are tried, and fail again"
    )


def test_dead_letters_are_dropped_for_good(operator: Operator) -> None:
    assert operator.types("drop", "--cause", "malformed", "--yes").stdout == "1 dead letter deleted\n"
    assert waiting(operator) == [LOST, COMPARISON, NOBODY_S]
    assert "nothing is known that has failed for 'malformed'" in operator.types("drop", "--reason", "malformed").stdout


def test_dropping_asks_or_wants_yes(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--yes says that it is meant" in operator.types("drop", "--reason", "malformed", status=2).stderr
    monkeypatch.setattr("cli.output.Output.interactive", True)
    asked = operator.types("drop", "--reason", "forbidden", "k/001", typed="n\n", status=1).stdout
    assert "forget 1 key of the cause 'forbidden'?" in asked
    asked = operator.types("drop", "--reason", "undelivered", typed="n\n", status=1).stdout
    assert "delete 3 dead letters of the cause 'undelivered'?" in asked
    assert "forget" not in asked
    assert len(waiting(operator)) == 4
    assert operator.asks("failures", "k/", status=3)["keys"] == 3


def test_what_a_running_run_is_counted_by_stays(operator: Operator) -> None:
    operator.world.cdn.faults[b"k/001"] = [Forbidden("denied")] * 9
    operator.run(ListMessage(keys=(b"k/001",)))
    answer = operator.asks("drop", "--reason", "forbidden", "--yes", status=3)
    assert (answer["dropped_keys"], answer["left_keys"]) == (1, 1)
    operator.run(VerifyMessage(close=True))
    assert operator.asks("drop", "--reason", "forbidden", "--yes")["dropped_keys"] == 1


def test_a_record_without_some_of_its_entries_keeps_what_it_says_of_the_others() -> None:
    copied = Entry(b"a", "e", 1, 1, Outcome.COPIED, generation=7, crc32c="c", proof="md5", route="direct")
    failed = Entry(b"b", "e", 1, 1, Outcome.FAILED, "forbidden: denied")
    record = BatchRecord("batch", "run", 5.0, (copied, failed), identity="ours")
    merge = without(record, lambda entry: entry.outcome is Outcome.FAILED)
    assert merge is not None
    (kept,) = merge.merged
    (entry,) = kept.entries
    assert (kept.identity, kept.run, entry.at, entry.generation, entry.proof) == ("ours", "", 5.0, 7, "md5")
    assert without(record, lambda entry: False) is None
    alone = without(BatchRecord("batch", "run", 5.0, (failed,)), lambda entry: True)
    assert alone is not None
    assert not alone.merged
    still_open = BatchRecord("batch", "run", 5.0, (failed, Entry(b"c", "e", 1, 1)))
    assert without(still_open, lambda entry: entry.key == b"b") is None


def test_a_body_of_any_bytes_can_be_shown(operator: Operator) -> None:
    operator.dead_letters.waiting = [DeadLetter("5", b"\xff\x1b[31m", "list", "not JSON", 1.8e9)]
    shown = operator.types("failures", "--cause", "malformed", status=3).stdout
    assert "\x1b" not in shown
    assert json.loads(json.dumps(operator.asks("failures", status=3)["dead_letters"]))


def test_what_a_run_records_that_begins_meanwhile_is_not_dropped(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have ended with keys that have no outcome."""
    operator.run(VerifyMessage(close=True))
    scan, scans, runs = FakeLedger.scan, list[int](), list[str]()

    async def later(ledger: FakeLedger, *span: bytes) -> AsyncIterator[Versioned]:
        scans.append(len(scans))
        if len(scans) == 2:
            runs.append(await operator.world.run(ListMessage(prefix=b"k/")))
        async for held in scan(ledger, *span):
            yield held

    monkeypatch.setattr(FakeLedger, "scan", later)
    answer = operator.asks("drop", "--reason", "forbidden", "--yes", status=3)
    assert (answer["dropped_keys"], answer["left_keys"]) == (0, 2)
    operator.run(VerifyMessage(close=True))
    ended = asyncio.run(operator.world.stores.runs.record(runs[0]))
    assert ended is not None
    assert ended.summary is not None
    assert ended.summary.balanced
