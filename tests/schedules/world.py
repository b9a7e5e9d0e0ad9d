"""Everything that a schedule has: buckets, edge, queue, state, instances, and what happens to them, from one seed."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from google.auth.credentials import Credentials

from shared.bootstrap import JobConfig
from shared.bootstrap.admin import admin
from shared.domain.objects import SOURCE_KEY
from shared.settings import Settings, load
from tests.fakes import FakeReports
from tests.schedules.chance import Chance, Swarm
from tests.schedules.edge import Edge
from tests.schedules.faults import Weather
from tests.schedules.gcs import DESTINATION, STAGING, Gcs, Stored
from tests.schedules.instance import Instance, SkewedClock
from tests.schedules.laws import Laws
from tests.schedules.loop import EPOCH, VirtualLoop
from tests.schedules.mutations import NONE, Mutation
from tests.schedules.network import Network, Server
from tests.schedules.pubsub import PubSub
from tests.schedules.remote import now
from tests.schedules.s3 import BUCKET, S3, Version
from tests.schedules.scale import CHUNK, LARGE, PART, QUANTUM
from tests.schedules.stores import StrictStores
from tests.schedules.truth import Truth

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""What a repr says that differs from process to process."""


_ENDING_SECONDS = 600.0
"""As long ago at the most an instance may have begun to write down the end of a run that another cancels."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the world is. concurrency: messages an instance handles at a time."""

    objects: int
    instances: int
    concurrency: int
    ends: float
    calls_a_move: int

    @classmethod
    def of(cls, chance: Chance) -> "Shape":
        draw = chance.of("shape")
        return cls(
            objects=draw.choice((1, 2, 4, 8)),
            instances=draw.choice((1, 2, 3)),
            concurrency=draw.choice((1, 2, 4)),
            ends=draw.choice((60.0, 300.0, 1200.0, 4000.0)),
            calls_a_move=draw.choice((1, 1, 3)),
        )


class Tokens:
    """Google's token server: tokens that are good for some minutes."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._life = world.chance.of("tokens").choice((90.0, 300.0, 900.0))
        self._until: dict[str, float] = {}

    def good(self, authorization: str) -> bool:
        return not self._world.swarm.expiry or self._until.get(authorization, 0.0) > self._world.loop.time()

    def issue(self) -> tuple[str, float]:
        token = f"token-{len(self._until) + 1}"
        until = self._until[f"Bearer {token}"] = self._world.loop.time() + self._life
        return token, until

    def credentials(self) -> Credentials:
        return TestCredentials(self)


class TestCredentials(Credentials):
    """google.auth's, with a token that ends in virtual time; renewed, as they are, some time before."""

    __test__ = False

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tokens, self._until = tokens, 0.0

    @property
    def valid(self) -> bool:
        return self.token is not None and self._until - 30.0 > self._tokens._world.loop.time()

    def refresh(self, request: object) -> None:
        self.token, self._until = self._tokens.issue()


@dataclass(slots=True)
class Fleet:
    """The instances of each function, started when there is work and no room. dead: kept, because a coroutine that is
    collected runs its clean-up, and what has died does not.
    """

    world: "World"
    running: dict[str, list[Instance]] = field(default_factory=dict)
    dead: list[Instance] = field(default_factory=list)
    _numbers: int = 0

    def room(self, function: str) -> Instance | None:
        """One that takes another message; None if all are full."""
        here = self.running.setdefault(function, [])
        free = [instance for instance in here if len(instance.under_way) < instance.room]
        draw = self.world.chance.of("fleet")
        if len(here) < self.world.shape.instances and (not free or draw.random() < 0.3):
            self._numbers += 1
            here.append(Instance(self.world, function, self._numbers))
            return here[-1]
        return draw.choice(free) if free else None

    def gone(self, instance: Instance) -> None:
        self.running[instance.function].remove(instance)
        self.dead.append(instance)
        for _ in range(len(self.world.queue.pending[instance.function])):
            self.world.queue.freed(instance.function)

    @property
    def busy(self) -> bool:
        return any(instance.under_way for here in self.running.values() for instance in here)


