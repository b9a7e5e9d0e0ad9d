"""Pages around the reports: the index of all runs, what leads from one to the next, and runs that are running."""

import inspect
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from shared.domain.errors import Forbidden, LostRace
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.runs import PAGE_SECONDS, RunState
from shared.ports.run_store import PartialSummary
from shared.reporting import index_rows
from shared.reporting.index_rows import IndexRow, parse, union
from shared.reporting.job_facts import JobFacts
from shared.reporting.report_running import COUNT_STEPS, ReportRunning
from shared.reporting.run_index import RunIndex
from shared.reporting.units import moment
from tests.browser import sample
from tests.fakes import FakeRuns
from tests.world import PART, World, filled

CLOSE = VerifyMessage(close=True)


def text(world: World, name: str) -> str:
    return world.reports.files[f"job/{name}"][0].decode()


def indexed(world: World) -> list[IndexRow]:
    return parse(world.reports.files["job/index.html"][0])


async def three() -> tuple[World, list[str]]:
    """A world with three runs that have ended, a minute after one another."""
    world, runs = filled(6), []
    for message in (None, None, VerifyMessage()):
        runs.append(await world.run(message))
        await world.run(CLOSE)
        world.clock.time += 60
    return world, runs


async def test_the_index_names_every_run_with_its_verdict() -> None:
    world, runs = await three()
    rows = indexed(world)
    assert [row.run for row in rows] == runs
    assert [row.tone for row in rows] == ["good", "settled", "good"]
    assert rows[2].sentence == "All 6 keys are the same: 6 by MD5."
    assert rows[0].copied == 6
    shown = text(world, "index.html")
    for run in runs:
        assert f'<a href="{run}/report.html">{run}</a>' in shown
        assert f"job/{run}/report.html" in world.reports.files


async def test_the_index_names_runs_that_the_store_has_forgotten() -> None:
    world, runs = await three()
    world.stores.runs.documents.clear()
    later = await world.run()
    await world.run(CLOSE)
    assert [row.run for row in indexed(world)] == [*runs, later]


async def test_an_index_that_somebody_spoilt_is_put_together_anew() -> None:
    world, runs = await three()
    for spoilt in (b"\xff\xfe", b'<script type="application/json" id="runs">[{"run": 7}]</script>', b""):
        world.reports.files["job/index.html"] = spoilt, "text/html"
        world.clock.time += 60
        runs.append(await world.run())
        await world.run(CLOSE)
        assert [row.run for row in indexed(world)] == runs


async def test_each_run_leads_to_the_one_before_and_after() -> None:
    world, runs = await three()
    before = [
        re.findall(r'href="\.\./([^"]+)/report\.html" rel="prev"', text(world, f"{run}/report.html")) for run in runs
    ]
    assert before == [[], [runs[0]], [runs[1]]]
    after = [re.findall(r"url=\.\./([^\"]+)/report\.html", text(world, f"{run}/next.html")) for run in runs]
    assert after == [[runs[1]], [runs[2]], []]
    assert "No run has begun after" in text(world, f"{runs[2]}/next.html")


async def test_of_two_writers_of_the_index_the_last_one_has_the_runs_of_both() -> None:
    world, runs = await three()
    one, other = (RunIndex(world.reports, world.stores.runs, "job", "s3://a", "gs://b") for _ in range(2))
    read, row = world.reports.read, sample.index_rows()
    raced: list[str] = []

    async def read_late(name: str) -> tuple[bytes, int]:
        """Between one's reading and writing, the other one writes."""
        found = await read(name)
        if not raced:
            raced.append(name)
            await other.write(row[1])
        return found

    world.reports.read = read_late  # type: ignore[method-assign]
    await one.write(row[0])
    assert {entry.run for entry in indexed(world)} == {*runs, row[0].run, row[1].run}


async def test_who_is_always_too_late_says_so() -> None:
    world, _ = await three()

    async def never(name: str, body: bytes, content_type: str, generation: int) -> bool:
        return False

    world.reports.replace = never  # type: ignore[method-assign]
    with pytest.raises(LostRace, match="index"):
        await RunIndex(world.reports, world.stores.runs, "job", "s3://a", "gs://b").write(sample.index_rows()[0])


def test_a_run_that_has_ended_stays_ended_and_keeps_its_sentence() -> None:
    ended, *_, running = sample.index_rows()
    again = IndexRow(ended.run, ended.kind, "", RunState.RUNNING, ended.began)
    silent = IndexRow(ended.run, ended.kind, "", RunState.FINISHED, ended.began, ended.ended)
    assert union([ended], [again]) == [ended]
    assert union([ended], [silent]) == [ended]
    assert union([again], [silent]) == [silent]
    assert union([silent], [ended]) == [ended]
    assert union([running], [ended]) == [ended, running]


async def started(world: World) -> str:
    """A run that is running: its first batches wait."""
    run = world.send("list", ListMessage(scheduled=True))
    await world.drain(most=3, finish=False)
    return run


