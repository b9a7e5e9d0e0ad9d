"""What the tool tells a job to do."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from cli.exits import CommandError
from cli.key_list import Format, format_of, keys_in
from cli.pausing import what_still_ends
from cli.queue_depth import Depth
from shared.domain.counts import Counts
from shared.domain.errors import Transient
from shared.domain.messages import MOST_KEYS, ListMessage, Message, VerifyMessage
from shared.domain.progress import Interval, Progress
from shared.ports.run_store import RunSummary
from tests.operator import Operator
from tests.world import filled


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    operator = Operator(filled(6), monkeypatch)

    async def wait(seconds: float) -> None:
        await operator.world.drain()

    monkeypatch.setattr("cli.waiting.asyncio.sleep", wait)
    return operator


def test_a_run_is_asked_for_and_is_never_taken_for_the_scheduler_s(operator: Operator) -> None:
    document = operator.asks("run")
    assert operator.sender.sent == [("list", ListMessage())]
    assert document == {"sent": True, "messages": ["m0"], "running_beside": [], "run": None}
    operator.asks("run", "k/", "--force")
    assert operator.sender.sent[1:] == [("list", ListMessage(prefix=b"k/", force=True))]
    assert "its run's name ends in -m2" in operator.types("run").stdout


def test_waiting_answers_with_the_counts_and_says_if_keys_have_failed(operator: Operator) -> None:
    (run,) = operator.asks("run", "--wait")["runs"]
    assert (run["outcomes"]["copied"]["keys"], run["balanced"]) == (6, True)
    shown = operator.types("verify", "--wait").stdout
    assert "every listed key has an outcome, and none has failed" in shown
    assert "\x1b" not in shown
    result = operator.types("run", "--keys-from", "-", "--wait", typed="k/000\nnever\n", status=3)
    assert "1 key has failed" in result.stdout


def test_the_end_of_what_was_waited_for_is_written_down_with_its_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No scheduler ticks here."""
    monkeypatch.chdir(tmp_path)
    world = filled(6)
    operator = Operator(world, monkeypatch, report_bucket="reports")
    slept = list[float]()

    async def wait(seconds: float) -> None:
        slept.append(seconds)
        world.clock.time += seconds
        await world.drain()

    monkeypatch.setattr("cli.waiting.asyncio.sleep", wait)
    (run,) = operator.asks("run", "--wait")["runs"]
    assert (run["state"], run["outcomes"]["copied"]["keys"]) == ("finished", 6)
    assert sum(slept) < 1.0, "whoever waits for a moment's work waits for a moment"
    assert operator.asks("report")["run"] == run["run"]
    assert operator.asks("report")["newer_without_report"] == []
    assert operator.sender.sent[1:] == [("verify", VerifyMessage(close=True))]


