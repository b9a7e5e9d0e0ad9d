"""A few hundred histories, and why they are worth believing: they repeat, they die, and they see what is taken away."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.schedules.chance import Chance
from tests.schedules.loop import OWNER, WORLD, Stuck, VirtualLoop

ROOT = Path(__file__).resolve().parents[2]


def schedules(**asked: str) -> subprocess.CompletedProcess[str]:
    """`make schedules`, in a process of its own, as its hashes must not depend on this one."""
    environment = {**os.environ, **asked}
    command = [sys.executable, "-m", "tests.schedules"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_same_seed_tells_the_same_history() -> None:
    first, second = schedules(SEED="3"), schedules(SEED="3")
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") > 50


class Instance:
    def __init__(self) -> None:
        self.alive, self.frozen_until = True, 0.0


def test_what_belongs_to_a_dead_instance_never_runs_again() -> None:
    loop, ran, instance = VirtualLoop(), list[str](), Instance()

    async def work() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            ran.append("cleaned up")

    async def history() -> None:
        token = OWNER.set(instance)
        task = loop.create_task(work())
        OWNER.reset(token)
        await asyncio.sleep(1)
        instance.alive = False
        await asyncio.sleep(10)
        assert not task.done()

    loop.run_until_complete(WORLD.run(loop.create_task, history()))
    assert ran == []
    assert loop.time() == pytest.approx(11.0)


def test_a_wait_for_nothing_is_told_with_where_it_stands() -> None:
    loop = VirtualLoop()

    async def hold_and_wait() -> None:
        lock = asyncio.Lock()
        async with lock, lock:
            pass

    with pytest.raises(Stuck, match=r"test_schedules.py:[0-9]+ hold_and_wait > locks.py"):
        loop.run_until_complete(hold_and_wait())


def test_timeouts_pass_in_virtual_time() -> None:
    loop = VirtualLoop()

    async def wait() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await loop.create_future()

    loop.run_until_complete(wait())
    assert loop.time() == pytest.approx(3600.0)


def test_the_streams_of_a_seed_do_not_disturb_each_other() -> None:
    one, other = Chance(7), Chance(7)
    other.of("something else").random()
    assert one.of("queue").random() == other.of("queue").random()


SCHEDULES = 200

HELD = (
    "right bytes",
    "never older over newer",
    "read what was listed",
    "preconditions",
    "acknowledged when settled",
    "bounded in flight",
    "bounded connections",
    "no wait holds what it waits for",
    "every wait ends",
    "dead letters",
    "readable messages",
    "limits",
    "no bug",
    "nothing lost",
    "counts balance",
    "a fault of everybody is nobody's",
    "reasons",
    "nothing is left",
    "bounded time",
)


@pytest.fixture(scope="module")
def told() -> str:
    """What some schedules of the transfer broke."""
    return schedules(SCHEDULES=str(SCHEDULES), ONLY="transfer").stdout


def test_every_schedule_is_run_to_its_end(told: str) -> None:
    assert told.splitlines()[-1].startswith(f"{SCHEDULES} schedules, ")


@pytest.mark.parametrize("law", HELD)
def test_no_schedule_breaks_the_law(told: str, law: str) -> None:
    assert [line for line in told.splitlines() if f": {law}: " in line] == []


SCANS = 150

HELD_OF_SCANS = (
    "right bytes",
    "never older over newer",
    "preconditions",
    "acknowledged when settled",
    "bounded connections",
    "dead letters",
    "readable messages",
    "limits",
    "every key in one range",
    "listed is what there is",
    "green is proven",
    "N is true",
    "extras are counted once",
    "S3 is asked before a deletion",
    "nothing is deleted that S3 has",
    "grace is kept",
    "nothing lost",
    "nothing of others is deleted",
    "a pause deletes nothing",
    "every report is written",
    "a run ends",
    "no range stays open",
    "counts balance",
    "the sentence is true",
    "bounded time",
)


@pytest.fixture(scope="module", params=("lister", "verifier"))
def scanned(request: pytest.FixtureRequest) -> str:
    """What some schedules of one of them broke."""
    return schedules(SCHEDULES=str(SCANS), ONLY=request.param).stdout


def test_every_scan_is_run_to_its_end(scanned: str) -> None:
    assert scanned.splitlines()[-1].startswith(f"{SCANS} schedules, ")


@pytest.mark.parametrize("law", HELD_OF_SCANS)
def test_no_scan_breaks_the_law(scanned: str, law: str) -> None:
    assert [line for line in scanned.splitlines() if f": {law}: " in line] == []


def test_no_scan_breaks_any_law(scanned: str) -> None:
    assert scanned.splitlines()[-1] == f"{SCANS} schedules, 0 violations"


EVENTS = 100

HELD_OF_EVENTS = (
    "told is copied",
    "deleted when sent",
    "older events cost nothing",
    "nothing is copied twice",
    "readable events",
    "missed is what came to nothing",
    "what is remembered",
    "right bytes",
    "never older over newer",
    "nothing lost",
    "counts balance",
    "a run ends",
    "no range stays open",
    "every wait ends",
    "dead letters",
    "no bug",
)


@pytest.fixture(scope="module")
def followed() -> str:
    """What some schedules of events broke."""
    return schedules(SCHEDULES=str(EVENTS), ONLY="events").stdout


@pytest.mark.parametrize("law", HELD_OF_EVENTS)
def test_no_schedule_of_events_breaks_the_law(followed: str, law: str) -> None:
    assert [line for line in followed.splitlines() if f": {law}: " in line] == []


def test_no_schedule_of_events_breaks_any_law(followed: str) -> None:
    assert followed.splitlines()[-1] == f"{EVENTS} schedules, 0 violations"


@pytest.mark.parametrize("seed", ["3396", "4901", "8334", "8962"])
def test_a_late_write_undoes_nothing(seed: str) -> None:
    """A write that was under way for a minute, or by an instance that stood still for five, of a version that was gone
    by then: another instance had found the one before at both ends. In 3396 it was a batch that was published before
    the one which it wrote over; in 4901 the clocks of two instances differed.
    """
    assert schedules(SEED=seed, ONLY="events").stdout.splitlines()[-1] == "1 schedules, 0 violations"


def test_what_is_taken_away_from_events_is_found() -> None:
    """That a message is deleted last, and that the greater sequencer is newer."""
    for taken_away, law in (("events recorded", "deleted when sent"), ("the smaller", "told is copied")):
        assert law in schedules(MUTATE=taken_away, SCHEDULES="50", ONLY="events").stdout


def test_no_schedule_breaks_any_law(told: str) -> None:
    assert told.splitlines()[-1] == f"{SCHEDULES} schedules, 0 violations"


def test_what_is_taken_away_is_found() -> None:
    """The two halves of the check of a version, each alone. `make schedules MUTATE=all` tries the others, too."""
    assert "read what was listed" in schedules(MUTATE="no If-Match", SCHEDULES="50", ONLY="transfer").stdout
