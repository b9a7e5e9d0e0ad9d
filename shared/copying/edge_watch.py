"""Whether the CDN can be used just now, so that what it cannot serve is not paid for twice, object after object."""

from dataclasses import dataclass, field

from shared.ports.clock import Clock
from shared.ports.log import Log

MISSES_IN_A_ROW = 8
"""So many answers that could not be used, and none that could, are the distribution's fault and no object's."""

PROBE_SECONDS = 300.0
"""As long the CDN is left alone; then one read tries it."""

ADVICE = (
    "whatever it cannot serve is paid for twice, and is read from S3 at S3's price of egress; let the distribution "
    "pass ETag, If-Match and Range on (managed policies CachingDisabled and AllViewerExceptHostHeader), or set "
    "ROUTE=direct"
)


@dataclass(slots=True)
class EdgeWatch:
    """What one instance has seen of its CDN. Said once: a distribution set up wrongly is one fault, not one a key."""

    clock: Clock
    log: Log
    _misses: int = field(default=0, init=False)
    _ask_again_at: float = field(default=0.0, init=False)
    _reported: bool = field(default=False, init=False)

    def allows(self) -> bool:
        """Whether to ask the CDN. While it is left alone that is one read in a while."""
        if self._misses < MISSES_IN_A_ROW:
            return True
        if self.clock.monotonic() < self._ask_again_at:
            return False
        self._ask_again_at = self.clock.monotonic() + PROBE_SECONDS
        return True

    def served(self) -> None:
        """It gave what was asked for."""
        self._misses = 0

    def missed(self, why: str) -> None:
        """It did not give what S3 has."""
        self._misses += 1
        if self._misses < MISSES_IN_A_ROW:
            return
        self._ask_again_at = self.clock.monotonic() + PROBE_SECONDS
        if not self._reported:
            self._reported = True
            self.log.error("the CDN cannot be used", reason="edge", why=why, misses=self._misses, advice=ADVICE)
