"""A port that is no HTTP here: what Firestore and Pub/Sub do at the moment when a call arrives, if it does.

The effect belongs to the world and not to the caller: who gives up waiting, or dies, does not undo what he sent.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tests.schedules.faults import Fault, Passage

if TYPE_CHECKING:
    from tests.schedules.instance import Instance


class Remote:
    """One instance's way to a port. error: what its adapter raises when the service does not answer."""

    def __init__(self, name: str, port: Any, instance: "Instance", error: Callable[[str], Exception]) -> None:
        self._name, self._port, self._instance, self._error = name, port, instance, error

    def __getattr__(self, method: str) -> Any:
        target = getattr(self._port, method)
        if inspect.isasyncgenfunction(target):
            made: Any = self._stream(method, target)
        elif inspect.iscoroutinefunction(target):
            made = self._call(method, target)
        else:
            return target
        setattr(self, method, made)
        return made

    def _call(self, method: str, target: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._sent(method, lambda: now(target(*args, **kwargs)), args)

        return call

    def _stream(self, method: str, target: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            for item in await self._sent(method, lambda: now(_all(target(*args, **kwargs))), args):
                yield item

        return stream

    def _sent(self, method: str, effect: Callable[[], Any], args: tuple[Any, ...]) -> "asyncio.Future[Any]":
        instance, world = self._instance, self._instance.world
        passage = world.weather.passage(self._name, world.loop.time(), instance.disturbed, wire=False)
        answer: asyncio.Future[Any] = world.loop.create_future()
        told = f"{self._name}.{method}"
        if world.tracing:
            told += f"({', '.join(map(_short, args[:3]))})"
        if f"{self._name}.{method}" in world.mutation.unwaited and instance.disturbed:
            world.loop.later(1.0, _unheard, effect)
            answer.set_result(None)
        elif passage.fault is Fault.CRASH_BEFORE:
            world.loop.later(0, instance.crash, told)
        else:
            world.loop.later(passage.before, self._arrive, told, effect, passage, answer)
        return answer

    def _arrive(self, told: str, effect: Callable[[], Any], passage: Passage, answer: "asyncio.Future[Any]") -> None:
        instance, world = self._instance, self._instance.world
        value, error = None, None
        if passage.fault is not Fault.LOST_REQUEST:
            world.caller = instance.name
            try:
                value = effect()
            except Exception as raised:
                error = raised
        if passage.fault in (Fault.LOST_REQUEST, Fault.LOST_ANSWER):
            error = self._error(f"{self._name}: unavailable")
        if world.tracing:
            noted = "" if passage.fault is Fault.NONE else passage.fault.value
            world.trace(f"{instance.name} {told} {_short(error if error is not None else value)} {noted}")
        if passage.fault is Fault.FREEZE:
            instance.freeze(told)
        if passage.fault is Fault.CRASH_AFTER:
            instance.crash(told)
            return
        world.loop.later(passage.after, _settle, answer, value, error)


def _unheard(effect: Callable[[], Any]) -> None:
    """Nobody waits for it, or hears that it has failed."""
    with contextlib.suppress(Exception):
        effect()


def _settle(answer: "asyncio.Future[Any]", value: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(value)


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a store waited")


async def _all(stream: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in stream]


def _short(value: object) -> str:
    return str(value) if isinstance(value, str | int | float | None) else repr(value)[:120]
