"""Keeps keys from beginning while something fails for everybody, so that no key pays for it; one an instance.

    closed      keys begin
    open        none begins: for a second, then two, four … up to five minutes, each time as long as it fails again
    half open   the wait is over: one key tries, the others wait for how that ends

Throttling has no half: when the wait is over, keys begin again. A fault that concerns only large objects (of the
staging bucket) keeps small ones from nothing.

A 5xx is its key's own, unless the party that answers so serves nobody (`_serves_nobody`): many keys, for seconds, and
nothing came through. An outage mostly looks like that; few hosts that are down refuse connections. So do keys that a
service never serves, where no others are left: after an hour the key that tries pays for its try, after a day all do.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.errors import ObjectError, Postponed
from shared.domain.reasons import Party, Reason, Scope
from shared.domain.valueclass import valueclass
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.signal import Signal

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0
MOST_THROTTLED_SECONDS = 30.0
"""The longest waits between two tries. A service that asks for more patience (Retry-After) has it, up to the first."""

PATIENCE_SECONDS = 30.0
"""A key waits as long within its invocation; for a longer wait its message goes back to the queue, which costs less."""

RECENT_SECONDS = 60.0
"""A fault that comes again so soon after it passed had not passed."""

DOWN_KEYS = 8
DOWN_SECONDS = 2.0
"""A party that answers so many keys in a row with a 5xx, for so long at the least, is down. Of one that is only ailing
some key would have got through.
"""

LONG_SECONDS = 3600.0
"""From then on a try costs its key an attempt. Eight keys with five attempts each, one tried every five minutes at the
most, have failed three hours later; without this they would keep their run, and all that wait for its end, for ever.
"""

MOST_DOWN_SECONDS = 86_400.0
"""No service is down for so long: what it fails is its keys' own then, until it has served somebody."""

_FAILURES = range(500, 600)

_BEHIND = {Party.DESTINATION: (Party.UPLOAD_SESSION,), Party.EDGE: (Party.S3,)}
"""Who has served what came by way of another: an edge has its bytes from S3."""

_MOST_REFUSED = 10_000
"""Refusals of single keys that are remembered."""

Cause = tuple[Party | None, Reason]


@dataclass(slots=True)
class Fault:
    """What fails for everybody. since, failed_at, until: monotonic seconds at which it was noticed, was last seen, and
    may be tried again. times: how often it was seen in a row.
    """

    cause: Cause
    why: str
    since: float
    failed_at: float
    until: float
    times: int


@valueclass(frozen=True, slots=True)
class Permit:
    """Permission to try a key. began: monotonic seconds. probe: given when it is over, where others wait for that."""

    began: float
    large: bool
    probe: Signal | None = None


