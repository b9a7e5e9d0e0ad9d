"""What must hold, each law by its name. Most are checked at the very step that would break them, the rest at the end.

nothing lost                      once faults have ended and a delta has run, every object is there as it is
right bytes                       whatever becomes visible is, whole, a version that the key had, under its ETag
never older over newer            a copy is never replaced by one of an earlier version
read what was listed              every GET says by If-Match which version it means
preconditions                     every write and deletion at the destination says which generation it replaces
on record when there              a key is on record as copied only once that version has been at the destination
acknowledged when settled         a key of an acknowledged message has ended, or another message still carries it
cancelled is cancelled            a run that a person has ended ends as that, and its report is not green
counts balance                    every listed key and byte of a run has exactly one outcome, and the run ends
a fault of everybody is nobody's  no key fails for an outage, throttling or a credential
reasons                           no key fails for a reason that this world does not have
bounded time                      a push is answered within 600 s
bounded in flight                 an instance reads no more objects at a time than it may
bounded connections               an instance holds no more connections to a host than it may
no wait holds what it waits for   who holds a connection asks for one of a later lane only
every wait ends                   no message goes round for ever
nothing is left                   no upload is remembered, and none is open that an untroubled instance began
dead letters, readable messages   no message ends there, and each can be read by who gets it
limits                            what the services refuse for its size is not sent
no bug                            nothing raises what nobody expects
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.domain.messages import TransferMessage
from shared.domain.objects import SOURCE_ETAG, SOURCE_MTIME
from shared.domain.reasons import Reason, Scope
from shared.http.pool import Lane
from shared.ledger.entry import Entry
from tests.schedules.gcs import DESTINATION, Stored
from tests.schedules.pubsub import Sent
from tests.schedules.remote import now

if TYPE_CHECKING:
    from tests.schedules.instance import Instance
    from tests.schedules.world import World


_REASONS = {reason.value: reason for reason in Reason}


@dataclass(frozen=True, slots=True)
class Violation:
    """law: its name. what: what happened. at: virtual seconds."""

    law: str
    what: str
    at: float


@dataclass(slots=True)
class Laws:
    """The violations of a schedule, in order."""

    world: "World"
    violations: list[Violation] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)
    _shown: dict[bytes, int] = field(default_factory=dict)
    _appeared: set[tuple[bytes, str | None]] = field(default_factory=set)

    def broken(self, law: str, what: str, error: BaseException | None = None) -> None:
        """Note that a law was broken; the first three times each."""
        self._seen[law] += 1
        if error is not None:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None:
                what += f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        if self._seen[law] <= 3:
            self.violations.append(Violation(law, what[:600], self.world.loop.time()))
            self.world.trace(f"VIOLATION {law}: {what}")

    def reads(self, key: bytes, wanted: str | None) -> None:
        if wanted is None:
            self.broken("read what was listed", f"GET of {key.decode()} without If-Match")

    def visible(self, stored: Stored, before: Stored | None) -> None:
        """Something became visible at the destination."""
        self._appeared.add((stored.name, stored.metadata.get(SOURCE_ETAG)))
        number = self._version(stored)
        if number is None:
            self.broken("right bytes", f"{stored.name.decode()} shows {len(stored.body)} bytes that no version with ETag "
                        f"{stored.metadata.get(SOURCE_ETAG)} had")  # fmt: skip
            return
        # a later version may have the same bytes and ETag: what counts is which ones there were when it became visible
        was = None if before is None else self._shown.get(stored.name, self._version(before))
        if was is not None and number < was:
            self.broken("never older over newer", f"{stored.name.decode()}: version {number} replaces version {was}")
        self._shown[stored.name] = number
        again = was == number and self.world.copies_once
        if before is not None and again and not self._came_back(before, number):
            self.broken("nothing is copied twice", f"{stored.name.decode()}: version {number} replaces itself")

    def _version(self, stored: Stored) -> int | None:
        etag = stored.metadata.get(SOURCE_ETAG)
        history = self.world.s3.history.get(stored.name, ())
        found = [item.number for item in history if item is not None and (item.etag, item.body) == (etag, stored.body)]
        return max(found, default=None)

    def _came_back(self, copy: Stored, number: int) -> bool:
        """Whether the key held something else after what was copied, which is there again by its version `number`.
        Somebody may still be writing that; another copy of what is there stops it.
        """
        etag, modified = copy.metadata.get(SOURCE_ETAG), int(copy.metadata[SOURCE_MTIME])
        before = (item for item in self.world.s3.history[copy.name] if item is not None and item.number < number)
        return any(item.modified > modified and (item.etag, item.body) != (etag, copy.body) for item in before)

    def connected(self, instance: "Instance", host: str, count: int) -> None:
        if count > self.world.settings.objects_in_flight * len(Lane):
            self.broken("bounded connections", f"{instance.name} holds {count} to {host}")

    def copied(self, entry: Entry) -> None:
        """A key is on record as copied. Where it is now is no matter: it may have been damaged or deleted since."""
        if (entry.key, entry.etag) not in self._appeared:
            self.broken(
                "on record when there", f"{entry.key.decode()}, ETag {entry.etag}, never was at the destination"
            )

    def failed(self, entry: Entry) -> None:
        """A key is on record as failed."""
        key, told = entry.key.decode(), f"failed: {entry.reason}"
        reason = _REASONS[entry.reason.partition(":")[0]]
        if reason.scope is Scope.EVERYBODY:
            self.broken("a fault of everybody is nobody's", f"{key} {told}")
        elif reason is Reason.GONE and None in self.world.s3.history.get(entry.key, []):
            return
        elif not reason.retryable and not (reason is Reason.STALE_EDGE and self.world.swarm.stale):
            self.broken("reasons", f"{key} {told}")

    def acknowledged(self, sent: Sent) -> None:
        """A message was acknowledged and will not come again."""
        message, world = sent.message, self.world
        if not isinstance(message, TransferMessage) or world.ever_paused or message.batch in world.truth.lost:
            return
        found = world.stores.ledger.documents.get(message.batch)
        if found is None and message.batch in world.stores.ledger.merged:
            return  # after its run had ended
        still = {entry.key for entry in found[0].entries if entry.open} if found is not None else None
        for item in message.objects:
            if (still is None or item.key in still) and not self._carried(message.batch, item.key):
                self.broken(
                    "acknowledged when settled",
                    f"{sent.name} was acknowledged, {item.key.decode()} of batch {message.batch} is open, "
                    "and no other message carries it",
                )

    def _carried(self, batch: str, key: bytes) -> bool:
        return any(
            isinstance(other.message, TransferMessage)
            and other.message.batch == batch
            and any(item.key == key for item in other.message.objects)
            for other in self.world.queue.waiting.values()
        )

    def at_the_end(self) -> None:
        """Faults have ended, deltas have run, nothing moves."""
        self._nothing_lost()
        self._counts_balance()
        self._nothing_is_left()

    def _nothing_lost(self) -> None:
        world = self.world
        for key in world.s3.living():
            current = world.s3.current(key)
            stored = world.gcs.buckets[DESTINATION].get(key)
            assert current is not None
            if b"\n" in key or (stored is not None and world.may_stay(stored, current)):
                continue
            if stored is None or (stored.body, stored.metadata.get(SOURCE_ETAG)) != (current.body, current.etag):
                there = "nothing" if stored is None else f"version {self._version(stored)}"
                known = [
                    f"{entry.outcome} {entry.reason}"[:200]
                    for record, _ in world.stores.ledger.documents.values()
                    for entry in record.entries
                    if entry.key == key
                ]
                self.broken(
                    "nothing lost",
                    f"{key.decode()} is at version {current.number}, at the destination is {there}; on record: {known}",
                )

    def _counts_balance(self) -> None:
        runs = self.world.stores.runs
        names = list(runs.documents)
        for name in names:
            summary = now(runs.summary(name))
            if name in self.world.truth.lost:
                continue
            if not summary.balanced:
                self.broken("counts balance", f"run {name} ({runs.documents[name].state}): {summary}")
            elif runs.documents[name].state == "going" and name != names[-1]:
                self.broken("counts balance", f"run {name} is still going")

    @property
    def excuses_leavings(self) -> bool:
        """Whether something may be left for a rule to take away: what a call began whose answer was lost or came after
        the invocation's end, or somebody who was killed.
        """
        swarm = self.world.swarm
        lost = swarm.crashes or swarm.broken or swarm.state_errors or swarm.outage or swarm.throttling
        return lost or swarm.slow or swarm.freezes

    def _nothing_is_left(self) -> None:
        world, uploads = self.world, self.world.stores.uploads
        if uploads.opened:
            self.broken("nothing is left", f"uploads remembered: {list(uploads.opened.values())}"[:400])
        if uploads.leases:
            self.broken("nothing is left", f"leases held: {uploads.leases}")
        if self.excuses_leavings:
            return  # what is left in the bucket is for its lifecycle rule
        if world.gcs.uploads or world.gcs.buckets["staging"]:
            self.broken(
                "nothing is left",
                f"staging holds {list(world.gcs.uploads.values())} {list(world.gcs.buckets['staging'])}"[:400],
            )
        left = [session.resource["name"] for session in world.gcs.sessions.values() if session.done is None]
        if left:
            self.broken("nothing is left", f"upload sessions of {left}")