async def tick(world: World) -> None:
    """The scheduler's, while everything else waits."""
    waiting, sent = list(world.inbox), list(world.queue.sent)
    world.inbox.clear()
    world.queue.sent.clear()
    world.send("verify", CLOSE)
    await world.drain()
    world.inbox.extend(waiting)
    world.queue.sent.extend(sent)


async def test_a_running_run_has_a_page_until_its_report_stands_there() -> None:
    world = filled(30)
    run = await started(world)
    await tick(world)
    page = text(world, f"{run}/report.html")
    assert "data-interim" in page[:200]
    assert '<header class="running"><h1>Running: 6 of 30 keys that were listed so far have ended; ' in page
    assert [(row.run, row.ended) for row in indexed(world)] == [(run, None)]
    await world.drain()
    await world.run(CLOSE)
    page = text(world, f"{run}/report.html")
    assert "data-interim" not in page[:200]
    assert '<header class="good"><h1>All 30 keys are settled' in page
    assert [(row.run, row.tone) for row in indexed(world)] == [(run, "good")]


async def test_the_page_of_a_run_that_a_pause_holds_says_so_and_tells_no_time_left() -> None:
    world = filled(30)
    run = await started(world)
    world.stores.control.said = replace(world.stores.control.said, paused=True)
    await tick(world)
    page = text(world, f"{run}/report.html")
    assert "<h1>Running, and the job is paused: 6 of 30 keys that were listed so far have ended; " in page
    assert "what had begun still ends" in page
    assert "at this pace" not in page
    assert "objects a second" not in page.partition("<main")[0]
    world.clock.time += PAGE_SECONDS + 1
    world.stores.control.said = replace(world.stores.control.said, cancelled=frozenset([run]))
    await tick(world)
    assert "job is paused" not in text(world, f"{run}/report.html"), "a pause holds no cancelled run"


async def test_a_run_that_is_too_large_to_add_up_for_a_page_is_not_tried_for_long() -> None:
    """Each look at a run of billions of keys would have cost as many reads as twenty seconds allow."""

    class Counted(FakeRuns):
        steps = 0

        async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
            self.steps += 1
            return await super().add_up(run, partial)

    given = filled(30)
    runs = given.stores.runs = Counted(given.stores.ranges, given.stores.ledger, most_summed=1)
    world = World(bucket=given.bucket, stores=given.stores, clock=given.clock)
    run = await started(world)
    await tick(world)
    assert runs.steps == COUNT_STEPS
    assert "as the heartbeats tell" in text(world, f"{run}/report.html")


async def test_the_page_is_written_at_most_once_a_minute() -> None:
    world = filled(30)
    run = await started(world)
    name, written = f"job/{run}/report.html", []
    for seconds in (0, PAGE_SECONDS / 2, PAGE_SECONDS / 2, 1, PAGE_SECONDS):
        world.clock.time += seconds
        await tick(world)
        written.append(world.reports.generations[name])
    assert written[0] == written[1] < written[2] == written[3] < written[4]


async def test_the_page_says_when_it_was_written_and_from_when_on_it_will_be_again() -> None:
    world = filled(30)
    run = await started(world)
    await tick(world)
    now = world.clock.time
    page = unescape(text(world, f"{run}/report.html"))
    header = page[page.index("<header") : page.index("</header>")]
    assert f"Written {moment(now)}, after " in header
    assert f"by the scheduler's first tick from {moment(now + PAGE_SECONDS)[11:]} on" in header
    assert '<meta http-equiv="refresh" content="60">' in page
    await world.drain()
    await world.run(CLOSE)
    ended = text(world, f"{run}/report.html")
    assert 'http-equiv="refresh"' not in ended
    assert "first tick" not in unescape(ended)


class Counted:
    """Counts what is asked of something."""

    def __init__(self, asked: Any) -> None:
        self.asked, self.calls = asked, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.asked, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def counting(*given: object, **named: object) -> Any:
            self.calls[name] += 1
            return await found(*given, **named)

        return counting


async def test_what_a_page_of_a_running_run_asks_of_the_store_and_the_bucket() -> None:
    """A document a question but for the sums, which Firestore bills by the thousand; 20 seconds of them at the most."""
    world = filled(30)
    run = await started(world)
    stores = world.stores
    asked = {"reports": world.reports, "runs": stores.runs, "ledger": stores.ledger, "control": stores.control}
    parts: dict[str, Any] = {name: Counted(part) for name, part in asked.items()}
    index = RunIndex(parts["reports"], parts["runs"], "job", "s3://a", "gs://b")
    facts = JobFacts("job", "s3://a", "gs://b")
    counting = ReportRunning(**parts, index=index, about=facts, clock=world.clock)

    async def calls() -> dict[str, int]:
        for part in parts.values():
            part.calls.clear()
        (record,) = [item.run for item in await world.stores.runs.since(0) if item.run.name == run]
        await counting([record], world.clock.monotonic() + 60)
        return {f"{name}.{call}": count for name, part in parts.items() for call, count in part.calls.items()}

    first = await calls()
    every_time = {
        "reports.read": 2, "reports.replace": 2, "runs.since": 1, "runs.partial_summary": 1, "runs.add_up": 1,
        "runs.progress": 1, "control.get": 1,
    }  # fmt: skip
    assert first == {**every_time, "reports.replace": 3}, "the first time with what leads to the next run"
    world.clock.time += PAGE_SECONDS
    again = await calls()
    assert again == {**every_time, "reports.replace": 1}, "an index that says the same is not written"


