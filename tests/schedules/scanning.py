"""The world of lister, verifier and deletion: many small keys, short pages, short budgets, and a destination that rots.

The transfer works undisturbed in it. What differs from its own world is drawn from streams of their own.
"""

from dataclasses import dataclass, fields, replace
from random import Random

from shared.bootstrap import JobConfig
from shared.domain.extraneous import DeleteExtras
from shared.domain.runs import RunState
from shared.ports.control_store import Control
from shared.settings import Settings, VerifyAfter
from tests.fakes import FakeReports
from tests.schedules.chance import Chance, Swarm
from tests.schedules.gcs import DESTINATION, Stored
from tests.schedules.s3 import Version
from tests.schedules.truth import ANOTHERS, SKEW_SECONDS, Truth
from tests.schedules.world import World

DAY = 86_400.0

MOST_PAGES = 14

FOREIGN = {
    "nobody's": {ANOTHERS: "somebody's"},
    "another job's": {
        ANOTHERS: "another job's",
        "s3gcs-etag": "0" * 32,
        "s3gcs-bucket": "another",
        "s3gcs-job": "another",
    },
}
"""Copies that are not this job's, though the second says that it is one of ours."""


@dataclass(frozen=True, slots=True)
class ScanSwarm:
    """What may happen in a schedule besides."""

    refused_pages: bool
    """S3 and Cloud Storage refuse pages of their listings, several times in a row."""
    losses: bool
    """Firestore's documents vanish."""
    damage: bool
    """Copies vanish or change at the destination, and some appear."""
    deletion: bool
    """The job deletes copies of no object."""
    ceilings: bool
    """A run may publish so many keys only."""
    short_budget: bool
    """Invocations end after seconds."""
    people: bool
    """People ask for prefixes and keys while runs are going."""
    many: bool
    """There are dozens of keys, in a few schedules more than a hundred, and not a handful."""

    @classmethod
    def of(cls, chance: Chance) -> "ScanSwarm":
        draw = chance.of("scan swarm")
        return cls(**{item.name: draw.random() < 0.4 for item in fields(cls)})

    def told(self) -> str:
        return " ".join(item.name for item in fields(self) if getattr(self, item.name)) or "nothing more"


class WatchedReports(FakeReports):
    """What reports say is held against what there is."""

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        await super().put(name, body, content_type)
        if name.endswith("report.html"):
            self._truth.reported(name, body)