class Breaker:
    """Whoever gets a permit gives it back, whatever comes of it."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock, self._log = clock, log
        self._open: dict[Cause, Fault] = {}
        self._passed: dict[Cause, tuple[int, float]] = {}
        self._proved: dict[Party, float] = {}
        self._refused: dict[tuple[Cause, bytes], float] = {}
        self._ailing: dict[Party, tuple[float, set[bytes]]] = {}
        """Since when it has served nobody, and keys that it has failed since."""
        self._doubted: set[Party] = set()
        """Of which nobody believes any more that they are down."""
        self._hopeless: set[bytes] = set()
        """Keys that have ended with a 5xx: that they fail again says nothing of others."""
        self._probe: Signal | None = None

    def enter_now(self, large: bool, now: float) -> Permit | None:
        """Permission to try a key while nothing fails for everybody. now: monotonic."""
        return None if self._open and self._of(large) else Permit(now, large)

    async def enter(self, large: bool, deadline: float) -> Permit:
        """Wait until a key may be tried. large: in parts. deadline: monotonic. Raises Postponed for a long wait."""
        while faults := self._of(large):
            now = self._clock.monotonic()
            latest = max(faults, key=lambda fault: fault.until)
            wait = latest.until - now
            if wait > min(PATIENCE_SECONDS, max(0.0, deadline - now)):
                raise Postponed(f"put off for {wait:.0f} s: {latest.why}")
            if wait > 0:
                await self._clock.sleep(wait)
            elif all(fault.cause[1] is Reason.THROTTLED for fault in faults):
                break
            elif (probe := self._probe) is None:
                self._probe = Signal()
                return Permit(now, large, self._probe)
            else:
                await self._end_of(probe)
        return Permit(self._clock.monotonic(), large)

    def failed(self, permit: Permit, error: ObjectError, key: bytes = b"") -> bool:
        """Whether an error is everybody's: it spends nothing of the key."""
        if error.reason.scope is Scope.KEY and (not self._serves_nobody(error, key) or self.pays(permit)):
            if permit.probe is not None:
                self._after_a_key_s_own(permit, error, key)
            return False
        cause = (error.party, error.reason)
        if not error.retryable and self._others_came_through(cause, key, permit.began):
            return False
        known = self._open.get(cause)
        if known is None:
            self._opened(cause, error)
        elif known.failed_at < permit.began:
            known.why = str(error)
            self._put_off(known, error.retry_after)
        return True

    def pays(self, permit: Permit) -> bool:
        """Whether the key that tries for everybody pays for its try, should that end with what may be its own."""
        if permit.probe is None:
            return False
        before = self._clock.monotonic() - LONG_SECONDS
        return any(fault.since <= before for fault in self._of(permit.large))

    def worked(self, permit: Permit, parties: Iterable[Party] = (), likely: Iterable[Party] = ()) -> None:
        """A key has ended well, or a part of one. parties: who must have served it. likely: who mostly has."""
        now = self._clock.monotonic()
        for party in parties:
            self._proved[party] = now
        for served in (*parties, *(behind for party in parties for behind in _BEHIND.get(party, ())), *likely):
            self._ailing.pop(served, None)
            self._doubted.discard(served)
        for fault in self._of(permit.large) if self._open else ():
            if fault.failed_at < permit.began:
                self._closed(fault)

    def ended(self, error: ObjectError, key: bytes) -> None:
        """A key has had its attempts, and this was the last it failed with."""
        if error.status in _FAILURES:
            if len(self._hopeless) >= _MOST_REFUSED:
                self._hopeless.clear()
            self._hopeless.add(key)

    def release(self, permit: Permit) -> None:
        """The try is over."""
        if permit.probe is not None:
            permit.probe.give()
            if self._probe is permit.probe:
                self._probe = None

    async def _end_of(self, probe: Signal) -> None:
        """Until it is over, or has taken so long that one more key may try: a large object that has not failed yet."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await probe.wait()
        except TimeoutError:
            if self._probe is probe:
                self._probe = None

    def _serves_nobody(self, error: ObjectError, key: bytes) -> bool:
        """Whether a 5xx is everybody's: its party is down, or is found to be so now."""
        party = error.party
        if party is None or error.reason is not Reason.TRANSIENT or error.status not in _FAILURES:
            return False
        if party in self._doubted or key in self._hopeless:
            return False
        now, fault = self._clock.monotonic(), self._open.get((party, error.reason))
        if fault is not None and now - fault.since >= MOST_DOWN_SECONDS:
            self._doubted.add(party)
            self._closed(fault)
            return False
        since, keys = self._ailing.get(party, (now, set[bytes]()))
        if now - since > RECENT_SECONDS and fault is None:
            since, keys = now, set()
        if len(keys) < DOWN_KEYS:
            keys.add(key)
        self._ailing[party] = since, keys
        return len(keys) >= DOWN_KEYS and now - since >= DOWN_SECONDS

    def _others_came_through(self, cause: Cause, key: bytes, began: float) -> bool:
        """Whether the service has served others since it first refused this key: then it is this key that it refuses.
        Without this, one key with a name that an edge mangles would stop all others for ever.
        """
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        since = self._refused.setdefault((cause, key), began)
        party = cause[0]
        return party is not None and self._proved.get(party, float("-inf")) > since

    def _of(self, large: bool) -> list[Fault]:
        return [fault for fault in self._open.values() if large or fault.cause[0] is not Party.STAGING]

    def _after_a_key_s_own(self, permit: Permit, error: ObjectError, key: bytes) -> None:
        """A connection that breaks off tells nothing, and a service that judges one key is there for all. Of a key that
        has ended so before nobody expected else: the next one may try at once.
        """
        if error.status in _FAILURES and key in self._hopeless:
            return
        if error.reason is not Reason.TRANSIENT:
            self.worked(permit)
            return
        for fault in self._of(permit.large):
            self._put_off(fault, error.retry_after)

    def _opened(self, cause: Cause, error: ObjectError) -> None:
        now = self._clock.monotonic()
        times, at = self._passed.pop(cause, (0, 0.0))
        fault = Fault(cause, str(error), now, now, now, times if now - at <= RECENT_SECONDS else 0)
        self._open[cause] = fault
        wait = self._put_off(fault, error.retry_after)
        tell = self._log.warning if error.reason is Reason.THROTTLED else self._log.error
        tell(
            "copying slows down" if error.reason is Reason.THROTTLED else "copying waits: this fails for every key",
            party=error.party or "unknown",
            reason=error.reason,
            why=str(error),
            advice=error.reason.advice,
            seconds=round(wait, 1),
        )

    def _put_off(self, fault: Fault, asked: float | None) -> float:
        """Seconds until it may be tried again."""
        most = MOST_THROTTLED_SECONDS if fault.cause[1] is Reason.THROTTLED else MOST_SECONDS
        spread = min(most, FIRST_SECONDS * 2.0 ** min(fault.times, 20)) * (0.5 + self._clock.draw() / 2)
        wait = min(MOST_SECONDS, max(spread, asked or 0.0))
        fault.times += 1
        fault.failed_at = self._clock.monotonic()
        fault.until = fault.failed_at + wait
        return wait

    def _closed(self, fault: Fault) -> None:
        now = self._clock.monotonic()
        del self._open[fault.cause]
        self._passed[fault.cause] = (fault.times, now)
        self._log.info(
            "copying goes on",
            party=fault.cause[0] or "unknown",
            reason=fault.cause[1],
            after_seconds=round(now - fault.since, 1),
        )
