"""All that a seed draws. The same number always draws the same; what meets what is up to the machine."""

import math
import random
from dataclasses import dataclass, field
from typing import Any

from local.faults.fault import Kind
from local.faults.grpc_calls import OF_A_TRANSACTION
from local.sample import MIB
from tests.schedules.chance import Chance
from tests.shapes import ENCODED, IDENTICAL, TOO_LONG

FUNCTIONS = ("lister", "transfer", "verifier")
STORM_SECONDS = 5.0

LARGE_PARTS = "GET /{source}/parts/large*"

Planned = dict[str, Any]
"""A fault as it is planned at a door: `local.faults.fault.Fault`."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the source. part_bytes: of a multipart upload, None for one PUT. headers: as boto3 names them."""

    key: str
    size: int
    part_bytes: int | None = None
    headers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens `at` so many seconds after the first message. what: `kill` or `freeze` a process, `cut`,
    `stop` or `late` a wire, have a server be `down`, `replace`, `delete` or `add` an object; `pause` the job and resume
    it, `cancel` a run, let two versions of one object `race`.
    """

    at: float
    what: str
    who: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """edge: how it asks who may read, None for none on the way. stale: whether it serves an object as it was, until the
    storm is over. skew: seconds by which a function's clock is wrong. tls: whether the functions speak HTTPS.
    page_keys: of a page of S3's listing, so small that ranges split; None for S3's own. ceiling: objects that a run may
    publish until the storm is over, None for any. held: seconds that the job stays paused, from before its first
    message on, once that is acknowledged; 0 for not at all.
    """

    seed: int
    things: list[Thing]
    edge: str | None
    settings: dict[str, str]
    edge_settings: dict[str, str]
    faults: list[Planned]
    acts: list[Act]
    skew: dict[str, float]
    stale: bool
    tls: bool
    page_keys: int | None
    ceiling: int | None
    held: float

    @property
    def killed(self) -> set[str]:
        return {act.who for act in self.acts if act.what == "kill"}

    @property
    def may_leave_uploads(self) -> bool:
        """Whether a multipart upload may be open that nobody knows of: its invocation was killed, or what began it was
        not answered.
        """
        lost = any("{staging}" in fault["match"] or fault["door"].startswith("gcs-tls") for fault in self.faults)
        return lost or "transfer" in self.killed or any((act.what, act.who) == ("down", "gcs") for act in self.acts)

    def told(self) -> str:
        """What it is, in a line."""
        acts = " ".join(f"{act.what}:{act.who}" if act.who else act.what for act in self.acts)
        route = f"{'stale ' * self.stale}edge {self.edge}" if self.edge else "direct"
        route += ", tls" * self.tls + f", pages of {self.page_keys}" * (self.page_keys is not None)
        route += f", ceiling {self.ceiling}" * (self.ceiling is not None) + f", held {self.held} s" * (self.held > 0)
        skew = " ".join(f"{name}{seconds:+.0f}s" for name, seconds in self.skew.items())
        return (
            f"{len(self.things)} objects, {route}, {len(self.faults)} faults, {acts or 'nothing else'} {skew}".rstrip()
        )


def draw(seed: int) -> Drawn:
    """What a seed is."""
    chance = Chance(seed)
    edge = chance.of("edge").choice(("sigv4", "signed-url", "public", None))
    things = _things(chance.of("things"))
    large = any(thing.size > 16 * MIB for thing in things)
    clock = chance.of("clock")
    skewed = clock.random() < 0.3
    stale = edge == "public" and chance.of("stale").random() < 0.6
    tls = chance.of("tls").random() < 0.3
    person = chance.of("person")
    theme = person.choice((None, None, None, "pause", "held", "cancel", "ceiling", *(5 if large else 2) * ("race",)))
    pages = chance.of("pages")
    faults = _faults(chance.of("faults"), edge is not None, large)
    parts = chance.of("parts")
    if large and parts.random() < 0.6:
        kind = parts.choice((*3 * (Kind.CORRUPT,), Kind.HALF_ANSWER, Kind.CUT_ANSWER, Kind.STALL))
        faults.append({"door": "s3", "match": LARGE_PARTS, "kind": kind.value, "times": parts.randint(1, 2)})
    faults += _of_transactions(chance.of("transactions"))
    if tls:
        faults += _below_tls(chance.of("wires"), edge is not None)
    acts = _acts(chance.of("acts"), edge is not None and not stale) + _down(chance.of("down"))
    if theme in ("pause", "cancel"):
        acts.append(Act(round(person.uniform(0.2, 2.0), 2), theme, seconds=person.choice((1.5, 3.0))))
    if theme == "race":
        acts.append(Act(round(person.uniform(0.2, 2.0), 2), theme, "large" if large else "small"))
    return Drawn(
        seed,
        things,
        edge,
        _settings(chance.of("settings"), edge),
        {"EDGE_ERROR_SECONDS": str(chance.of("errors").choice((0, 1, 3)))},
        faults,
        sorted(acts, key=lambda act: act.at),
        {clock.choice(FUNCTIONS): clock.choice((-1, 1)) * clock.uniform(60, 240)} if skewed else {},
        stale,
        tls,
        pages.choice((2, 3, 4)) if pages.random() < 0.25 else None,
        person.randrange(5, 30) if theme == "ceiling" else None,
        person.choice((1.5, 3.0)) if theme == "held" else 0.0,
    )


def _settings(chance: random.Random, edge: str | None) -> dict[str, str]:
    return {
        "KEYS_PER_MESSAGE": str(chance.choice((3, 7, 20))),
        "UNSUPPORTED_NAMES": chance.choice(("report", "encode")),
        "OBJECTS_IN_FLIGHT": str(chance.choice((4, 16, 64))),
        "LEASE_SECONDS": str(chance.choice((1, 2, 4))),
        "LARGE_BYTES": str(16 * MIB),
        "PART_BYTES": str(5 * MIB),
        "VERIFY_AFTER": chance.choice(("never", "initial", "always")),
        "COMPARE_METADATA": chance.choice(("false", "true")),
        "DELETE_EXTRAS": chance.choice(("off", "off", "dry-run", "on")),
        "ROUTE": "direct" if edge is None else "cloudfront",
        "CDN_AUTH": edge or "public",
    }


def _things(chance: random.Random) -> list[Thing]:
    found = [Thing(key, 0 if key == "empty" else chance.randrange(1, 4000)) for key in chance.sample(IDENTICAL, 14)]
    found += [Thing(key, chance.randrange(1, 500)) for key in (*chance.sample(ENCODED, 2), *TOO_LONG)]
    for number in range(chance.choice((20, 40, 70))):
        headers = {"Metadata": {"n": str(number)}, "ContentType": "image/jpeg"} if number % 3 else {}
        key = f"{'ab'[number % 2]}/{chance.randrange(10)}/{number:04d}"
        found.append(Thing(key, int(10 ** chance.uniform(0, 5.3)), headers=headers))
    found.append(Thing("attr/zipped", 2000, headers={"ContentEncoding": "gzip", "ContentType": "text/plain"}))
    found.append(Thing("attr/all", 3000, headers={
        "ContentType": "text/x-odd; charset=utf-8", "ContentLanguage": "de-CH", "CacheControl": "max-age=3, private",
        "ContentDisposition": 'attachment; filename="a b.txt"', "Metadata": {"with-dash": "1", "spaces": "a  b", "empty": ""},
    }))  # fmt: skip
    found.append(Thing("attr/rare", 100, headers={"StorageClass": chance.choice(("STANDARD_IA", "GLACIER_IR"))}))
    if chance.random() < 0.5:
        found.append(Thing("parts/of-five", 6 * MIB + 1, 5 * MIB))
    if chance.random() < 0.25:
        found.append(Thing("parts/large", 17 * MIB + 1, chance.choice((None, 6 * MIB))))
    return found


_REFUSALS: tuple[Planned, ...] = (
    {"status": 503, "code": "SlowDown"},
    {"status": 503, "code": "SlowDown", "retry_after": "1"},
    {"status": 429, "code": "TooManyRequests", "retry_after": "1"},
    {"status": 500, "code": "InternalError"},
    {"status": 502, "code": "BadGateway"},
    {"status": 504, "code": "GatewayTimeout"},
)


def _faults(chance: random.Random, edge: bool, large: bool) -> list[Planned]:
    """Each is of requests that a seed is sure to make, so that what never happens is a mistake of the plan's."""
    bodies = (Kind.HALF_ANSWER, Kind.CUT_ANSWER, Kind.CORRUPT, Kind.SLOW, Kind.STALL, Kind.RESET_AFTER)
    before = (Kind.REFUSED, Kind.LOST_REQUEST, Kind.DELAY)
    after = (Kind.LOST_ANSWER, Kind.SILENCE)
    menu: list[tuple[str, str, tuple[Kind, ...], int]] = [
        ("s3", "GET /{source}*list-type=2*", (*before, *after, Kind.CUT_ANSWER), 1),
        ("s3", "GET /{source}/[!?]*", (*before, *after, *bodies), 4),
        ("gcs", "POST /upload/*/b/{destination}/o*", (*before, *after, Kind.HALF_REQUEST, Kind.LATE_ERROR), 4),
        ("gcs", "GET /storage/v1/b/{destination}/o[?]*", (*before, *after, Kind.CUT_ANSWER), 1),
        ("gcs", "*b/{reports}/o*", (*before, *after), 2),
        (
            "firestore",
            "*/Commit",
            (*2 * (Kind.REFUSED, Kind.LOST_ANSWER), Kind.LOST_REQUEST, Kind.DELAY, Kind.SILENCE),
            5,
        ),
        ("firestore", "*/RunQuery", (Kind.REFUSED, Kind.DELAY), 3),
        ("firestore", "*/BatchGetDocuments", (Kind.REFUSED, Kind.DELAY, Kind.LOST_ANSWER), 3),
        ("pubsub", "*/Publish", (Kind.REFUSED, Kind.LOST_REQUEST, Kind.LOST_ANSWER, Kind.DELAY, Kind.AGAIN), 2),
        ("push-lister", "POST *", (Kind.LOST_REQUEST, Kind.LOST_ANSWER, Kind.AGAIN, Kind.REFUSED), 1),
        ("push-verifier", "POST *", (Kind.LOST_REQUEST, Kind.LOST_ANSWER, Kind.AGAIN, Kind.REFUSED), 1),
        ("push-transfer", "POST *", (*before, *after, Kind.AGAIN, Kind.HALF_REQUEST), 3),
    ]
    if edge:
        menu += 2 * [("edge", "GET *", (*before, *after, *bodies), 4)]
    if large:
        menu += 2 * [("gcs", "* /{staging}/*uploadId=*", (*before, *after, Kind.LATE_ERROR), 2)]
    found = []
    for door, match, kinds, most in chance.sample(menu, chance.randrange(3, 9)):
        kind = chance.choice(kinds)
        fault: Planned = {"door": door, "match": match, "kind": kind.value, "times": chance.randint(1, most)}
        fault["every"] = 1 if most == 1 else chance.choice((1, 2, 3))
        if kind in (Kind.REFUSED, Kind.LATE_ERROR):
            if door in ("firestore", "pubsub"):
                fault["code"] = chance.choice(("ABORTED", "UNAVAILABLE") if match == "*/Commit" else ("UNAVAILABLE",))
            else:
                fault |= chance.choice(_REFUSALS)
            if door == "edge" and chance.random() < 0.3:
                fault |= {"status": 404, "code": "NotFound"}
        if kind in (Kind.DELAY, Kind.SILENCE, Kind.STALL, Kind.AGAIN):
            fault["seconds"] = chance.choice((0, 0.3, 1.5, 3.0) if kind is Kind.AGAIN else (0.2, 1.0, 2.5))
        if kind is Kind.SLOW:
            fault["rate"] = chance.choice((20_000, 200_000))
        found.append(fault)
    return found