def test_an_end_that_nobody_writes_down_is_not_waited_for_for_ever(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = operator.sender.send

    lost = list[Message]()

    async def sent(topic: str, message: Message) -> str:
        if message == VerifyMessage(close=True) and len(lost) < most:
            lost.append(message)
            return "lost"
        return await send(topic, message)

    monkeypatch.setattr(operator.sender, "send", sent)
    most = 1
    assert operator.asks("run", "--wait")["runs"][0]["state"] == "finished", "it is asked for again"
    most = 10
    shown = operator.types("run", "--wait").stdout
    assert len(lost) == 1 + 6
    assert "its end is not written down yet; the scheduler's next message does that" in shown


def test_a_run_that_has_listed_nothing_says_so_and_is_not_well(operator: Operator) -> None:
    shown = operator.types("run", "nothing/", "--wait", status=3).stdout
    assert "no key was listed: none begins with 'nothing/', or S3 does not show it" in shown
    address = operator.types("run", "s3://b/k/", "--wait", status=3).stdout
    assert "keys are named without s3:// and the bucket: 'k/'" in address
    for mistyped, hint in (
        ("/k/", "keys seldom begin with a slash"),
        ("source/k/", "keys are named without the bucket"),
    ):
        assert f"{hint}: 'k/'\n" in operator.types("run", mistyped, "--wait", status=3).stdout
    (run,) = operator.asks("verify", "nothing/", "--wait", status=3)["runs"]
    assert operator.types("runs", run["run"], status=3).stdout.splitlines()[-1].startswith("no key was listed")


def test_what_cannot_be_copied_is_told_beside_a_good_end(operator: Operator) -> None:
    operator.world.bucket.put("k/\n", b"refused")
    operator.world.bucket.put("k/cold", b"x", storage_class="GLACIER")
    shown = operator.types("run", "--wait").stdout
    assert "none has failed; not copied: 1 archived and 1 unsupported (`bucket-transfer plan` says why)" in shown


def test_a_comparison_that_repairs_nothing_names_what_shows_the_keys(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    operator.asks("run", "--wait")
    del operator.world.destination.objects[b"k/003"]
    shown = operator.types("verify", "--no-repair", "--wait", status=3).stdout
    assert "1 key does not agree, and nothing was repaired: no report names them (REPORT_BUCKET)" in shown
    assert "`bucket-transfer failures`" not in shown
    reported = Operator(operator.world, monkeypatch, report_bucket="reports")
    shown = reported.types("verify", "--no-repair", "--wait", status=3).stdout
    run = shown.partition(":")[0]
    assert f"nothing was repaired: `bucket-transfer report {run}` names them" in shown
    (row,) = reported.asks("report", run, status=3)["figures"]["verdicts"].keys() - {"same"}
    assert row == "missing"
    shown = reported.types("verify", "--wait").stdout
    assert "none has failed; 1 key copied again, which the next comparison proves" in shown


def test_a_run_is_named_where_it_has_begun_within_seconds(operator: Operator) -> None:
    async def sleep(seconds: float) -> None:
        await operator.world.drain()

    operator.world.clock.sleep = sleep  # type: ignore[method-assign]
    shown = operator.types("run", "k/").stdout
    assert "asked for a run of 'k/'; its run is list-m0, and `bucket-transfer status` shows it" in shown
    assert operator.asks("run")["run"].startswith("list-m")


def test_named_keys_are_told_as_such_where_runs_have_prefixes(operator: Operator) -> None:
    operator.asks("run", "--keys-from", "-", typed="k/000\nk/001\n")
    asyncio.run(operator.world.drain(most=1, finish=False))
    assert "(keys of 2 named keys, since" in operator.types("status").stdout
    operator.drain()
    operator.run(VerifyMessage(close=True))
    assert "  2 named keys  finished" in operator.types("runs").stdout
    assert "  2 named keys  finished" in operator.types("status").stdout


def test_cancelling_can_be_waited_for(operator: Operator) -> None:
    run = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=2, finish=False))
    operator.world.clock.time += 2
    answer = operator.asks("cancel", run, "--wait")
    assert (answer["ended"], answer["outcomes"]["failed"]["keys"], answer["balanced"]) == (True, 3, True)
    assert operator.asks("runs", run, status=3)["state"] == "cancelled"
    other = operator.world.send("list", ListMessage(force=True))
    asyncio.run(operator.world.drain(most=2, finish=False))
    operator.world.clock.time += 2
    shown = operator.types("cancel", other, "--wait").stdout
    assert f"run {other} is cancelled" in shown
    assert "cancelled: what it did not come to, the next run copies" in shown


def test_a_paused_job_is_sent_nothing_and_the_person_is_told(operator: Operator) -> None:
    assert operator.asks("pause") == {"job": "job", "paused": True, "may_still_end": 0, "open_ranges": 0}
    assert "no run has anything left that could end" in operator.types("pause").stdout
    for command in (("run",), ("verify",), ("run", "--keys-from", "-")):
        assert operator.asks(*command, typed="k/000\n", status=3) == {"sent": False, "why": "paused"}
    assert "`bucket-transfer resume` first" in operator.types("run", status=3).stdout
    assert not operator.sender.sent
    assert operator.asks("resume") == {"job": "job", "paused": False, "sent_ranges": 0, "sent_batches": 0}
    operator.asks("run")
    assert len(operator.sender.sent) == 1


