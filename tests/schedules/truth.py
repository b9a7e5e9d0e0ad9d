"""What both buckets really held at every moment, and what lister, verifier, reports and deletion may say and do of it.

Each law is judged against the buckets in the time of a run, from its first write to the moment judged: a key counts as
the same if it was at some moment of that time, and as listed if it was there at some moment. So a change under way
excuses what it makes true or false, and nothing else.
"""

import html
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from shared.domain.counts import RangeCounts
from shared.domain.provenance import of_the_owner
from shared.domain.runs import RunKind, RunState
from shared.ports.range_store import HeldRange
from shared.reporting.index_rows import parse
from shared.reporting.report_running import is_interim
from tests.fakes import FakeReports
from tests.fakes.runs import StoredRun
from tests.schedules.gcs import Stored
from tests.schedules.s3 import CONTENT_TYPE, Version

if TYPE_CHECKING:
    from tests.schedules.world import World

T = TypeVar("T")
Line = list[tuple[float, T | None]]
"""What a key held, from when on: None for nothing."""

ANOTHERS = "made-by"
"""Metadata of the copies that this world puts there for somebody else."""

ASKED_SECONDS = 900.0
"""Between the question whether S3 has a key and the deletion of its copy there may be retries, and one pause of a
process.
"""

PAUSE_SECONDS = 400.0
"""After a pause has begun, what had been decided before may still arrive: a page of deletions, delayed by 90 s twice
and by a process that stood still for 300 s.
"""

SKEW_SECONDS = 15.0

SINGLE_KEYS = (RunKind.KEYS, RunKind.EVENTS)
"""Runs that say nothing of all keys of a prefix."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range that was closed: the keys `cursor < key <= until`, until None for the prefix's end."""

    prefix: bytes
    cursor: bytes
    until: bytes | None
    stopped: bool


