"""The HTTP client of an instance, watched from outside: who holds a connection must not wait for another of its host."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.http.client import Exchange, Http
    from tests.schedules.instance import Instance


class Watched:
    """Passes everything on to the client; exchanges say when they begin and end."""

    def __init__(self, http: "Http", instance: "Instance") -> None:
        self._http, self._instance = http, instance
        self._held: Counter[tuple[object, str]] = Counter()
        opened = http.open

        def watched(method: str, url: str, *args: Any, **options: Any) -> "Exchange":
            exchange: Any = Held(opened(method, url, *args, **options), self, url.split("/")[2], f"{method} {url}")
            return exchange  # type: ignore[no-any-return]

        http.open = watched  # type: ignore[method-assign]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._http, name)

    def begin(self, host: str, what: str) -> tuple[object, str]:
        held = (asyncio.current_task(), host)
        if self._held[held]:
            self._instance.world.laws.broken(
                "no wait holds what it waits for",
                f"{what} is asked for while the same copy holds a connection to {host}",
            )
        self._held[held] += 1
        return held

    def end(self, held: tuple[object, str]) -> None:
        self._held[held] -= 1


class Held:
    """An exchange that says when it begins and ends."""

    def __init__(self, exchange: Any, watched: Watched, host: str, what: str) -> None:
        self._exchange, self._watched, self._host, self._what = exchange, watched, host, what
        self._held: tuple[object, str] | None = None

    async def begin(self) -> Any:
        self._held = self._watched.begin(self._host, self._what)
        try:
            return await self._exchange.begin()
        except BaseException:
            self._over()
            raise

    def end(self) -> None:
        self._over()
        self._exchange.end()

    def _over(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._watched.end(held)

    async def __aenter__(self) -> Any:
        return await self.begin()

    async def __aexit__(self, *_error: object) -> None:
        self.end()
