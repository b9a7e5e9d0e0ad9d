"""A run as it is stored, and its counts."""

from dataclasses import dataclass, field
from typing import Protocol

from shared.domain.counts import Counts
from shared.domain.errors import StateConflict
from shared.domain.keys import Key
from shared.domain.lag import Lag
from shared.domain.progress import Progress
from shared.domain.runs import RunKind, RunState
from shared.ports.range_store import OpenRange


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose end has not been written down. message: what began it, as JSON. started_at: epoch seconds. summable:
    whether all that it wrote can be added up; not so of a run that an earlier version began.
    """

    name: str
    kind: RunKind
    prefix: Key
    message: bytes
    started_at: float
    summable: bool = True


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended, whose report could not be written. ended_at: epoch seconds."""

    run: OpenRun
    state: RunState
    ended_at: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The counts of one run. listed: what the lister or verifier saw. outcomes: where it went, so far. filters: what
    left out the filtered keys. verdicts: what the verifier found, by verdict. open_ranges: still being walked.
    stopped_ranges: ended before their last key, by a ceiling or an error. changes: what events had told of the new and
    changed keys that a listing found. lag: of the keys that events named. found_there: of the unchanged keys those that
    were published, and whose copies the transfer has looked at; the others are unchanged as the ledger remembers. gap:
    no range is open any more, and those on record do not cover all keys of the run: some are lost.
    """

    listed_keys: int
    listed_bytes: int
    outcomes: Counts
    filters: Counts
    verdicts: Counts
    open_ranges: int
    stopped_ranges: int = 0
    changes: Counts = field(default_factory=Counts)
    lag: Lag = field(default_factory=Lag)
    found_there: int = 0
    gap: bool = False

    @classmethod
    def nothing(cls) -> "RunSummary":
        """Of a run that has not done anything."""
        return cls(0, 0, Counts(), Counts(), Counts(), 0)

    @property
    def cut_short(self) -> bool:
        """Whether keys were left out that lie in what is no longer open."""
        return self.stopped_ranges > 0 or self.gap

    @property
    def pending(self) -> int:
        """Keys that were listed and have not ended yet."""
        return self.listed_keys - self.outcomes.total_keys

    @property
    def finished(self) -> bool:
        return self.open_ranges == 0 and self.pending <= 0

    @property
    def balanced(self) -> bool:
        """Every listed key and byte has exactly one outcome."""
        return (
            self.finished
            and self.outcomes.total_keys == self.listed_keys
            and self.outcomes.total_bytes == self.listed_bytes
        )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is stored, whatever its state. ended_at: epoch seconds; summary: its counts. Both are None while its
    end is not written down.
    """

    run: OpenRun
    state: RunState
    ended_at: float | None
    summary: RunSummary | None = None


class EndTaken(StateConflict):
    """Another invocation has the right to end a run by now."""


@dataclass(frozen=True, slots=True)
class PartialSummary:
    """A run's counts as far as they have been added up: a run may have more documents than can be added up at once, or
    within one invocation. active_at: the run's last activity when that began; they hold as long as it stays so.
    position, width: how far the store has come, and in which steps; complete: everything is added up; edges: of the
    run's ranges so far (`shared.domain.splitting.edges`).
    """

    active_at: float | None
    summary: RunSummary = field(default_factory=RunSummary.nothing)
    position: int = 0
    width: int = 0
    complete: bool = False
    edges: int = 0


class RunStore(Protocol):
    """The runs of one job."""

    async def create(self, opened: OpenRange, kind: RunKind, now: float) -> bool:
        """Create a run with its first range, both at once; False, and nothing changes, if the run exists."""
        ...

    async def running(self) -> list[OpenRun]:
        """The runs whose end has not been written down, by their start."""
        ...

    async def names_running(self) -> frozenset[str]:
        """Their names, without what began them: that of a run of named keys is up to a megabyte."""
        ...

    async def since(self, moment: float) -> list[RunRecord]:
        """The runs that began at a moment (epoch seconds) or later, in the order of their beginnings. For people: it
        reads a document for each of them.
        """
        ...

    async def record(self, run: str) -> RunRecord | None:
        """A run as it is stored, None if there is none of this name (any more)."""
        ...

    async def exists(self, run: str) -> bool:
        """Whether there is, or was within the time that runs are kept, a run of this name."""
        ...

    async def summary(self, run: str) -> RunSummary:
        """A run's counts: added up while it is running, however long that takes, as they were written down once it has
        ended. Of a running run of events each record is read, for `lag`.
        """
        ...

    async def lag(self, run: str) -> Lag:
        """How late the copies are of the keys that a run of events named: reads each of its records."""
        ...

    async def partial_summary(self, run: str) -> PartialSummary | None:
        """What `keep_partial` kept of a run."""
        ...

    async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
        """A run's counts, some more of its documents added: a few seconds' work, however many there are."""
        ...

    async def keep_partial(
        self, run: str, partial: PartialSummary, now: float, lease_seconds: float, version: object
    ) -> object:
        """Keep how far a run's counts have been added up, for whoever goes on, and the right to end it for
        `lease_seconds` more; 0 gives it back. The token as `acquire_end` gives it. Raises EndTaken, and changes
        nothing, if another has taken the right over.
        """
        ...

    async def last_activity(self, run: str) -> float | None:
        """When a run was last worked on (epoch seconds): the last heartbeat, or, of a sample, what is unfinished. None
        if nothing is left to do.
        """
        ...

    async def heartbeat(self, run: str, instance: str, now: float, progress: Progress) -> None:
        """An instance has worked on a run: sent about once a minute, into a document of its own, with all it has done.
        A later heartbeat is not replaced by an earlier one.
        """
        ...

    async def progress(self, run: str) -> Progress:
        """What all instances together have done, as of their last heartbeats."""
        ...

    async def acquire_end(self, run: str, now: float, lease_seconds: float) -> object | None:
        """Take the right to end a run, which has consequences that should follow once: the token that `finish` must
        match, None if another has it or the run has ended.
        """
        ...

    async def finish(
        self, run: str, state: RunState, summary: RunSummary, now: float, version: object, reported: bool = True
    ) -> None:
        """Write down how a run ended, with its counts as they are. version: of the right to end it. reported: False
        keeps what a report is made of, so that it can be written later. Raises EndTaken, and changes nothing, if
        another has taken the right over.
        """
        ...

    async def unreported(self) -> list[EndedRun]:
        """Some of the runs that have ended and whose reports are still to be written."""
        ...

    async def reported(self, run: str) -> None:
        """A run's report was written after all."""
        ...

    async def scheduled(self, kind: RunKind) -> tuple[str, object]:
        """The last run of a kind that the scheduler started, "" for none, with the token that `schedule` must match."""
        ...

    async def scheduled_since(self, kind: RunKind) -> float | None:
        """When the first run of a kind was scheduled (epoch seconds), None if none was, as far as is remembered."""
        ...

    async def schedule(self, kind: RunKind, run: str, version: object) -> bool:
        """Become the scheduled run; False if another one was faster."""
        ...

    async def may_show(self, now: float, seconds: float) -> bool:
        """Take the right to write the pages of the runs that are running, which somebody has at most once in so many
        seconds; False if somebody had it lately.
        """
        ...