class World:
    """chance: all that is drawn. disturbed: the functions whose calls may fail. tracing: keep a line an event. mutation: a
    defence that is taken away. caller: the instance whose call of a port has just arrived.
    """

    hosts: tuple[str, ...] = ("s3", "edge", "gcs")
    """Those that may be down or throttle."""

    caller = ""

    copies_once = False
    """Whether nobody has a reason here to copy a version that is there already."""

    def __init__(
        self, chance: Chance, disturbed: frozenset[str], tracing: bool = False, mutation: Mutation = NONE
    ) -> None:
        self.chance = chance
        self.reports: FakeReports | None = None
        self.swarm, self.shape = self.drawn_swarm(), self.drawn_shape()
        self.disturbed, self.tracing, self.mutation = disturbed, tracing, mutation
        self.lines: list[str] = []
        self.ever_paused = False
        self.loop = VirtualLoop(self.chance.of("reorder") if self.swarm.reorder else None)
        self.laws = Laws(self)
        self.weather = Weather(self.chance, self.swarm, self.shape.ends, self.hosts)
        self.truth = Truth(self)
        self.page_size = self.drawn_page_size()
        self.settings = self.drawn_settings()
        self.config = self.drawn_config()
        self.stores, self.queue = StrictStores(self.time, self.laws, self.truth), self.made_queue()
        self.tokens = Tokens(self)
        self.s3 = S3(self.laws, self.page_size, self.asked)
        self.gcs = Gcs(self.laws, self.tokens.good, self.shape.calls_a_move, mutation.enforced)
        edge = Edge(self.s3, self.weather, self.chance.of("edge"), self.loop.time)
        self.network = Network(self, {"s3": self.s3, "edge": edge, "gcs": self.gcs, **self.further_servers()})
        self.loop.connect = self.network.connect
        self.fleet = Fleet(self)
        self.fill()

    def made_queue(self) -> PubSub:
        return PubSub(self)

    def further_servers(self) -> dict[str, Server]:
        """By their hosts' names."""
        return {}

    def drawn_swarm(self) -> Swarm:
        return Swarm.of(self.chance)

    def drawn_shape(self) -> Shape:
        return Shape.of(self.chance)

    def drawn_page_size(self) -> int:
        return self.chance.of("shape").choice((2, 1000))

    def drawn_settings(self) -> Settings:
        return settings_of(self.chance)

    def drawn_config(self) -> JobConfig:
        return replace(JobConfig.of(self.settings), buffer_bytes=2 * CHUNK)

    def fill(self) -> None:
        """The source as it is at first."""
        for number in range(self.shape.objects):
            self.put(b"k/%d" % number)
            if self.swarm.stale:
                self.put(b"k/%d" % number)

    def started(self, instance: Instance) -> None:
        """An instance has been put together."""

    def may_stay(self, stored: Stored, version: Version) -> bool:
        """Whether a copy that differs may stay as it is: never, in this world."""
        return False

    def time(self) -> float:
        """The services' clock, epoch seconds."""
        return EPOCH + self.loop.time()

    def trace(self, line: str) -> None:
        if self.tracing:
            self.lines.append(f"{self.loop.time():10.3f}  {_ADDRESS.sub('', line)}")

    def put(self, key: bytes) -> None:
        """A new version of an object, of any kind; often of the size that it had."""
        version = self.new_version(key)
        self.s3.write(key, version)
        self.truth.held(key, version)
        self.trace(f"source: {key!r} version {version.number}: {len(version.body)} bytes, ETag {version.etag}")

    def new_version(self, key: bytes) -> Version:
        """Of any kind that S3 has."""
        draw = self.chance.of("objects")
        history = self.s3.history.get(key, [])
        old = self.s3.current(key)
        sizes = (0, 1, 30, CHUNK, CHUNK + 1, 3 * QUANTUM, 3 * CHUNK, LARGE, LARGE + 1, 2 * PART + 300, 3 * PART)
        size = len(old.body) if old is not None and draw.random() < 0.7 else draw.choice(sizes)
        parts = draw.choice((0, 1, 2, 3)) if size else 0
        checksum = draw.choice(("", "", "crc32", "crc32c", "crc64nvme", "sha1", "sha256"))
        return Version(
            key=key,
            body=draw.randbytes(size),
            modified=int(self.time()),
            number=len(history) + 1,
            parts=_cut(size, parts, even=draw.random() < 0.7) if parts else (),
            hidden=draw.random() < 0.3,
            checksum=checksum,
            composite=checksum.startswith("sha") or (checksum.startswith("crc32") and draw.random() < 0.5),
            metadata={SOURCE_KEY: "another"} if self.swarm.reserved and draw.random() < 0.3 else {},
        )

    def delete(self, key: bytes) -> None:
        self.s3.write(key, None)
        self.truth.held(key, None)
        self.trace(f"source: {key.decode()} deleted")

    def asked(self, key: bytes) -> None:
        """Somebody has asked S3 for a key: the worst moment for it to change is the next one."""
        draw = self.chance.of("changes")
        if self.swarm.changes and self.loop.time() < self.weather.ends and draw.random() < 0.05:
            self.loop.later(10 ** draw.uniform(-2, 1.3), self.change, key)

    def change(self, key: bytes) -> None:
        """Somebody writes to the source."""
        draw = self.chance.of("changes")
        if draw.random() < 0.1:
            self.delete(key)
        else:
            self.put(key)

    def pause(self) -> None:
        self.ever_paused = True
        self.truth.paused_at = self.loop.time()
        self.stores.control.said = replace(self.stores.control.said, paused=True)
        self.trace("paused")

    async def resume(self) -> None:
        self.trace("resumed")
        self.truth.paused_at = None
        clock: Any = SkewedClock(self, 0.0)
        await admin(self.stores.ports, self.queue, clock, self.config).resume()

    def cancel(self) -> None:
        """A person ends a run that is going, sometimes one that was ended before."""
        running = [
            run for run in now(self.stores.runs.running()) if not now(self.stores.runs.summary(run.name)).finished
        ]
        if not running:
            return
        run = self.chance.of("cancels").choice(running)
        clock: Any = SkewedClock(self, 0.0)
        sent = now(admin(self.stores.ports, self.queue, clock, self.config).cancel(run))
        ending = self.stores.runs.documents[run.name].closing_until > clock.now() - _ENDING_SECONDS
        if not ending:  # else it ends as what was read of it before
            self.truth.cancelled.add(run.name)
        self.trace(f"cancelled: {run.name}, {sent}")

    def vanish(self) -> None:
        """The service forgets an upload: a session has expired, a rule has aborted a multipart upload."""
        draw = self.chance.of("vanish")
        for held in (self.gcs.sessions, self.gcs.uploads):
            if held and draw.random() < 0.5:
                gone = draw.choice(sorted(held))
                del held[gone]
                self.trace(f"gcs: upload {gone} vanishes")


