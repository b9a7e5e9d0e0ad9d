import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.copying.in_flight import InFlight


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 150), max_size=30), st.integers(1, 5))
async def test_the_ceiling_holds_and_everybody_gets_a_turn(weights: list[int], objects: int) -> None:
    ceiling, held, most_held, inside, most_inside = 100, 0, 0, 0, 0
    gate = InFlight(objects, ceiling)

    async def work(weight: int) -> None:
        nonlocal held, most_held, inside, most_inside
        async with gate.slot(weight):
            held, inside = held + min(weight, ceiling), inside + 1
            most_held, most_inside = max(most_held, held), max(most_inside, inside)
            await asyncio.sleep(0)
            held, inside = held - min(weight, ceiling), inside - 1

    await asyncio.wait_for(asyncio.gather(*(work(weight) for weight in weights)), timeout=5)
    assert most_held <= ceiling
    assert most_inside <= objects
    assert held == inside == 0


async def test_a_heavy_copy_is_not_overtaken_for_ever() -> None:
    gate, order = InFlight(10, 100), []

    async def work(name: str, weight: int) -> None:
        async with gate.slot(weight):
            order.append(name)
            await asyncio.sleep(0.001)

    await asyncio.gather(work("first", 60), work("heavy", 100), *(work(f"light {n}", 10) for n in range(8)))
    assert order[:2] == ["first", "heavy"]


async def test_room_is_given_back_when_a_copy_fails() -> None:
    gate = InFlight(1, 10)
    for _ in range(3):
        try:
            async with gate.slot(10):
                raise ZeroDivisionError
        except ZeroDivisionError:
            continue
    async with asyncio.timeout(1), gate.slot(10):
        pass


async def test_waiters_that_are_cancelled_at_once_leave_cleanly() -> None:
    gate = InFlight(1, 10)

    async def wait() -> None:
        async with gate.slot(10):
            await asyncio.sleep(0)

    async with gate.slot(10):
        waiting = [asyncio.create_task(wait()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in waiting[:4]:
            task.cancel()
        assert [type(end) for end in await asyncio.gather(*waiting[:4], return_exceptions=True)] == [
            asyncio.CancelledError
        ] * 4
    async with asyncio.timeout(1):
        await waiting[4]


async def test_room_that_comes_in_the_moment_of_a_cancellation_is_passed_on() -> None:
    gate = InFlight(1, 10)
    first = gate.slot(10)
    await first.__aenter__()
    waiting = asyncio.create_task(gate.take(10))
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(1), gate.slot(10):
        pass