@dataclass(slots=True)
class Truth:
    """source, copies: by key, what both sides held. missed: when S3 last said of a key that it has none. began: runs,
    by when they were created. spans: their closed ranges. lost: runs and batches whose documents this world has taken
    away while they were going. holes: runs of these that have lost a range. cancelled: runs that a person has ended.
    """

    world: "World"
    source: dict[bytes, Line[Version]] = field(default_factory=lambda: defaultdict(list))
    copies: dict[bytes, Line[Stored]] = field(default_factory=lambda: defaultdict(list))
    missed: dict[bytes, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    lost: set[str] = field(default_factory=set)
    holes: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    paused_at: float | None = None

    @property
    def now(self) -> float:
        return self.world.loop.time()

    def held(self, key: bytes, version: Version | None) -> None:
        """The source holds this from now on."""
        self.source[key].append((self.now, version))

    def copied(self, name: bytes, stored: Stored | None) -> None:
        """The destination holds this from now on."""
        self.copies[name].append((self.now, stored))

    def created(self, run: str) -> None:
        self.began.setdefault(run, self.now)

    def closed(self, held: HeldRange, kind: RunKind, counts: RangeCounts) -> None:
        """A range was closed with its counts."""
        run, listed = held.id.run, counts.listed.total_keys
        if kind in SINGLE_KEYS or run in self.lost:
            return
        span = Span(held.id.prefix, held.id.cursor, held.until, bool(counts.stopped))
        self.spans[run].append(span)
        least, most = self._listed(run, span)
        if listed > most or (listed < least and not span.stopped):
            self.world.laws.broken(
                "listed is what there is", f"run {run}, {span}: {listed} keys, {least} to {most} are"
            )

    def _listed(self, run: str, span: Span) -> tuple[int, int]:
        """How many keys a range had all the time since its run began, and how many at some moment of it."""
        least = most = 0
        for key, line in self.source.items():
            if key.startswith(span.prefix) and key > span.cursor and (span.until is None or key <= span.until):
                held = during(line, self.began[run], self.now)
                least, most = least + (None not in held), most + any(item is not None for item in held)
        return least, most

    def ended(self, run: str, kind: RunKind, state: RunState) -> None:
        """A run's end was written down: its ranges are one line without gap or overlap."""
        if state is not RunState.CANCELLED and run in self.cancelled:
            self.world.laws.broken("cancelled is cancelled", f"run {run} was cancelled, and has ended as {state}")
        if state is RunState.FINISHED and run in self.holes:
            self.world.laws.broken("every key in one range", f"run {run} has lost a range, and has ended as {state}")
        if kind is RunKind.KEYS or run in self.lost:
            return
        if state is RunState.TIMED_OUT:
            self.world.laws.broken("a run ends", f"run {run} is given up after an hour without any work on it")
            return
        if kind in SINGLE_KEYS:
            return
        at: bytes | None = b""
        for span in sorted(self.spans[run], key=lambda item: item.cursor):
            if span.cursor != at:
                self.world.laws.broken("every key in one range", f"run {run}: {span} does not begin at {at!r}")
            at = span.until
        if at is not None:
            self.world.laws.broken("every key in one range", f"run {run}: nobody has listed what lies behind {at!r}")

    def reported(self, name: str, body: bytes) -> None:
        """A report was written. Its sentence is read as people read it."""
        run = name.split("/")[-2]
        found = re.search(r'<header class="(\w+)"><h1>(.*?)</h1>', body.decode(), re.DOTALL)
        if not name.endswith("report.html") or run not in self.began:
            return
        if found is None:
            self.world.laws.broken("the sentence is true", f"the report of {run} has none")
            return
        self._judge(run, found[1], html.unescape(found[2]))

    def _judge(self, run: str, tone: str, sentence: str) -> None:
        stored = self.world.stores.runs.documents[run]
        if stored.kind in SINGLE_KEYS:
            return
        self.world.trace(f"report of {run}: {tone}: {sentence}")
        if tone == "good" and run in self.cancelled:
            self.world.laws.broken("cancelled is cancelled", f"run {run} was cancelled: {sentence!r}")
        prefix = stored.prefix
        pairs = {
            key: (during(line, self.began[run], self.now), during(self.copies[key], self.began[run], self.now))
            for key, line in list(self.source.items())
            if key.startswith(prefix)
        }
        ever = {key: pair for key, pair in pairs.items() if any(item is not None for item in pair[0])}
        may_agree = {key for key, pair in ever.items() if agree(*pair)}
        laws = self.world.laws
        if tone == "good":
            wrong = [key for key, pair in ever.items() if None not in pair[0] and key not in may_agree]
            if wrong:
                laws.broken(
                    "green is proven", f"run {run} ({stored.kind}): {sentence!r}, and never agreed: {wrong[:5]}"
                )
        if stored.kind is not RunKind.VERIFY:
            return
        same = told_the_same(sentence)
        if same > len(may_agree):
            laws.broken("N is true", f"run {run}: {sentence!r}, at most {len(may_agree)} ever agreed")
        for word, counted in self._at_most(ever).items():
            if number(rf"([\d,]+) {word}", sentence) > counted:
                laws.broken("the sentence is true", f"run {run}: {sentence!r}, at most {counted} were {word}")
        self._extras(run, prefix, sentence)

    def _at_most(self, ever: dict[bytes, tuple[list[Version | None], list[Stored | None]]]) -> dict[str, int]:
        """Of how many keys each word can be true."""

        def count(says: "dict[bytes, bool]") -> int:
            return sum(says.values())

        return {
            "with other headers or metadata": count(
                {
                    key: any(v and c and not headers_agree(v, c) for v in versions for c in copies)
                    for key, (versions, copies) in ever.items()
                }
            ),
            "missing": count({key: None in copies for key, (_, copies) in ever.items()}),
            "of another size": count(
                {
                    key: any(v and c and len(v.body) != len(c.body) for v in versions for c in copies)
                    for key, (versions, copies) in ever.items()
                }
            ),
            "of other bytes": count(
                {
                    key: any(v and c and v.body != c.body for v in versions for c in copies)
                    for key, (versions, copies) in ever.items()
                }
            ),
        }

    def _extras(self, run: str, prefix: bytes, sentence: str) -> None:
        """Copies of no object, each counted once."""
        said = number(r"([\d,]+) cop(?:y belongs|ies belong) to no object", sentence)
        least = most = 0
        for name, line in self.copies.items():
            if name.startswith(prefix):
                copies = during(line, self.began[run], self.now)
                held = during(self.source.get(name, []), self.began[run], self.now)
                most += any(item is not None for item in copies) and None in held
                least += None not in copies and all(item is None for item in held)
        whole = (
            sentence.startswith(("All ", "The ", "Not every")) or re.search(" keys? (is|are) ", sentence) is not None
        )
        if said > most or (said < least and whole and "to no object" in sentence):
            self.world.laws.broken("extras are counted once", f"run {run}: {sentence!r}, and {least} to {most} are")

    def deleted(self, stored: Stored) -> None:
        """Something was deleted at the destination."""
        laws, name, now = self.world.laws, stored.name, self.now
        told = f"{name.decode()} (generation {stored.generation})"
        if ANOTHERS in stored.metadata:
            laws.broken("nothing of others is deleted", f"{told} was {stored.metadata[ANOTHERS]}")
        line = self.source.get(name, [])
        asked = now - self.missed.get(name, float("-inf")) < ASKED_SECONDS
        if not asked:
            laws.broken("S3 is asked before a deletion", f"{told}: S3 was not asked for it")
        if line and line[-1][1] is not None and not asked:
            laws.broken("nothing is deleted that S3 has", told)
        grace = self.world.config.extra_grace_seconds - SKEW_SECONDS
        there = [at for at, item in self.copies[name] if item is not None and item.generation == stored.generation]
        gone = max([at for at, item in line if item is None] + there[:1])
        if now - gone < grace and not (line and line[-1][1] is not None):
            laws.broken("grace is kept", f"{told} was alone for {now - gone:.0f} s")
        if self.paused_at is not None and now - self.paused_at > PAUSE_SECONDS:
            laws.broken("a pause deletes nothing", f"{told}, {now - self.paused_at:.0f} s after the pause began")

    def at_the_end(self) -> None:
        """Nothing moves any more: no range is open, no run is going, every run has its report."""
        world = self.world
        for piece, item in world.stores.ranges.documents.items():
            if item.state == "open" and piece.run not in self.lost:
                world.laws.broken("no range stays open", f"{piece}, held by {item.owner or 'nobody'}")
        for name, run in world.stores.runs.documents.items():
            if run.state is RunState.RUNNING:
                world.laws.broken("a run ends", f"run {name} is still going")
            elif world.reports is not None and not _idle(run):
                self._is_reported(name, run.state, world.reports)

    def _is_reported(self, name: str, state: RunState, reports: FakeReports) -> None:
        """Its report stands where its page stood while it was running, and the index has its sentence."""
        laws = self.world.laws
        pages = [body for file, (body, _) in reports.files.items() if file.endswith(f"/{name}/report.html")]
        if not pages:
            laws.broken("every report is written", f"run {name} ({state}) has none")
        elif is_interim(pages[0]):
            laws.broken("every report is written", f"run {name} ({state}) has the page of a running run")
        rows = [row for file, (body, _) in reports.files.items() if file.endswith("/index.html") for row in parse(body)]
        if not any(row.run == name and row.sentence for row in rows):
            laws.broken("every report is written", f"the index has no sentence of run {name} ({state})")


def _idle(run: StoredRun) -> bool:
    """Whether it is one of events that has found none: of these there may be many, and none has a report."""
    found = run.summary is not None and run.summary.listed_keys
    return run.kind is RunKind.EVENTS and run.state is RunState.FINISHED and not found


def during(line: Line[T], since: float, until: float) -> list[T | None]:
    """What was there at `since`, and all that came until `until`."""
    before: list[T | None] = [item for at, item in line if at <= since]
    return [before[-1] if before else None] + [item for at, item in line if since < at <= until]


def headers_agree(version: Version, copy: Stored) -> bool:
    """Whether a copy says what its object says."""
    said = of_the_owner(copy.metadata) == version.metadata
    return said and copy.resource.get("contentType") == CONTENT_TYPE


def agree(versions: list[Version | None], copies: list[Stored | None]) -> bool:
    """Whether both sides may have been seen alike."""
    bodies = {item.body for item in versions if item is not None}
    return any(item is not None and item.body in bodies for item in copies)


def number(pattern: str, sentence: str) -> int:
    """The first number that a pattern finds, 0 if it finds none."""
    found = re.search(pattern, sentence)
    return int(next(group for group in found.groups() if group).replace(",", "")) if found else 0


def told_the_same(sentence: str) -> int:
    """How many keys a comparison's sentence calls the same."""
    counted = r"^All ([\d,]+) keys are the same|([\d,]+)(?: of [\d,]+(?: listed)? keys?)? (?:is|are) the same"
    return number(counted, sentence) or sentence.startswith("The one key is the same")
