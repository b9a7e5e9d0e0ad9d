"""How long to wait before the next try. Arithmetic only: the sleeping is the caller's."""

FIRST_SECONDS = 0.5
CEILING_SECONDS = 30.0


def delay_seconds(attempt: int, draw: float, asked: float | None = None) -> float:
    """Full-jitter exponential backoff.

    attempt: 1 after the first failure. draw: uniform in [0, 1). asked: the service's Retry-After in
    seconds, which is honoured up to the ceiling.
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    spread: float = min(CEILING_SECONDS, FIRST_SECONDS * 2 ** min(attempt - 1, 10)) * draw
    return min(CEILING_SECONDS, max(spread, asked or 0.0))
