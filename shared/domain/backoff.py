"""How often to try, and how long to wait before the next time. Arithmetic only: the sleeping is the caller's.

Every kind of request has one owner of its tries, or they multiply:

    ONCE       what a key's copy asks and writes: its key is tried again as a whole, by whoever copies it
    KEY        a key's copy as a whole, within one invocation; further ones are the queue's, as many as MAX_ATTEMPTS
    QUESTIONS  what no key owns: listings, restores, reports, clean-up
    SESSION    bytes for a resumable upload session, which goes on from where it stands
    BODY       a body that broke off, which goes on from where it broke
"""

from dataclasses import dataclass

FIRST_SECONDS = 0.5
CEILING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """tries: at most. deadline_seconds: counted from the first try; no later one begins after it. base_seconds,
    cap_seconds: of the waits between them.
    """

    tries: int
    deadline_seconds: float
    base_seconds: float = FIRST_SECONDS
    cap_seconds: float = CEILING_SECONDS

    def wait(self, failed: int, elapsed: float, draw: float, asked: float | None = None) -> float | None:
        """Seconds until the next try; None if there is none.

        failed: tries so far. elapsed: seconds since the first one began. draw: uniform in [0, 1). asked: the service's
        Retry-After.
        """
        if failed >= self.tries:
            return None
        seconds = _jittered(self.base_seconds, self.cap_seconds, failed, draw, asked)
        return seconds if elapsed + seconds <= self.deadline_seconds else None


ONCE = RetryPolicy(1, 0.0)
KEY = RetryPolicy(3, 540.0)
QUESTIONS = RetryPolicy(4, 120.0)
SESSION = RetryPolicy(5, 240.0)
BODY = RetryPolicy(6, 540.0)

BARREN_SECONDS = 480.0
"""How long a listing is followed that says that there is more and names nothing. S3 passes many deleted versions so,
and nobody tells for how long; an invocation has not much more. Whoever tries again begins where this one did, so the
range has stopped: waiting, it would keep its run, and all scheduled ones behind it, from ending for ever.
"""


def delay_seconds(attempt: int, draw: float, asked: float | None = None) -> float:
    """Full-jitter exponential backoff.

    attempt: 1 after the first failure. draw: uniform in [0, 1). asked: the service's Retry-After in
    seconds, which is honoured up to the ceiling.
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return _jittered(FIRST_SECONDS, CEILING_SECONDS, attempt, draw, asked)


def _jittered(base: float, cap: float, attempt: int, draw: float, asked: float | None) -> float:
    spread: float = min(cap, base * 2 ** min(attempt - 1, 10)) * draw
    return min(cap, max(spread, asked or 0.0))
