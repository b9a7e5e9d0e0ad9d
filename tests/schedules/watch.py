"""The HTTP client of an instance, watched from outside: who holds a connection may wait only where no circle can form.

A pool is a host's lane. Lanes have an order, and whoever holds a connection in one may ask for one in a later lane only:
then no chain of waits can come back to its beginning, whatever the pools' sizes (`shared/http/pool.py`).
"""

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from shared.http.client import Http, Request
from shared.http.pool import Lane

if TYPE_CHECKING:
    from shared.http.client import Exchange
    from tests.schedules.instance import Instance

Pool = tuple[int, str]
"""Of a lane (its place in the order) and a host."""


class WatchedHttp(Http):
    """Exchanges say when they begin and end."""

    instance: "Instance"

    def open(self, request: Request) -> "Exchange":
        request = self.instance.world.mutation.sends(request)
        exchange: Any = Held(super().open(request), self, request)
        return exchange  # type: ignore[no-any-return]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.held: dict[object, list[Pool]] = defaultdict(list)
        self.reading = 0

    def asks(self, pool: Pool, request: Request) -> tuple[object, Pool]:
        """The caller asks for a connection, with those that it holds."""
        task = asyncio.current_task()
        for lane, host in self.held[task]:
            if lane >= pool[0]:
                self.instance.world.laws.broken(
                    "no wait holds what it waits for",
                    f"{request.method} {request.url.partition('?')[0]} is asked for in lane {request.lane.name} while "
                    f"the same copy holds a connection to {host} in the same lane or a later one",
                )
        self.held[task].append(pool)
        return task, pool

    def reads(self, more: int) -> None:
        """A body has begun to come, or is over: what it may hold in memory is bounded by how many there are."""
        self.reading += more
        most = self.instance.settings.objects_in_flight
        if self.reading > most:
            self.instance.world.laws.broken("bounded in flight", f"{self.instance.name} reads {self.reading} of {most}")

    def gives(self, held: tuple[object, Pool]) -> None:
        task, pool = held
        self.held[task].remove(pool)


class Held:
    """An exchange that says when it begins and ends."""

    def __init__(self, exchange: "Exchange", http: WatchedHttp, request: Request) -> None:
        self._exchange, self._http, self._request = exchange, http, request
        self._held: tuple[object, Pool] | None = None
        self._reads = False

    async def begin(self) -> Any:
        if self._held is None:
            pool = self._request.lane.value, self._request.url.split("/")[2]
            self._held = self._http.asks(pool, self._request)
        response = await self._exchange.begin()
        if self._request.lane is Lane.DOWNLOAD and not self._reads:
            self._reads = True
            self._http.reads(1)
        return response

    def instead(self, request: Request) -> "Held":
        """The turn goes over to another request."""
        request = self._http.instance.world.mutation.sends(request)
        other = Held(self._exchange.instead(request), self._http, request)
        other._held, self._held = self._held, None
        self._over()
        return other

    def end(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._http.gives(held)
        self._over()
        self._exchange.end()

    def _over(self) -> None:
        if self._reads:
            self._reads = False
            self._http.reads(-1)

    async def __aenter__(self) -> Any:
        try:
            return await self.begin()
        except BaseException:
            self.end()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self.end()
