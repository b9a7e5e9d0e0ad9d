"""One key of one message within one invocation: it waits for its turn, is tried, and ends or is left.

Only what was tried counts as tried. Waiting for room, for a service that is down or throttles, for Firestore or the
queue spends no attempt of a key.
"""

import asyncio
from dataclasses import dataclass, replace

from shared.copying.breaker import Breaker, Permit
from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject, Existing, Outgrown
from shared.copying.in_flight import InFlight
from shared.domain.backoff import KEY
from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import (
    BucketError,
    Busy,
    ObjectError,
    OutOfAttempts,
    OutOfService,
    Postponed,
    Refused,
    StateConflict,
    Transient,
)
from shared.domain.instance import weight
from shared.domain.messages import TransferMessage
from shared.domain.objects import SourceObject
from shared.domain.reasons import Party
from shared.domain.routes import DIRECT
from shared.ledger.entry import Entry
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.runs.heartbeat import Heartbeat


@dataclass(frozen=True, slots=True)
class Requeued:
    """A key that did not end. attempt: which one its next message is. postponed: why it was not to be, where that is no
    fault of its own.
    """

    source: SourceObject
    attempt: int
    postponed: BucketError | None = None


Ended = Entry | Requeued | None
"""How a key ended, that it is left, or None if other messages will tell."""


@dataclass(slots=True)
class KeyTask:
    """A key and its message. present: what is at the destination, for the first try. spent: whether it was tried.
    is_over: whether `ended` says what came of it. room: the most bytes that its copy may have without waiting for its
    turn anew, or being copied in parts. large: whether it turned out to be copied in parts.
    """

    source: SourceObject
    message: TransferMessage
    budget: Budget
    present: Existing | None
    spent: bool = False
    room: int | None = None
    large: bool = False
    is_over: bool = False
    ended: Ended = None

    def over(self, ended: Ended) -> None:
        """What came of it is known."""
        self.is_over, self.ended = True, ended

    @property
    def in_parts(self) -> bool:
        """Whether this is one part of it."""
        return self.message.part is not None