def test_a_run_that_is_going_on_is_told_of_and_keeps_nothing_from_beginning(operator: Operator) -> None:
    first = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=1, finish=False))
    assert operator.asks("run")["running_beside"] == [first]
    assert f"{first} is still going on; this begins at once, beside it" in operator.types("run").stdout
    operator.drain()
    assert operator.asks("run")["running_beside"] == [], "nothing is left of it, though its end is not written down yet"


def test_a_pause_tells_how_much_of_what_has_begun_still_ends(operator: Operator) -> None:
    run = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=1, finish=False))
    assert operator.asks("pause")["may_still_end"] == 6
    for command in ("pause", "status"):
        shown = operator.types(command).stdout
        assert "nothing more is published or begun" in shown
        assert "what has begun still ends: up to 6 listed keys" in shown
    asyncio.run(operator.world.drain(most=1, finish=False))
    operator.world.clock.time += 2
    operator.drain()
    (going,) = operator.asks("status")["running"]
    assert (going["run"], going["pending"] <= 6, going["done"]) == (run, True, False)
    operator.asks("cancel", run)
    assert "still ends: up to" in operator.types("pause").stdout, "cancelled, and not over"


@pytest.mark.parametrize(
    ("ranges", "keys", "words"),
    [
        (0, 0, "no run has anything left that could end"),
        (0, -1, "no run has anything left that could end"),
        (0, 1, "what has begun still ends: up to 1 listed key"),
        (2, 7500, "up to 7,500 listed keys, and what 2 open ranges published and did not count yet"),
    ],
)
def test_what_is_not_counted_yet_is_not_taken_for_nothing(ranges: int, keys: int, words: str) -> None:
    summary = RunSummary(10_000, 0, Counts({"copied": 10_000 - keys}), Counts(), Counts(), ranges)
    assert what_still_ends([summary]).endswith(words)


def test_a_pause_holds_though_the_counts_cannot_be_had(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(run: str) -> RunSummary:
        raise Transient("no counts now")

    operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=1, finish=False))
    monkeypatch.setattr(operator.world.stores.runs, "summary", refused)
    assert operator.asks("pause")["may_still_end"] is None
    assert "what has begun still ends: `bucket-transfer status` counts it" in operator.types("pause").stdout
    assert operator.world.stores.control.said.paused


def test_while_paused_no_rate_and_no_time_left_is_told(operator: Operator) -> None:
    run = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=2, finish=False))
    now = operator.world.clock.now()
    told = Progress({now - 50: Interval(now - 50, 300, 30_000_000)})
    asyncio.run(operator.world.stores.runs.heartbeat(run, "one", now, told))
    going = operator.asks("status")["running"][0]
    assert (going["objects_per_second"] > 0, going["seconds_left"] is None) == (True, False)
    assert " left" in operator.types("status").stdout
    operator.asks("pause")
    going = operator.asks("status")["running"][0]
    assert [going[name] for name in ("objects_per_second", "bytes_per_second", "seconds_left")] == [None] * 3
    shown = operator.types("status").stdout
    assert "3 pending; the job is paused\n" in shown
    assert "objects/s" not in shown
    assert " left\n" not in shown
    operator.asks("cancel", run)
    going = operator.asks("status")["running"][0]
    assert (going["objects_per_second"] > 0, going["seconds_left"]) == (True, None), "the rest is left out, not copied"


def test_a_key_of_a_paused_job_is_not_said_to_be_copied_now(operator: Operator) -> None:
    operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=1, finish=False))
    assert "is copying this version" in operator.asks("explain", "k/005", status=3)["next_run"]["why"]
    operator.asks("pause")
    why = operator.asks("explain", "k/005", status=3)["next_run"]["why"]
    assert why.endswith(
        "has published this version, and the job is paused: what of its batch had begun still ends, the rest after "
        "`bucket-transfer resume`"
    )


def test_what_was_left_open_by_a_pause_is_sent_again(operator: Operator) -> None:
    operator.asks("run")
    asyncio.run(operator.world.drain(most=1, finish=False))
    operator.asks("pause")
    operator.world.clock.time += 2
    operator.drain()
    assert operator.asks("resume")["sent_batches"] == 2
    operator.drain()
    assert operator.world.same()