def _acts(chance: random.Random, mortal_edge: bool) -> list[Act]:
    def when() -> float:
        """As likely in the first second, when most is under way, as in the four after it."""
        return round(10 ** chance.uniform(-0.7, math.log10(STORM_SECONDS)), 2)

    found = [Act(when(), "kill", chance.choice(FUNCTIONS)) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
    if mortal_edge and chance.random() < 0.3:
        found.append(Act(when(), "kill", "edge"))
    for _ in range(chance.choice((0, 0, 1, 2))):
        who = chance.choice((*FUNCTIONS, "s3", "gcs", "firestore", "pubsub"))
        found.append(Act(when(), "freeze", who, chance.choice((0.5, 1.5, 3.0))))
    for _ in range(chance.choice((0, 1, 2))):
        do = chance.choice(("cut", "stop", "late"))
        seconds = chance.choice((0.01, 0.05)) if do == "late" else chance.choice((0.5, 2.0))
        found.append(Act(when(), do, chance.choice(("firestore", "pubsub")), seconds))
    for _ in range(chance.choice((0, 2, 5, 10))):
        found.append(Act(when(), chance.choice(("replace", "replace", "delete", "add"))))
    return found


def _of_transactions(chance: random.Random) -> list[Planned]:
    """What happens to the commit of a page's batches, in three of ten seeds. Of all commits they are so few that what
    happens to any commit hardly ever happens to them.
    """
    if chance.random() < 0.7:
        return []
    kind = chance.choice((*2 * (Kind.LOST_ANSWER,), Kind.LOST_REQUEST, Kind.REFUSED, Kind.SILENCE))
    fault: Planned = {"door": "firestore", "match": "*/Commit", "body": OF_A_TRANSACTION, "kind": kind.value}
    return [{**fault, "times": chance.choice((1, 2)), "code": "ABORTED", "seconds": 1.0}]


def _below_tls(chance: random.Random, edge: bool) -> list[Planned]:
    """What breaks within a record, or in the handshake."""
    kinds = (Kind.HALF_ANSWER, Kind.CUT_ANSWER, Kind.CORRUPT, Kind.STALL, Kind.SILENCE)
    found: list[Planned] = []
    for _ in range(chance.choice((1, 2, 3))):
        door = chance.choice(("s3", "gcs", *(2 * ("edge",) if edge else ())))
        fault: Planned = {"door": f"{door}-tls wire", "match": "answer 0", "times": 1}
        if chance.random() < 0.7:
            fault |= {"match": "answer [1-9]*", "times": chance.randint(1, 3), "every": chance.choice((1, 3, 7))}
        if door == "gcs" and chance.random() < 0.5:
            fault |= {"match": "request [1-9]*", "kind": Kind.HALF_REQUEST.value}
        else:
            fault |= {"kind": chance.choice(kinds).value, "seconds": chance.choice((0.2, 1.0, 2.5))}
        found.append(fault)
    return found


def _down(chance: random.Random) -> list[Act]:
    """A server that keeps state is killed and comes back with it, as its clients see that."""
    if chance.random() < 0.7:
        return []
    who, seconds = chance.choice(("firestore", "pubsub", "s3", "gcs")), chance.choice((0.5, 2.0))
    return [Act(round(10 ** chance.uniform(-0.7, math.log10(STORM_SECONDS)), 2), "down", who, seconds)]
