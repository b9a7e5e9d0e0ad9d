"""What kinds of run there are, and how far one is."""

from enum import StrEnum

PAGE_SECONDS = 60.0
"""The pages of running runs are written at most once in so long, by all instances together: the scheduler's ticks come
every two minutes, and people's own messages at any time.
"""


class RunKind(StrEnum):
    """What began a run. The words are on disk, in logs and in metrics."""

    LIST = "list"
    """A listing of a prefix, to copy what is new."""
    KEYS = "keys"
    """Single keys that somebody named."""
    VERIFY = "verify"
    """A comparison of both sides of a prefix."""
    EVENTS = "events"
    """Events of the source, followed for a stretch of time."""

    def names(self, run: str) -> bool:
        """Whether a run is called after this kind."""
        return run.startswith(f"{self}-")


class RunState(StrEnum):
    """How far a run is. The words are on disk, in logs and in reports."""

    RUNNING = "going"
    """Keys are being listed or copied."""
    FINISHED = "finished"
    """Every listed key has an outcome, and every key was listed."""
    STOPPED = "stopped"
    """Every listed key has an outcome, but a ceiling or an error kept some keys from being listed."""
    CANCELLED = "cancelled"
    """A person ended it: what had begun by then has ended, and nothing more was listed or copied for it."""
    TIMED_OUT = "stalled"
    """Something is left, and nothing has touched it for the life of a batch; the next run takes it up."""

    @property
    def told(self) -> str:
        """What became of a run, after its name in a sentence."""
        return _TOLD[self]


_TOLD = {
    RunState.RUNNING: "is running",
    RunState.FINISHED: "has finished",
    RunState.STOPPED: "has stopped",
    RunState.CANCELLED: "was cancelled",
    RunState.TIMED_OUT: "has timed out",
}