def test_a_run_is_ended_for_good_and_says_so_everywhere(operator: Operator) -> None:
    run = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=2, finish=False))
    assert operator.asks("cancel", run) == {
        "run": run,
        "cancelled": True,
        "ended": False,
        "open_ranges": 0,
        "pending": 3,
        "sent_ranges": 0,
        "sent_batches": 0,
    }
    shown = operator.types("cancel", run).stdout
    assert "is cancelled already: nothing more of it begins" in shown
    assert "3 listed keys were left: what of them has begun may still end as copied, and the rest is the next" in shown
    (going,) = operator.asks("status")["running"]
    assert (going["cancelled"], going["pending"]) == (True, 3)
    assert "cancelled: nothing more of it begins; what has begun ends as it will" in operator.types("status").stdout
    assert operator.asks("runs")[0]["state"] == "cancelling"
    assert (
        "cancelled, and not over yet: 0 ranges and 3 listed keys are left"
        in operator.types("runs", run, status=3).stdout
    )
    assert operator.asks("explain", "k/005", status=3)["next_run"]["outcome"] == "copied", "though its run is going"

    operator.world.clock.time += 2
    operator.drain()
    assert (
        f"the newest listing, {run}, was cancelled: not every key was listed"
        in operator.types("cutover", status=3).stdout
    ), "though its end is not written down yet"
    operator.run(VerifyMessage(close=True))
    assert operator.asks("status")["ended"][0]["state"] == "cancelled"
    shown = operator.types("runs", run, status=3).stdout
    assert (
        "cancelled: what it did not come to, the next run copies; 3 listed keys have failed or had not begun" in shown
    )
    assert operator.asks("cancel", run)["ended"] is True
    (cause,) = operator.asks("failures", status=3)["causes"]
    assert (cause["cause"], cause["keys"], cause["tried_by_the_next_run"]) == ("cancelled", 3, True)
    operator.run()
    assert operator.world.same()


def test_a_run_whose_keys_had_all_begun_when_it_was_cancelled_is_not_said_to_have_left_any(operator: Operator) -> None:
    """The last batch is pushed within the second in which an instance may not know of it."""
    run = operator.world.send("list", ListMessage())
    asyncio.run(operator.world.drain(most=2, finish=False))
    operator.asks("cancel", run)
    asyncio.run(operator.world.drain(most=1, finish=False))
    operator.drain()
    operator.world.clock.time += 2
    operator.run(VerifyMessage(close=True))
    outcomes = operator.asks("runs", run, status=3)["outcomes"]
    assert {name: amount["keys"] for name, amount in outcomes.items()} == {"copied": 6}
    shown = operator.types("runs", run, status=3).stdout.splitlines()[-1]
    assert shown.startswith("cancelled when every key had begun, and all have ended")
    assert "the next run" not in shown


def test_what_is_over_cannot_be_cancelled(operator: Operator) -> None:
    run = operator.run(ListMessage())
    refused = operator.types("cancel", run, status=1).stderr
    assert (
        refused == f"bucket-transfer: nothing is left of run {run}: the scheduler's next message writes its end down\n"
    )
    operator.run(VerifyMessage(close=True))
    assert "has finished at" in operator.types("cancel", run, status=1).stderr
    assert "there is no run 'never'" in operator.types("cancel", "never", status=1).stderr
    assert operator.asks("status")["ended"][0]["state"] == "finished"


