"""Faults put into the system by hand, to show that the laws would see them. `make schedules MUTATE=all` prints a table.

Each takes away one defence where requests leave, where answers arrive or where a port is called, so that it does not
depend on how production code is cut. It counts as found where a law is broken that the same seed keeps without it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.http.client import Request
from tests.schedules.network import Reply
from tests.schedules.network import Request as Arrived

UNASKED = "X-Unasked-If-Match"
"""Where a mutation keeps what it took away; no server looks at it."""


def _same(request: Request) -> Request:
    return request


def _as_answered(_request: Arrived, reply: Reply) -> Reply:
    return reply


@dataclass(frozen=True, slots=True)
class Mutation:
    """laws: those that it is about; only they count as finding it. sends: what leaves in a request's place. hears: what
    arrives in an answer's place. enforced: whether Cloud Storage holds anybody to a precondition. unwaited: calls of
    ports whose end nobody waits for.
    """

    name: str
    laws: frozenset[str] = frozenset()
    sends: Callable[[Request], Request] = _same
    hears: Callable[[Arrived, Reply], Reply] = _as_answered
    enforced: bool = True
    unwaited: frozenset[str] = frozenset()


def _without_generation(request: Request) -> Request:
    if request.method not in ("POST", "PUT"):
        return request
    return replace(request, url=re.sub(r"(?<=[?&])ifGenerationMatch=\d+&?", "", request.url))


def _without_if_match(request: Request) -> Request:
    if request.method != "GET" or "If-Match" not in request.headers:
        return request
    headers = {**request.headers, UNASKED: request.headers["If-Match"]}
    del headers["If-Match"]
    return replace(request, headers=headers)


def _etag_as_asked(request: Arrived, reply: Reply) -> Reply:
    """The answer's ETag is what was asked for, whatever it is: the check of it sees nothing."""
    asked = request.headers.get("if-match") or request.headers.get(UNASKED.lower())
    if request.method == "GET" and asked and reply.status in (200, 206):
        reply.headers["ETag"] = asked
    return reply


NONE = Mutation("none")

_VERSION = frozenset({"read what was listed", "right bytes", "never older over newer"})

MUTATIONS = (
    Mutation("no generation precondition", frozenset({"preconditions"}), sends=_without_generation),
    Mutation("a generation that nobody enforces", frozenset({"never older over newer"}), enforced=False),
    Mutation(
        "ack before record",
        frozenset({"acknowledged when settled"}),
        unwaited=frozenset({"ledger.commit_results"}),
    ),
    Mutation("no ETag check", _VERSION, sends=_without_if_match, hears=_etag_as_asked),
    Mutation("no If-Match, the answer's ETag checked", _VERSION, sends=_without_if_match),
    Mutation("If-Match, the answer's ETag not checked", _VERSION, hears=_etag_as_asked),
)
