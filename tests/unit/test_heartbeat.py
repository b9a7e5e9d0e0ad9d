"""What an instance tells of the runs that it works on."""

from shared.domain.counts import Outcome
from shared.ledger.entry import Entry
from shared.runs.heartbeat import Heartbeat
from tests.fakes import FakeClock, FakeStores


def copied(key: bytes) -> list[Entry]:
    return [Entry(key, "etag", 7, 0, Outcome.COPIED, route="edge", kms=True)]


async def test_what_was_told_of_a_run_stays_however_many_others_an_instance_works_on() -> None:
    """Every message that names keys is a run of its own: some hundred of them come by while one large run goes on."""
    stores, clock = FakeStores(), FakeClock()
    stores.stamp_by(clock.now)
    heartbeat = Heartbeat(stores.runs, clock, instance="one")
    for number in range(30):
        await heartbeat.send("large", copied(b"k%d" % number))
        clock.pass_time(61)
    for number in range(250):
        await heartbeat.send(f"keys-{number}", copied(b"key"))
        if number % 10 == 0:
            clock.pass_time(61)
            await heartbeat.send("large", copied(b"later%d" % number))
    clock.pass_time(61)
    await heartbeat.send("large")
    told = await stores.runs.progress("large")
    assert told.told() == {Outcome.COPIED: 55}
    assert (told.ways, told.kms) == ({"edge": (55, 385)}, 55)


async def test_what_was_told_stays_when_a_run_comes_back_that_was_let_go_of() -> None:
    stores, clock = FakeStores(), FakeClock()
    stores.stamp_by(clock.now)
    heartbeat = Heartbeat(stores.runs, clock, instance="one")
    for _ in range(3):
        await heartbeat.send("large", copied(b"key"))
        for number in range(120):
            await heartbeat.send(f"keys-{number}", copied(b"key"))
        clock.pass_time(61)
    assert (await stores.runs.progress("large")).told() == {Outcome.COPIED: 3}
    assert len(heartbeat._done) == 100