def test_waiting_for_a_run_that_somebody_cancels_says_so(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(seconds: float) -> None:
        if not await operator.world.stores.runs.running():
            await operator.world.drain(most=1, finish=False)
        for run in await operator.world.stores.runs.running():
            await operator.world.admin.cancel(run)
        operator.world.clock.time += 2
        await operator.world.drain()

    monkeypatch.setattr("cli.waiting.asyncio.sleep", wait)
    assert "cancelled: what it did not come to" in operator.types("run", "--force", "--wait", status=3).stdout


def test_what_waits_is_shown_and_what_is_not_known_is_said(operator: Operator) -> None:
    operator.queues.found = [
        Depth("list", "job-lister", 0, 0),
        Depth("transfer", "job-transfer", 1200, 61),
        Depth("verify", "job-verifier", None, None),
        Depth("dead-letters", "job-dead-letters", 2, 9),
    ]
    assert operator.asks("status")["queues"][1] == {
        "role": "transfer",
        "subscription": "job-transfer",
        "waiting": 1200,
        "oldest_seconds": 61,
    }
    shown = operator.types("status").stdout.splitlines()
    assert shown[-3:] == [
        "job-transfer: 1,200 messages wait or are at work, the oldest for 1 min 1 s",
        "job-verifier: how much waits is not known, as Monitoring has no recent point of it",
        "2 dead letters: `bucket-transfer failures` shows them",
    ]
    operator.queues.refused = "Monitoring may not be read: ask for roles/monitoring.viewer"
    assert operator.asks("status")["queues"] is None
    assert "is not known here: Monitoring may not be read: ask for roles/" in operator.types("status").stdout


def test_a_comparison_repairs_unless_it_must_not(operator: Operator) -> None:
    operator.asks("verify", "k/", "--no-repair")
    operator.asks("verify")
    assert operator.sender.sent == [
        ("verify", VerifyMessage(prefix=b"k/", repair=False)),
        ("verify", VerifyMessage()),
    ]


def test_ceilings_are_set_one_by_one_shown_and_taken_away(operator: Operator) -> None:
    known = {"job": "job", "most_objects": 10, "most_bytes": None, "most_dollars": None}
    assert operator.asks("ceiling", "--objects", "10") == known
    assert operator.asks("ceiling", "--bytes", "0") == {**known, "most_bytes": 0}
    assert "may publish 10 objects and 0 B (0)" in operator.types("ceiling").stdout
    assert operator.asks("ceiling", "--dollars", "12.5") == {**known, "most_bytes": 0, "most_dollars": 12.5}
    assert "for US$ 12.50" in operator.types("ceiling").stdout
    assert operator.asks("ceiling", "--bytes", "none") == {**known, "most_dollars": 12.5}
    operator.asks("ceiling", "--dollars", "0.0001")
    assert "for less than US$ 0.01\n" in operator.types("ceiling").stdout
    assert "for less than US$ 0.01\n" in operator.types("status").stdout
    operator.asks("ceiling", "--dollars", "0")
    assert "for US$ 0.00\n" in operator.types("ceiling").stdout
    operator.asks("ceiling", "--dollars", "12.5")
    for option, typed in (("--dollars", "inf"), ("--dollars", "nan"), ("--objects", "-1"), ("--bytes", "1.5")):
        refused = operator.types("ceiling", option, typed, status=2).stderr
        assert f"{option} wants a " in refused
        assert f"number from 0 on, or none, not '{typed}'" in refused
    assert operator.asks("ceiling") == {**known, "most_dollars": 12.5}
    assert operator.asks("ceiling", "--none")["most_objects"] is None
    assert "goes with no other" in operator.types("ceiling", "--none", "--bytes", "1", status=2).stderr


def test_what_is_cut_short_says_so_and_what_names_the_reason(operator: Operator) -> None:
    operator.asks("ceiling", "--objects", "0")
    shown = operator.types("run", "k/", "--wait", status=3).stdout
    named = (
        "not every key was looked at: 1 range was cut short by a ceiling or an error, which `bucket-transfer prefix k/`"
    )
    assert named in shown
    (copy,) = [line for line in operator.types("prefix", "k/").stdout.splitlines() if line.startswith("last copy")]
    assert "the next batch has 3 objects and 3 bytes, and would exceed the ceiling of 0 objects a run" in copy
    assert ", stopped; began" in copy
    assert "published" not in copy


def test_the_job_s_own_ceiling_holds_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(1), monkeypatch, ceiling_objects=7)
    assert operator.asks("ceiling")["most_objects"] == 7
    assert operator.asks("status")["most_objects"] == 7


def test_what_lies_outside_the_job_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(1), monkeypatch, source_prefix="a/")
    for command in (("run", "b/"), ("verify", "b/"), ("run", "--keys-from", "-")):
        assert "lies outside the job" in operator.types(*command, typed="b/c\n", status=2).stderr
    assert "not both" in operator.types("run", "a/b", "--keys-from", "-", status=2).stderr
    assert not operator.sender.sent