@dataclass(frozen=True, slots=True)
class TryKey:
    """buffer_bytes: the most of one object that its copy holds at a time. large_bytes: larger objects are copied in
    parts. max_attempts: of a key, before it counts as failed.
    """

    copy: CopyObject
    large: CopyLarge
    clock: Clock
    log: Log
    in_flight: InFlight
    breaker: Breaker
    heartbeat: Heartbeat
    buffer_bytes: int
    large_bytes: int
    max_attempts: int

    async def __call__(self, key: KeyTask) -> Ended:
        """Everything that can befall a key ends here; only a cancellation goes on."""
        part = key.message.part
        size = key.source.size if part is None else part.version.size
        while True:
            held = weight(size, self.buffer_bytes)
            key.room = held if held < self.buffer_bytes else self.large_bytes
            try:
                async with self.in_flight.slot(held):
                    return await self._tries(key)
            except Outgrown as grown:
                size = grown.version.size  # it waits for its turn anew, holding nothing
                key.spent = key.large = False
            except (Postponed, Busy, OutOfService, StateConflict) as reason:
                return Requeued(key.source, key.message.attempt, reason)
            except OutOfAttempts as out:
                return self._not_copied(key, out.last)

    async def _tries(self, key: KeyTask) -> Ended:
        failures: list[ObjectError] = []
        began, paid = self.clock.monotonic(), False
        while permit := await self._permit(key, paid):
            ended = await self._try(key, permit, None if failures else key.present)
            if not isinstance(ended, ObjectError):
                return ended
            if self.breaker.failed(permit, ended, key.source.key):
                key.spent = bool(failures)
                continue
            failures.append(ended)
            paid = self.breaker.pays(permit)
            if not ended.retryable:
                return await self._last_word(key, ended)
            elapsed = self.clock.monotonic() - began
            wait = KEY.wait(len(failures), elapsed, self.clock.draw(), ended.retry_after)
            if wait is None:
                break
            await self.clock.sleep(wait)
        if not failures:
            return Requeued(key.source, key.message.attempt)
        if key.message.attempt >= self.max_attempts:
            return await self._last_word(key, failures[-1])
        return self._put_off(key, failures[-1])

    async def _permit(self, key: KeyTask, paid: bool) -> Permit | None:
        """Permission to try the key, None once no new work may be begun. paid: whether its last try was at its own
        expense: a long wait ends it with an attempt less, or it would try for ever.
        """
        now = self.clock.monotonic()
        if key.budget.spent(now):
            return None
        large = key.large or key.in_parts or key.source.size > self.large_bytes
        permit = self.breaker.enter_now(large, now)
        if permit is not None:
            return permit
        try:
            permit = await self.breaker.enter(large, now + key.budget.left(now))
        except Postponed:
            if paid:
                return None
            raise
        if not key.budget.spent(self.clock.monotonic()):
            return permit
        self.breaker.release(permit)
        return None

    async def _try(self, key: KeyTask, permit: Permit, present: Existing | None) -> Entry | ObjectError | None:
        """How the key ended, or what it failed with; a mistake of ours is its own, too."""
        began = self.clock.monotonic()
        key.spent = True
        try:
            ended = await self._copy(key, present)
            carried = ended is None or (key.in_parts and ended.outcome is Outcome.COPIED)
            self.breaker.worked(permit, _served(ended), _OF_PARTS if carried else ())
        except ObjectError as error:
            return error
        except BucketError:
            raise
        except Exception as bug:
            self.log.error("unexpected error", error=bug, key=key.source.text, attempt=key.message.attempt)
            return Transient(f"{key.source.text}: {bug!r}")
        finally:
            self.breaker.release(permit)
        if ended is None or ended.outcome is not Outcome.COPIED:
            return ended
        if not key.in_parts:
            self.heartbeat.took(key.message.run, key.source.text, key.source.size, self.clock.monotonic() - began)
        event_at = key.source.event_at
        return replace(ended, lag=max(0.0, self.clock.now() - event_at)) if event_at else ended

    async def _copy(self, key: KeyTask, present: Existing | None) -> Entry | None:
        message = key.message
        self._refuse_outside(key.source)
        if message.part is not None:
            return await self.large.part(message, key.source, message.part, key.budget)
        decided = await self.copy.decide(key.source, message.force, present)
        if isinstance(decided, Entry):
            return decided
        if decided.version.size <= self.large_bytes:
            try:
                return await self.copy.copy_latest(decided, key.room)
            except Outgrown as grown:
                if grown.version.size <= self.large_bytes:
                    raise
                decided = replace(decided, version=grown.version)
        key.large = True  # what fails for large objects alone concerns it, too
        return await self.large.start(message, decided, key.room)

    def _refuse_outside(self, source: SourceObject) -> None:
        if not self.copy.mapping.covers(source.key):
            raise Refused(f"{source.text} lies outside SOURCE_PREFIX, which was another when its message was sent")

    async def _last_word(self, key: KeyTask, error: ObjectError) -> Ended:
        """How a key ends whose last try failed. A write whose answer was lost may have been done, and another message
        may have brought the object or put its end on record: then the key has not failed.
        """
        inside = self.copy.mapping.covers(key.source.key)
        try:
            if key.in_parts and await self.large.has_ended(key.message, key.source):
                return None
            if inside and not key.message.force and (key.in_parts or error.retryable):
                decided = await self.copy.decide(key.source)
                if isinstance(decided, Entry):
                    return decided
        except BucketError as unseen:
            self.log.warning("no last look", key=key.source.text, why=str(unseen))
        return self._not_copied(key, error)

    async def cut_off(self, key: KeyTask, error: ObjectError, seconds: float) -> Ended:
        """How a key ends whose try was cancelled. seconds: what a last look may take."""
        if key.message.attempt < self.max_attempts:
            return self._put_off(key, error)
        try:
            async with asyncio.timeout(seconds):
                return await self._last_word(key, error)
        except TimeoutError:
            self.log.warning("no last look", key=key.source.text, why=f"none within {seconds:g} s")
            return self._not_copied(key, error)

    def _put_off(self, key: KeyTask, error: ObjectError) -> Requeued:
        """Another message may have better luck."""
        attempt = key.message.attempt
        self.log.warning("requeued", key=key.source.text, reason=error.reason, attempt=attempt, why=str(error))
        return Requeued(key.source, attempt + 1)

    def _not_copied(self, key: KeyTask, error: ObjectError) -> Entry:
        """How a key ends that could not be copied."""
        outcome = error.reason.outcome
        self.breaker.ended(error, key.source.key)
        self.log.error(
            str(outcome), key=key.source.text, reason=error.reason, attempt=key.message.attempt, why=str(error)
        )
        return replace(Entry.of(key.source), outcome=outcome, reason=f"{error.reason}: {error}"[:300])


_OF_PARTS = (Party.EDGE, Party.S3, Party.STAGING)
"""Who mostly serves a part. One that another message had brought already asks none of them."""


def _served(ended: Entry | None) -> tuple[Party, ...]:
    """Who must have served a key that ended so."""
    if ended is None or ended.outcome is not Outcome.COPIED:
        return ()
    return (Party.DESTINATION, Party.S3 if ended.route == DIRECT else Party.EDGE)
