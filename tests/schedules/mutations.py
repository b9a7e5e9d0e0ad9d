"""Faults put into the system by hand, to show that the laws would see them. `make schedules MUTATE=all` prints a table.

Each takes away one defence where requests leave, where answers arrive or where a port is called, so that it does not
depend on how production code is cut. It counts as found where a law is broken that the same seed keeps without it.
"""

import json
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
    """only: the world that it is tried in. laws: those that it is about; only they count as finding it. sends: what
    leaves in a request's place. hears: what arrives in an answer's place. enforced: whether Cloud Storage holds anybody
    to a precondition. unwaited: calls of ports whose end nobody waits for.
    """

    name: str
    laws: frozenset[str] = frozenset()
    sends: Callable[[Request], Request] = _same
    hears: Callable[[Arrived, Reply], Reply] = _as_answered
    enforced: bool = True
    unwaited: frozenset[str] = frozenset()
    only: str = "transfer"


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


def _of_sequencers(change: Callable[[str], str]) -> Callable[[Arrived, Reply], Reply]:
    """Events come with other sequencers."""

    def heard(request: Arrived, reply: Reply) -> Reply:
        if request.host != "sqs" or b"Messages" not in reply.body:
            return reply
        said = json.loads(reply.body)
        for message in said["Messages"]:
            found = re.search(r'"sequencer": "([0-9A-F]*)"', message["Body"])
            if found is not None:
                message["Body"] = message["Body"].replace(found[0], f'"sequencer": "{change(found[1])}"')
        return Reply(reply.status, reply.headers, json.dumps(said).encode())

    return heard


def _reversed(sequencer: str) -> str:
    return f"{16**14 - 1 - int(sequencer.ljust(14, '0'), 16):014X}"


def _never_deletes(request: Request) -> Request:
    if request.headers.get("x-amz-target") != "AmazonSQS.DeleteMessageBatch":
        return request
    assert isinstance(request.body, bytes)
    return replace(request, body=re.sub(rb'"ReceiptHandle": "h\d+-\d+"', b'"ReceiptHandle": "h1-0"', request.body))


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
    Mutation(
        "events deleted before they are recorded and sent",
        frozenset({"deleted when sent"}),
        unwaited=frozenset({"ledger.create", "pubsub.publish"}),
        only="events",
    ),
    Mutation(
        "events recorded, and deleted before they are sent",
        frozenset({"deleted when sent"}),
        unwaited=frozenset({"pubsub.publish"}),
        only="events",
    ),
    Mutation(
        "no sequencer",
        frozenset({"older events cost nothing"}),
        hears=_of_sequencers(lambda _sequencer: ""),
        only="events",
    ),
    Mutation(
        "the smaller sequencer is newer",
        frozenset({"told is copied", "deleted when sent"}),
        hears=_of_sequencers(_reversed),
        only="events",
    ),
    Mutation(
        "a sequencer that is padded on the left",
        frozenset({"told is copied", "deleted when sent"}),
        hears=_of_sequencers(lambda sequencer: sequencer.rjust(14, "0")),
        only="events",
    ),
    Mutation(
        "a generation that nobody enforces, of events",
        frozenset({"nothing is copied twice"}),
        enforced=False,
        only="events",
    ),
    Mutation("no deletion", frozenset({"readable events"}), sends=_never_deletes, only="events"),
)
