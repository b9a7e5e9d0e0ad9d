"""The time an invocation has. Pure: the caller says what time it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds from `started` (monotonic) after which no new work is begun.

    Pub/Sub waits at most 600 s for a push to be answered, so 540 leaves a minute to write down what is
    left: https://cloud.google.com/pubsub/docs/lease-management
    """

    started: float
    seconds: float

    def left(self, now: float) -> float:
        """Seconds until no new work may be begun; negative once it is over."""
        return self.started + self.seconds - now

    def spent(self, now: float) -> bool:
        """True once no new work may be begun."""
        return self.left(now) <= 0