class ScanWorld(World):
    """What `ONLY=lister` and `ONLY=verifier` run in."""

    def drawn_swarm(self) -> Swarm:
        """Without what is about the edge, about metadata and about uploads."""
        self.scan = ScanSwarm.of(self.chance)
        found = Swarm.of(self.chance)
        return replace(found, stale=False, edge_errors=False, reserved=False, lost_sessions=False)

    def drawn_settings(self) -> Settings:
        draw, given = self.chance.of("scan settings"), super().drawn_settings()
        self.reports = WatchedReports(self.truth)
        self.weather.refused_share = draw.choice((0.05, 0.3)) if self.scan.refused_pages else 0.0
        return given.model_copy(
            update={
                "objects_in_flight": draw.choice((4, 256)),
                "keys_per_message": draw.choice((3, 10, 100)),
                "budget_seconds": draw.choice((0.5, 2.0, 8.0)) if self.scan.short_budget else 540,
                "lease_seconds": draw.choice((15.0, 60.0)),
                "reread_unproven": draw.random() < 0.5,
                "compare_metadata": self.chance.of("metadata").random() < 0.5,
                "delete_extras": DeleteExtras.ON if self.scan.deletion else DeleteExtras.OFF,
                "extra_share": draw.choice((0.5, 1.0)),
                "extra_grace_seconds": draw.choice((1.0, 7200.0, DAY)),
                "verify_after": draw.choice(tuple(VerifyAfter)),
                "sum_depth": draw.choice((0, 1, 3)),
            }
        )

    def drawn_config(self) -> JobConfig:
        draw, given = self.chance.of("scan limits"), super().drawn_config()
        return replace(given, page_keys=self.page_size, range_keys=draw.choice((4, 12, 500_000)))

    def drawn_page_size(self) -> int:
        """What listings of either side show at once. A run makes a few dozen requests at most, so that there is time
        for many schedules: what pages do to a range shows at the second, the third and the last one.
        """
        self.keys = self._drawn_keys()
        return self._drawn_page("scan pages")

    def _drawn_keys(self) -> int:
        draw = self.chance.of("keys of a source")
        return draw.choice((*[20, 30, 40] * 5, 160)) if self.scan.many else draw.choice((1, 3, 6, 12))

    def _drawn_page(self, purpose: str) -> int:
        return self.chance.of(purpose).choice([size for size in (1, 3, 7, 20, 1000) if self.keys <= MOST_PAGES * size])

    def may_stay(self, stored: Stored, version: Version) -> bool:
        """Its bytes are right, though what says from where they come is gone. Or somebody has damaged it, and nothing
        can show it, as there is no MD5 of this version: comparisons call it unproven, and copy it if the job says so.
        """
        if stored.body == version.body:
            return True
        return len(stored.body) == len(version.body) and not version.single and not self.config.reread_unproven

    def fill(self) -> None:
        """Folders of many sizes, names beside them, one that Cloud Storage refuses."""
        draw = self.chance.of("keys")
        self.gcs.page_size = self._drawn_page("pages of copies")
        for _ in range(self.keys):
            folder = draw.choice(("", "a/", "a/b/", "a/b/c/", "b/", "zz/", "ä/"))
            self.put(f"{folder}{draw.randrange(10 ** draw.choice((1, 2, 4)))}".encode())
        if draw.random() < 0.2:
            self.put(b"a/line\nbreak")
        self.bury()
        if self.scan.ceilings:
            self.stores.control.said = Control(most_objects=draw.choice((3, 20, 60)))

    def bury(self) -> None:
        """Most of what there was is deleted: S3 ends pages of its listing on which it has found little or nothing."""
        draw = self.chance.of("deleted keys")
        self.s3.most_dead = draw.choice((None, None, None, 1, 4))
        for _ in range(draw.randrange(12) if self.s3.most_dead is not None else 0):
            key = f"{draw.choice(('', 'a/', 'a/b/', 'b/', 'zz/'))}{draw.randrange(1000)}".encode()
            if key not in self.s3.history:
                self.put(key)
                self.delete(key)

    def new_version(self, key: bytes) -> Version:
        """Small, single or multipart, with an ETag that is an MD5 or not."""
        draw = self.chance.of("objects")
        size = draw.choice((0, 1, 30, 30))
        return Version(
            key=key,
            body=draw.randbytes(size),
            modified=int(self.time()),
            number=len(self.s3.history.get(key, [])) + 1,
            parts=(size,) if size and draw.random() < 0.2 else (),
            hidden=draw.random() < 0.2,
        )

    def write(self) -> None:
        """Somebody adds, replaces or deletes a key of the source."""
        draw = self.chance.of("writes")
        roll = draw.random()
        if self.s3.living() and self.chance.of("metadata").random() < 0.1:
            self.write_again(draw.choice(self.s3.living()))
        elif roll < 0.4:
            self.put(f"{draw.choice(('', 'a/', 'a/b/', 'b/', 'new/'))}{draw.randrange(1000)}".encode())
        elif self.s3.living():
            key = draw.choice(self.s3.living())
            if roll < 0.6:
                self.put(key)
            else:
                self.delete(key)

    def write_again(self, key: bytes) -> None:
        """The same bytes, and so the same ETag, with other metadata."""
        old = self.s3.current(key)
        assert old is not None
        version = replace(old, modified=int(self.time()), metadata={"written": str(int(self.time()))})
        self.s3.write(key, version)
        self.truth.held(key, version)
        self.trace(f"source: {key!r} written again with other metadata")

    def damage(self) -> None:
        """Somebody else writes to the destination."""
        draw, held = self.chance.of("damage"), self.gcs.buckets[DESTINATION]
        kind = draw.choice(("gone", "bytes", "size", "stripped", "headers", *FOREIGN))
        if kind in FOREIGN:
            self.rot(f"{draw.choice(('', 'a/', 'b/', 'other/'))}x{draw.randrange(50)}".encode(), b"x", FOREIGN[kind])
            return
        names = [name for name in sorted(held) if ANOTHERS not in held[name].metadata]
        if not names:
            return
        name = draw.choice(names)
        stored = held[name]
        if kind == "gone":
            del held[name]
            self.truth.copied(name, None)
            self.trace(f"destination: somebody deletes {name!r}")
        elif kind == "bytes" and stored.body:
            self.rot(name, bytes([stored.body[0] ^ 1]) + stored.body[1:], stored.metadata)
        elif kind == "size":
            self.rot(name, stored.body + b"!", stored.metadata)
        elif kind == "headers":
            self.change_headers(name)
        else:
            self.rot(name, stored.body, {})

    def change_headers(self, name: bytes) -> None:
        """Somebody changes what is said of an object, and leaves its bytes and its generation."""
        held = self.gcs.buckets[DESTINATION]
        stored = held[name]
        held[name] = changed = replace(
            stored,
            resource={**stored.resource, "contentType": "text/html"},
            metageneration=stored.metageneration + 1,
        )
        self.truth.copied(name, changed)
        self.trace(f"destination: somebody changes the type of {name!r}")

    def rot(self, name: bytes, body: bytes, metadata: dict[str, str]) -> None:
        """The destination holds this now, whatever was there."""
        if name in self.s3.history and ANOTHERS in metadata:
            return
        stored = self.gcs.put_by_hand(name, body, metadata)
        stored.locked = self.chance.of("customers' keys").random() < 0.2
        self.truth.copied(name, stored)
        self.trace(f"destination: somebody writes {name!r}, {len(body)} bytes, {metadata}")

    def lose(self) -> None:
        """Documents of Firestore vanish; runs that were going do not add up any more, and nothing else may suffer."""
        draw, stores = self.chance.of("losses"), self.stores
        what = draw.choice(("ledger", "ledger", "a record", "prefixes", "extras", "turns", "heartbeats", "ranges"))
        self.trace(f"firestore: {what} lost")
        if what in ("ledger", "a record"):
            names = sorted(stores.ledger.documents)
            for name in names if what == "ledger" else names[: draw.randrange(3)]:
                self.truth.lost |= {name, stores.ledger.documents[name][0].run}
                del stores.ledger.documents[name]
        elif what == "ranges":
            self._lose_ranges(draw)
        elif what == "prefixes":
            stores.prefixes.documents.clear()
        elif what == "extras":
            stores.extras.documents.clear()
        elif what == "turns":
            stores.runs.turns.clear()
        else:
            stores.runs.beaten.clear()

    def _lose_ranges(self, draw: Random) -> None:
        """One or two, open or done, of a run whose end nobody is writing down yet."""
        runs, now = self.stores.runs, self.loop.time()
        going = {
            name
            for name, run in runs.documents.items()
            if run.state is RunState.RUNNING and run.closing_until < now - SKEW_SECONDS and name not in runs.partial
        }
        there = [piece for piece in self.stores.ranges.documents if piece.run in going]
        for piece in draw.sample(there, min(draw.randint(1, 2), len(there))):
            self.trace(f"firestore: {piece} lost")
            self.truth.lost.add(piece.run)
            self.truth.holes.add(piece.run)
            del self.stores.ranges.documents[piece]

    def ask(self) -> None:
        """A person types a message."""
        draw = self.chance.of("people")
        prefix = draw.choice(("a/", "a/b/", "b/", "zz/"))
        keys = [key.decode() for key in draw.sample(self.s3.living(), min(2, len(self.s3.living())))]
        quoted = ", ".join(f'"{key}"' for key in keys if "\n" not in key)
        asked = [
            ("list", f'{{"prefix": "{prefix}"}}'),
            ("list", f'{{"prefix": "{prefix}", "force": true}}'),
            ("verify", f'{{"prefix": "{prefix}"}}'),
            ("verify", '{"repair": false}'),
            ("verify", '{"close": true}'),
            ("list", "{}"),
            ("verify", "{}"),
        ]
        if quoted:
            asked.append(("list", f'{{"keys": [{quoted}]}}'))
        topic, data = draw.choice(asked)
        self.queue.send(topic, data.encode())
