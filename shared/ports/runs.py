"""A run as it is stored, and its counts."""

from dataclasses import dataclass

from shared.domain.counts import Counts


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose end has not been written down. kind: "list", "keys" or "verify". message: what began it, as JSON.
    started_at: epoch seconds.
    """

    name: str
    kind: str
    prefix: str
    message: bytes
    started_at: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The books of one run. listed: what the lister or verifier saw. outcomes: where it went, so far. filters: what
    left out the filtered keys. verdicts: what a verifier said, by verdict. open_ranges: still being walked.
    stopped_ranges: ended before their last key, by a ceiling or an error.
    """

    listed_keys: int
    listed_bytes: int
    outcomes: Counts
    filters: Counts
    verdicts: Counts
    open_ranges: int
    stopped_ranges: int = 0

    @property
    def pending(self) -> int:
        """Keys that were listed and have not ended yet."""
        return self.listed_keys - self.outcomes.total_keys

    @property
    def finished(self) -> bool:
        return self.open_ranges == 0 and self.pending <= 0

    @property
    def balanced(self) -> bool:
        """Every listed key and byte has exactly one outcome."""
        return (
            self.finished
            and self.outcomes.total_keys == self.listed_keys
            and self.outcomes.total_bytes == self.listed_bytes
        )
