"""A run that waits in a long queue looks dead from its records: who works on it reports that, and what was done."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.counts import Outcome
from shared.domain.progress import Progress
from shared.ledger.entry import Entry
from shared.ports.clock import Clock
from shared.ports.run_store import RunStore

_MOST_RUNS = 100
"""Of which an instance knows what it has done: a message that names keys is a run of its own."""


@dataclass(slots=True)
class _Work:
    """What an instance has done for a run, and under which name and when (monotonic seconds) it last told of it."""

    name: str
    progress: Progress = field(default_factory=Progress)
    sent_at: float = float("-inf")


@dataclass(slots=True)
class Heartbeat:
    """One an instance. seconds: between two heartbeats of a run; with hundreds of instances a few writes a second.
    What it has done for a run that it has not worked on for long it lets go of; should it come back, it tells of that
    under another name, and what was told stays.
    """

    runs: RunStore
    clock: Clock
    seconds: float = 60.0
    instance: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _done: dict[str, _Work] = field(default_factory=dict)
    _let_go: int = 0

    def took(self, run: str, what: str, size: int, seconds: float) -> None:
        """A key, or a part of one, was copied in so many seconds."""
        work = self._done.get(run) or self._work(run)
        work.progress.took(seconds, size, what)

    async def send(self, run: str, ended: Sequence[Entry] = ()) -> None:
        """Report that the instance has worked on a run, and how keys have ended since it last did."""
        now, work = self.clock.monotonic(), self._work(run)
        progress = work.progress
        at = self.clock.now() // self.seconds * self.seconds
        progress.at_work(at, self.seconds)
        copied = [entry for entry in ended if entry.outcome is Outcome.COPIED]
        for way in {entry.route for entry in copied}:
            sizes = [entry.size for entry in copied if entry.route == way]
            progress.copied(at, way, len(sizes), sum(sizes))
        for storage_class in {entry.storage_class for entry in copied} - {"", "STANDARD"}:
            sizes = [entry.size for entry in copied if entry.storage_class == storage_class]
            progress.read(storage_class, len(sizes), sum(sizes))
        for entry in copied:
            progress.sized(entry.size)
        for outcome in {entry.outcome for entry in ended} - {Outcome.COPIED, None}:
            sizes = [entry.listed_size for entry in ended if entry.outcome == outcome]
            progress.ended(at, str(outcome), len(sizes), sum(sizes))
        progress.kms += sum(entry.kms for entry in copied)
        if now - work.sent_at >= self.seconds:
            work.sent_at = now
            await self.runs.heartbeat(run, work.name, self.clock.now(), progress)

    def _work(self, run: str) -> _Work:
        """What was done for a run. The one that was asked for last comes last."""
        work = self._done.pop(run, None)
        if work is None:
            if len(self._done) >= _MOST_RUNS:
                del self._done[next(iter(self._done))]
                self._let_go += 1
            work = _Work(f"{self.instance}-{self._let_go}" if self._let_go else self.instance)
        self._done[run] = work
        return work