async def test_the_scheduler_s_list_message_writes_the_page_too_and_a_person_s_does_not_wait_for_it() -> None:
    world = filled(30)
    run = await started(world)
    waiting = list(world.inbox)
    world.inbox.clear()
    world.queue.sent.clear()
    await world.run(ListMessage(keys=(b"k/029",)))
    assert f"job/{run}/report.html" not in world.reports.files
    await world.run(ListMessage(scheduled=True))
    assert "data-interim" in text(world, f"{run}/report.html")[:200]
    assert waiting


async def test_a_page_of_a_running_run_never_takes_a_report_s_place() -> None:
    """The report is written between the look at what is there and the page."""
    world = filled(30)
    run = await started(world)
    name, read = f"job/{run}/report.html", world.reports.read

    async def then_the_report(asked: str) -> tuple[bytes, int]:
        found = await read(asked)
        if asked == name:
            await world.reports.put(name, b"the report", "text/html")
        return found

    world.reports.read = then_the_report  # type: ignore[method-assign, assignment]
    await tick(world)
    assert text(world, f"{run}/report.html") == "the report"
    world.reports.read = read  # type: ignore[method-assign]
    world.clock.time += PAGE_SECONDS
    await tick(world)
    assert text(world, f"{run}/report.html") == "the report", "seen to be there already"


async def test_a_bucket_that_refuses_pages_keeps_no_tick_from_its_work() -> None:
    world = filled(30)
    run = await started(world)

    async def refuse(*given: object) -> bool:
        raise Forbidden("the bucket for reports")

    world.reports.replace = refuse  # type: ignore[method-assign, assignment]
    await tick(world)
    assert any("no page of a running run" in str(line) for line in world.log.lines)
    await world.drain()
    assert world.same()
    assert (await world.stores.runs.summary(run)).finished


async def test_what_ended_otherwise_than_copied_is_told_by_the_heartbeats() -> None:
    world = filled(6, max_attempts=1, keys_per_message=10)
    world.cdn.faults[b"k/001"] = [Forbidden("policy")] * 9
    run = await world.run()
    told = await world.stores.runs.progress(run)
    assert told.told() == {"copied": 5, "failed": 1}
    assert sum(size for _, size in told.others.values()) == 1
    assert sum(count for count, _ in told.sizes.values()) == 5
    assert sum(size for _, size in told.sizes.values()) == 0 + 2 + 3 + 4 + 5


async def test_the_row_of_a_part_shows_the_bytes_of_the_part() -> None:
    world = World(large_bytes=PART)
    world.bucket.put("large", bytes(2 * PART + 12345))
    run = await world.run()
    slowest = world.handlers["transfer"].heartbeat._done[run].progress.slowest
    assert sorted((slow.what, slow.bytes) for slow in slowest) == [
        ("large, part 1", PART), ("large, part 2", PART), ("large, part 3", 12345),
    ]  # fmt: skip


async def test_a_run_that_the_index_has_no_room_for_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message that names keys is a run: while one goes on for days, thousands may begin."""
    monkeypatch.setattr(index_rows, "MOST_RUNS", 3)
    world = filled(6, keys_per_message=2)
    run = world.send("list", ListMessage())
    await world.drain(most=2, finish=False)
    held = list(world.inbox)
    world.inbox.clear()
    for _ in range(4):
        world.clock.pass_time(1)
        await world.run(ListMessage(keys=(b"k/001",)))
        await world.run(VerifyMessage(close=True))
    world.inbox.extend(held)
    await world.drain()
    await tick(world)
    assert world.stores.runs.documents[run].state == RunState.FINISHED
    assert f"job/{run}/report.html" in world.reports.files


@pytest.mark.parametrize("drawn", ["shared.reporting.page.page", "shared.reporting.run_index.parse"])
async def test_a_page_that_cannot_be_drawn_keeps_no_run_from_ending_and_none_from_beginning(
    monkeypatch: pytest.MonkeyPatch, drawn: str
) -> None:
    """A mistake of ours: it is told, and the report is written once it is mended."""

    def mistaken(*_: object) -> str:
        raise ValueError("of ours")

    world = filled(30)
    with monkeypatch.context() as patched:
        patched.setattr(drawn, mistaken)
        run = await started(world)
        await tick(world)
        await world.drain()
        await tick(world)
        after = await world.run(ListMessage(scheduled=True))
        await tick(world)
    ended = {name: world.stores.runs.documents[name].state for name in (run, after)}
    assert ended == dict.fromkeys((run, after), RunState.FINISHED)
    assert {line[1] for line in world.log.lines if line[0] == "ERROR"} == {"no page of a running run", "no report"}
    await tick(world)
    assert {f"job/{name}/report.html" for name in (run, after)} <= world.reports.files.keys()