def settings_of(chance: Chance) -> Settings:
    """A job's settings, drawn; sizes are scaled down, so the limits of the settings themselves do not apply."""
    draw = chance.of("settings")
    given = load(
        {
            "GOOGLE_CLOUD_PROJECT": "test",
            "SOURCE_BUCKET": BUCKET,
            "DESTINATION_BUCKET": DESTINATION,
            "STAGING_BUCKET": STAGING,
            "LIST_TOPIC": "list",
            "TRANSFER_TOPIC": "transfer",
            "VERIFY_TOPIC": "verify",
            "DEAD_LETTER_TOPIC": "dead",
            "CDN_URL": "http://edge.test",
            "VERIFY_AFTER": "never",
            "ROUTE": draw.choice(("cloudfront", "cloudfront", "direct", "cheapest")),
            "STALE_EDGE": draw.choice(("direct", "direct", "fail")),
            "KEYS_PER_MESSAGE": str(draw.choice((1, 3, 100))),
            "OBJECTS_IN_FLIGHT": str(draw.choice((1, 2, 4, 256))),
            "BUDGET_SECONDS": str(draw.choice((60, 540))),
        }
    )
    return given.model_copy(update={"large_bytes": LARGE, "part_bytes": PART})


def _cut(size: int, count: int, even: bool) -> tuple[int, ...]:
    """The sizes of an upload's parts."""
    count = min(count, size)
    first = -(-size // count)
    if not even and count > 1:
        first = max(1, first - first // 4)
        sizes = [first] * (count - 1)
        sizes[0] += min(first // 3, size - sum(sizes) - 1)
    else:
        sizes = [first] * (count - 1)
        while sum(sizes) >= size:
            sizes.pop()
    return (*sizes, size - sum(sizes))