def test_a_list_of_any_length_goes_out_in_portions_each_key_once(operator: Operator) -> None:
    typed = "".join(f"k/{number}\n" for number in range(MOST_KEYS + 1)) + "k/0\n"
    assert len(operator.asks("run", "--keys-from", "-", typed=typed)["messages"]) == 2
    sent = [message.keys for _, message in operator.sender.sent if isinstance(message, ListMessage)]
    assert [len(keys) for keys in sent] == [MOST_KEYS, 1]
    assert len({key for keys in sent for key in keys}) == MOST_KEYS + 1


def test_a_list_that_is_wrong_at_its_end_sends_nothing(operator: Operator, tmp_path: Path) -> None:
    listed = tmp_path / "manifest.jsonl"
    listed.write_text('{"key": "k/000"}\n{"name": "k/001"}\n')
    result = operator.types("run", "--keys-from", str(listed), status=1)
    assert "manifest.jsonl, line 2: not a JSON object" in result.stderr
    assert "names no key" in operator.types("run", "--keys-from", "-", typed="\n", status=1).stderr
    assert "a key of 1025 bytes" in operator.types("run", "--keys-from", "-", typed="k" * 1025, status=1).stderr
    assert not operator.sender.sent


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("list.txt", "a b\n\n é,+%41 \r\n{x}\n", [b"a b", " é,+%41 ".encode(), b"{x}"]),
        ("report.jsonl.gz", '{"key": "a\\nb", "size": 1}\n\n{"key": "é"}\n', [b"a\nb", "é".encode()]),
        ("inventory.csv", '"bucket","a+b%2Bc/%C3%A9","","true"\n"bucket","d"\n', ["a b+c/é".encode(), b"d"]),
        ("inventory.csv.gz", '"bucket","%0A%22"\n', [b'\n"']),
        ("windows.txt", "\ufeffa\r\n\r\n\ufeffb\r\n", [b"a", "\ufeffb".encode()]),
        ("windows.jsonl.gz", '\ufeff{"key": "a"}\r\n', [b"a"]),
        ("windows.csv", '\ufeff"bucket","a"\r\n\r\n"bucket","b"\r\n', [b"a", b"b"]),
    ],
)
def test_lists_are_read_as_their_names_say(tmp_path: Path, name: str, text: str, keys: list[bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert list(keys_in(str(path), format_of(name), "bucket")) == keys


def test_what_is_wrong_in_a_list_is_said_with_its_place(tmp_path: Path) -> None:
    def read(name: str, data: bytes, written: Format | None = None) -> list[bytes]:
        (tmp_path / name).write_bytes(data)
        return list(keys_in(str(tmp_path / name), written or format_of(name), "bucket"))

    with pytest.raises(CommandError, match=r"row 2: of the bucket 'other', and the job's is 'bucket'"):
        read("a.csv", b'"bucket","a"\n"other","b"\n')
    with pytest.raises(CommandError, match=r"row 1: not bucket, key"):
        read("a.csv", b"bucket\n")
    with pytest.raises(CommandError, match="line 1: not a JSON object"):
        read("a.txt", b"a\n", Format.MANIFEST)
    with pytest.raises(CommandError, match=r"line 2: '\\ud800' is not UTF-8"):
        read("a.jsonl", b'{"key": "a"}\n{"key": "\\ud800"}\n')
    with pytest.raises(CommandError, match="cannot be read to its end: it holds the byte 0xff"):
        read("a.txt", b"a\n\xff\n")
    with pytest.raises(CommandError, match="not UTF-8: save it as that"):
        read("a.txt", "a\n".encode("utf-16"))
    with pytest.raises(CommandError, match="cannot be read to its end"):
        read("a.gz", gzip.compress(json.dumps("a" * 1000).encode())[:-9])
    with pytest.raises(CommandError, match="cannot be opened: No such file"):
        list(keys_in(str(tmp_path / "never"), Format.LINES, "bucket"))
