"""Requests to Cloud Storage with an access token."""

from typing import Any

import orjson

from shared.domain.backoff import RetryPolicy
from shared.domain.errors import CredentialsExpired, Transient
from shared.gcp.token import Token
from shared.http.classification import Classifier
from shared.http.client import Answer, Http, Request
from shared.http.retry import asked

GCS_ENDPOINT = "https://storage.googleapis.com"

JSON = {"Content-Type": "application/json; charset=UTF-8"}


class GoogleApi:
    """A token is asked for at each request; one that is refused is renewed once, and the request sent again with the
    new one: it may have run out, or been withdrawn, since it was last seen.
    """

    def __init__(self, http: Http, token: Token) -> None:
        self.clock = http.clock
        self._http, self._token = http, token

    async def send(self, request: Request) -> Answer:
        """One request. Raises Transient if only its body's source can make it again."""
        shown = await self._token.current()
        answer = await self._http.send(_with(request, shown))
        if answer.status != 401 or not await self._token.renewed(shown):
            return answer
        if request.body is not None and not isinstance(request.body, bytes | list | tuple):
            raise CredentialsExpired(
                f"{request.method}: there is a new access token, and the body must be sent again from its start"
            )
        return await self._http.send(_with(request, await self._token.current()))

    async def ask(
        self, policy: RetryPolicy, what: str, classify: Classifier, request: Request, good: tuple[int, ...] = (200,)
    ) -> Answer:
        """The answer to a question. what: a phrase that names side and key, for errors."""
        return await asked(policy, self.clock, what, classify, lambda: self.send(request), good)


def resource(what: str, answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer. Raises Transient if it is cut short or no object at all."""
    try:
        found = orjson.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Transient(f"{what}: HTTP {answer.status} with {len(answer.body)} bytes that are no JSON object")
    return found


def _with(request: Request, token: str | None) -> Request:
    if token is None:
        return request
    headers = {**request.headers, "Authorization": f"Bearer {token}"}
    body, lane = request.body, request.lane
    return Request(request.method, request.url, headers, body, lane, request.idempotent, request.stall_seconds)
