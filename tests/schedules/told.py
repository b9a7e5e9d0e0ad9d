"""What events have told, and what must come of it. The laws of events, each by its name:

told is copied             once the queue is empty, each key whose last change came through it is as that made it, or
                           has failed in an outage that looked like the key's own fault, and the delta finds it
deleted when sent          a message is deleted only after its change, or a later one of its key, was recorded and sent
older events cost nothing  an instance publishes no change that is older than one of the same key which it has followed
nothing is copied twice    no copy is replaced by the same version of its object (`laws.Laws.visible`), but one
                           that is current again after another
readable events            none is put aside that could be read and was received in good weather more than twice
missed is what came to nothing  a delta counts each change as missed, or as unsure, whose event came to nothing, and
                           no other
what is remembered         an instance's memory of what it has followed is bounded
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.domain.counts import Outcome
from shared.domain.messages import TransferMessage
from shared.domain.missed import Change as Kind
from shared.domain.objects import SOURCE_ETAG
from shared.domain.runs import RunKind
from shared.ledger.record import BatchRecord
from tests.schedules.gcs import DESTINATION
from tests.schedules.remote import now
from tests.schedules.sqs import HIDDEN_SECONDS, Change, Message

if TYPE_CHECKING:
    from tests.schedules.following import EventsWorld

CALM_SECONDS = 2 * HIDDEN_SECONDS
"""After the weather has become good, what was received before it may still be hidden, and its receiver stand still."""

MOST_CALM_RECEIVES = 2
"""Of a message that is put aside. A copy of it may stay where it was deleted; and of two that wait for a first event at
once one begins no run, and leaves what it has received.
"""

JUDGED_SECONDS = 15.0
"""Clocks differ by so much at the most, where it is asked how old a change is."""


@dataclass(slots=True)
class Told:
    """sent: by key, when a message that an event has led to was last accepted. removals: by key, the last removal that
    was handed out. followed: by instance and key, the last change that was published or dropped before its message was
    deleted. fresh: by instance and key, changes that were handed out to it before it had followed a later one. came:
    changes whose messages came to an end in the queue. received: by message, when it was handed out.
    """

    world: "EventsWorld"
    sent: dict[bytes, float] = field(default_factory=dict)
    removals: dict[bytes, int] = field(default_factory=dict)
    followed: dict[str, dict[bytes, int]] = field(default_factory=lambda: defaultdict(dict))
    fresh: dict[str, dict[bytes, set[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    came: set[Change] = field(default_factory=set)
    put_aside: set[Change] = field(default_factory=set)
    received: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def handed_out(self, message: Message, by: str) -> None:
        """SQS gives a message to an instance."""
        change = message.change
        self.received[message.number].append(self.world.loop.time())
        self.world.trace(f"sqs: {message.handle} to {by}: {change or message.body[:40]}")
        if change is not None and change.place > self.followed[by].get(change.key, 0):
            self.fresh[by][change.key].add(change.place)
        if change is not None and change.removed:
            self.removals[change.key] = max(change.place, self.removals.get(change.key, 0))

    def deleted(self, message: Message, by: str) -> None:
        """An instance has said that a message is worked on."""
        change = message.change
        self.world.trace(f"sqs: {message.handle} is deleted by {by}")
        if change is None:
            return
        self.came.add(change)
        known = self.followed[by]
        known[change.key] = max(change.place, known.get(change.key, 0))
        since = self.world.truth.source[change.key][change.place - 1][0]
        later = self.removals.get(change.key, 0) > change.place
        if not change.removed and not later and self.sent.get(change.key, -1.0) < since:
            self.world.laws.broken("deleted when sent", f"{change} is deleted by {by}, and nothing was sent of it")

    def dead(self, message: Message) -> None:
        """A message was put aside."""
        self.world.trace(f"sqs: {message.handle} is put aside: {message.body[:80]}")
        if message.change is None:
            return
        self.put_aside.add(message.change)
        if message.change in self.came:
            return  # it was published, and its deletion asked for: what SQS still has of it loses nothing
        calm = self.world.weather.ends + CALM_SECONDS
        late = sum(at > calm for at in self.received[message.number])
        if late > MOST_CALM_RECEIVES or not self.world.may_put_aside:
            self.world.laws.broken("readable events", f"{message.change} was put aside")

    def published(self, message: TransferMessage) -> None:
        """Pub/Sub has accepted a message of a run of events."""
        ledger = self.world.stores.ledger
        if message.batch not in ledger.documents and message.batch not in ledger.merged:
            self.world.laws.broken("deleted when sent", f"batch {message.batch} is sent, and is not on record")
        for item in message.objects:
            self.sent[item.key] = self.world.loop.time()

    def recorded(self, record: BatchRecord) -> None:
        """A batch of a run of events was created."""
        world = self.world
        if not world.caller.startswith("list-"):
            return  # a transfer was so late that the record had been merged
        known, fresh = self.followed[world.caller], self.fresh[world.caller]
        self._remembered()
        if len({key for seen in self.followed.values() for key in seen}) > world.most_seen:
            return
        for entry in record.entries:
            history = world.s3.history[entry.key]
            places = {at + 1 for at, item in enumerate(history) if item is not None and item.etag == entry.etag}
            if not places & fresh[entry.key]:
                told = f"change {sorted(places)} of {entry.key!r}, and had followed {known.get(entry.key)}"
                world.laws.broken("older events cost nothing", f"{world.caller} publishes {told} before it came")

    def _remembered(self) -> None:
        for instance in self.world.fleet.running.get("list", []):
            following = instance.app.lister.events
            held = len(following.publish.seen._sequencers) if following is not None else 0
            if held > self.world.most_seen:
                self.world.laws.broken("what is remembered", f"{instance.name} holds {held} of {self.world.most_seen}")

    def at_rest(self) -> None:
        """Nothing is in the queue, and nothing is under way."""
        world = self.world
        if world.swarm.cancels:  # what a person has ended is not copied, and the delta brings it
            return
        for key in world.s3.living():
            change = Change(key, len(world.s3.history[key]), removed=False)
            current, stored = world.s3.current(key), world.gcs.buckets[DESTINATION].get(key)
            assert current is not None
            if change not in self.came or b"\n" in key or self._has_failed(key, current.etag):
                continue
            if stored is None or (stored.body, stored.metadata.get(SOURCE_ETAG)) != (current.body, current.etag):
                there = "nothing" if stored is None else f"ETag {stored.metadata.get(SOURCE_ETAG)}"
                world.laws.broken("told is copied", f"{change} came, and at the destination is {there}")

    def came_to_nothing(self) -> tuple[int, int, int, int]:
        """How many changes the next delta may find, must find, may call missed, and must: of keys whose last event came
        to nothing; of those of them that nobody has on record in this version; that are not older than the first run
        of events; that were followed and are old.
        """
        world, may, must, may_miss, missed = self.world, 0, 0, 0, 0
        since = now(world.stores.runs.scheduled_since(RunKind.EVENTS))
        late = world.time() - world.config.events_late_seconds - JUDGED_SECONDS
        known = {
            (entry.key, entry.etag) for record, _ in world.stores.ledger.documents.values() for entry in record.entries
        }
        for key in world.s3.living():
            current = world.s3.current(key)
            assert current is not None
            refused = b"\n" in key  # on record as the event says that came last, though it be older: S3 is not asked
            came = Change(key, len(world.s3.history[key]), removed=False) in self.came
            failed = self._has_failed(key, current.etag)
            if came and not refused and not failed and not world.swarm.cancels:
                continue  # of what a person has ended, an older event may be on record
            unknown = not came and not refused and (key, current.etag) not in known
            followed = since is not None and since + JUDGED_SECONDS < current.modified < late
            before = since is None or current.modified < since - JUDGED_SECONDS
            may, must = may + 1, must + unknown
            may_miss, missed = may_miss + (not before), missed + (unknown and followed)
        return may, must, may_miss, missed

    def _has_failed(self, key: bytes, etag: str) -> bool:
        """Whether a version ended as failed in an outage that is answered with a 5xx: of fewer keys than `DOWN_KEYS` an
        instance cannot tell whose fault that is.
        """
        world = self.world
        return bool(world.weather.front_end and world.weather.outages) and any(
            (entry.key, entry.etag, entry.outcome) == (key, etag, Outcome.FAILED)
            for record, _ in world.stores.ledger.documents.values()
            for entry in record.entries
        )

    def judge_missed(self, delta: str, may: int, must: int, may_miss: int, missed: int) -> None:
        """A delta has ended. delta: how its run's name ends. The rest: as `came_to_nothing` says."""
        run = next(name for name in self.world.stores.runs.documents if name.endswith(delta))
        counted = now(self.world.stores.runs.summary(run)).changes.keys
        said, unsure = counted.get(Kind.MISSED, 0), counted.get(Kind.UNSURE, 0)
        if not must <= said + unsure <= may or not missed <= said <= may_miss:
            sure = f"{missed} to {may_miss} of them could be judged"
            told = f"run {run}: {said} missed, {unsure} unsure; {must} to {may} came to nothing, {sure}"
            self.world.laws.broken("missed is what came to nothing", told)
