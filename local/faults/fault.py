"""What may go wrong between two processes, and how often it did.

The kinds are those that real connections have; https://github.com/Shopify/toxiproxy#toxics names the ones of TCP.
"""

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """What happens to a request, or to a gRPC call."""

    NONE = "none"
    """Nothing."""
    DELAY = "delay"
    """It arrives after `seconds`."""
    LOST_REQUEST = "lost request"
    """The connection is reset before anything of it arrives."""
    HALF_REQUEST = "half request"
    """Half of its body arrives, then both connections are reset."""
    REFUSED = "refused"
    """It does not arrive; the answer is `status`, with Retry-After if `retry_after` says so."""
    LATE_ERROR = "late error"
    """It takes effect, and the answer is `status` all the same."""
    LOST_ANSWER = "lost answer"
    """It takes effect, and the connection is reset before the answer."""
    HALF_ANSWER = "half answer"
    """The connection is reset in the middle of the answer's body."""
    CUT_ANSWER = "cut answer"
    """The answer's body ends in the middle, in order."""
    CORRUPT = "corrupt"
    """One bit of the answer's body is another."""
    SLOW = "slow"
    """The answer's body comes at `rate` bytes a second."""
    SILENCE = "silence"
    """It takes effect, and nothing is answered: the connection stays open for `seconds`, and is reset then."""
    STALL = "stall"
    """Half of the answer's body comes, and nothing more for `seconds`; then the rest."""
    RESET_AFTER = "reset after"
    """The answer comes whole, and the connection is reset behind it."""
    OVERTAKEN = "overtaken"
    """It waits until another request has passed the door, `seconds` at the most."""
    AGAIN = "again"
    """It arrives a second time, `seconds` after it has been answered; at once and side by side if that is 0."""


OF_CALLS = frozenset(
    {Kind.DELAY, Kind.LOST_REQUEST, Kind.REFUSED, Kind.LATE_ERROR, Kind.LOST_ANSWER, Kind.SILENCE, Kind.AGAIN}
)
"""What can happen to a gRPC call. Its bytes are gRPC's business: `wire` disturbs them."""

OF_WIRES = frozenset(
    {
        Kind.CORRUPT,
        Kind.CUT_ANSWER,
        Kind.DELAY,
        Kind.HALF_ANSWER,
        Kind.HALF_REQUEST,
        Kind.LOST_REQUEST,
        Kind.SILENCE,
        Kind.STALL,
    }
)
"""What can happen to a piece of a connection, whatever is in it: a TLS record, or part of one."""

OF_BODIES = frozenset({Kind.HALF_ANSWER, Kind.CUT_ANSWER, Kind.CORRUPT, Kind.SLOW, Kind.STALL})
"""What needs an answer with a body to happen to."""


class NotAFault(ValueError):
    """What was asked for is no fault; the text is for a person."""


@dataclass(slots=True)
class Fault:
    """A fault of one door. match: a glob of `METHOD /path?query`, of a gRPC method's path, or, below them at the door
    `NAME wire`, of `answer 3`, the fourth piece that a connection brings back. It happens to every `every`th request
    that matches, `times` times. least: only to requests and answers with at least so many bytes of body, where the
    kind is about a body. body: a glob of the request's body, of HTTP; where one is planned, all bodies of the door are
    read before they are passed on. Of a commit of Firestore, `grpc_calls.OF_A_TRANSACTION`. status: of HTTP; code: of
    gRPC, or the name of the error in the body. fired: how often it really happened; taken: to how many it has happened
    or is about to.
    """

    door: str
    kind: Kind
    match: str = "*"
    body: str = ""
    times: int = 1
    every: int = 1
    status: int = 503
    code: str = "UNAVAILABLE"
    retry_after: str | None = None
    seconds: float = 1.0
    rate: int = 64 * 1024
    least: int = 0
    seen: int = 0
    fired: int = 0
    taken: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Raises NotAFault."""
        try:
            fault = cls(**given)
            fault.kind = Kind(fault.kind)
        except (TypeError, ValueError) as error:
            raise NotAFault(f"not a fault: {error}; kinds are {', '.join(Kind)}") from None
        if fault.kind is Kind.NONE or fault.seen or fault.fired or fault.taken or fault.times < 1 or fault.every < 1:
            raise NotAFault("a fault is of some kind, begins unseen and unfired, and happens at least once")
        if fault.kind in OF_BODIES:
            fault.least = max(fault.least, 2)
        return fault

    def meets(self, what: str, body: str) -> bool:
        """Whether a request is one to happen to; it is seen by this."""
        if self.taken >= self.times or not fnmatch.fnmatchcase(what, self.match):
            return False
        if self.body and not fnmatch.fnmatchcase(body, self.body):
            return False
        self.seen += 1
        return self.seen % self.every == 0

    def told(self) -> str:
        """What it is, in a line."""
        more = f" {self.status} {self.code}" if self.kind in (Kind.REFUSED, Kind.LATE_ERROR) else ""
        return f"{self.door}: {self.kind}{more} of {self.match}, {self.fired} of {self.times} times, {self.seen} seen"


@dataclass(slots=True)
class Met:
    """A fault as one request meets it."""

    fault: Fault
    fired: bool = False

    @property
    def kind(self) -> Kind:
        return self.fault.kind

    def happens(self) -> None:
        """It happens now."""
        if not self.fired:
            self.fired = True
            self.fault.fired += 1


@dataclass(slots=True)
class Plan:
    """The faults of all doors; how many requests each door has under way, and how many have passed it."""

    faults: list[Fault] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def reads(self, door: str) -> bool:
        """Whether a door's bodies must be read to know what happens to their requests."""
        return any(fault.body for fault in self.faults if fault.door == door)

    @contextmanager
    def meeting(self, door: str, what: str, body: str = "") -> Iterator[Met]:
        """The fault that a request meets, for as long as it is under way. One that did not happen may happen to
        another request.
        """
        of_door = (fault for fault in self.faults if fault.door == door)
        met = Met(next((fault for fault in of_door if fault.meets(what, body)), Fault(door, Kind.NONE)))
        met.fault.taken += 1
        self.under_way[door] += 1
        try:
            yield met
        finally:
            met.fault.taken -= not met.fired
            self.under_way[door] -= 1
            self.passed[door] += 1
