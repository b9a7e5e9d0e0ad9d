"""One pooled HTTP client an instance, and the translation of its failures.

Paths are sent exactly as given: nothing between here and the wire may normalise `//` or `../`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from shared.core.backoff import delay_seconds
from shared.core.errors import ObjectError, Transient
from shared.ports import Clock

CONNECT_SECONDS = 10
STALL_SECONDS = 60
"""A connection that brings no byte for this long is given up."""

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A response read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Verdict = Callable[[str, int, Mapping[str, str], bytes], ObjectError]


class Http:
    """connections: the most that are open at a time to each host."""

    def __init__(self, connections: int, clock: Clock) -> None:
        self._clock = clock
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=connections, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=STALL_SECONDS),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            raise_for_status=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | memoryview | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response whose body is still on the wire. Network failures become Transient."""
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Transient(f"{method} {_place(url)}: {type(error).__name__} {error}".rstrip()) from error

    async def once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | memoryview | None = None
    ) -> Answer:
        """One request, its answer read whole."""
        async with self.open(method, url, headers, body) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ask(
        self,
        what: str,
        verdict: Verdict,
        request: Callable[[], tuple[str, str, Mapping[str, str]]],
        good: tuple[int, ...] = (200,),
    ) -> Answer:
        """A small, repeatable request: tried again while its verdict is that this may help.

        request is called for every try, so that a signature is never older than the try.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                method, url, headers = request()
                answer = await self.once(method, url, headers)
                if answer.status in good:
                    return answer
                raise verdict(what, answer.status, answer.headers, answer.body)
            except Transient as failure:
                if attempt == _TRIES:
                    raise
                await self._clock.sleep(delay_seconds(attempt, self._clock.draw(), failure.retry_after))
        raise AssertionError("unreachable")


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes. A connection that ends early raises Transient."""
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise Transient(f"the body broke off: {type(error).__name__}") from error


def _place(url: str) -> str:
    """Scheme, host and path of a URL: what follows may hold a signature."""
    return url.partition("?")[0][:200]
