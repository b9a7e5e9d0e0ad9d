"""Many questions, of which only some are asked at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Told = TypeVar("Told")


async def side_by_side(ask: Callable[[T], Awaitable[Told]], items: Sequence[T], most: int) -> list[Told]:
    """What is told of each item, in their order."""
    told: list[Told] = []
    for start in range(0, len(items), most):
        told += await asyncio.gather(*map(ask, items[start : start + most]))
    return told
