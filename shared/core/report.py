"""What is told of a run, and the verdict on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.core.compare import Verdict
from shared.core.sums import Sums

MOST_FAILED = 500
"""Failed keys that a page shows; all are in the manifest and in the ledger."""

Rows = Sequence[tuple[str, int, int]]
"""Name, keys, bytes."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What an instance copied in the seconds that begin at `at` (epoch)."""

    at: float
    objects: int
    bytes: int


def together(beats: Iterable[Beat]) -> list[Beat]:
    """The beats of several instances, added up and in order."""
    found: dict[float, Beat] = {}
    for beat in beats:
        known = found.get(beat.at, Beat(beat.at, 0, 0))
        found[beat.at] = Beat(beat.at, known.objects + beat.objects, known.bytes + beat.bytes)
    return [found[at] for at in sorted(found)]


@dataclass(frozen=True, slots=True)
class Report:
    """listed: keys and bytes. outcomes, filters, verdicts: name, keys, bytes. failed: key, bytes, reason. beats:
    copying over time, by its beginning. files: of the manifest.
    """

    run: str
    kind: str
    prefix: str
    source: str
    destination: str
    state: str
    started_at: float
    ended_at: float
    listed: tuple[int, int]
    pending: int
    outcomes: Rows
    filters: Rows
    verdicts: Rows
    sums: Sums
    failed: Sequence[tuple[str, int, str]]
    beats: Sequence[Beat]
    files: Sequence[str]

    @property
    def wrong(self) -> int:
        """Keys whose two sides did not agree when they were compared."""
        return sum(keys for name, keys, _ in self.verdicts if Verdict(name).repairable)

    @property
    def unsettled(self) -> int:
        """Keys that were to be copied and are not."""
        return sum(keys for name, keys, _ in self.outcomes if name == "failed") + self.pending

    def verdict(self) -> tuple[str, str]:
        """Good, warning or bad, and a sentence."""
        copied = sum(keys for name, keys, _ in self.outcomes if name == "copied")
        keys = self.listed[0]
        if self.state != "finished":
            return "bad", f"The run has {self.state}: not every key was looked at, so nothing is said of the others."
        if not keys:
            return "warning", "No key was listed. That is right only if the source holds none under this prefix."
        if self.unsettled:
            return "bad", f"{self.unsettled:,} of {keys:,} keys are not at the destination; below is why."
        if self.kind != "verify":
            apart = [(name, count) for name, count, _ in self.outcomes if name in ("unsupported", "archived")]
            told = "".join(f", {count:,} are {name}" for name, count in apart)
            return "good", f"All {keys:,} keys are settled; {copied:,} were copied{told}."
        if self.wrong:
            return "warning", f"{self.wrong:,} of {keys:,} keys did not agree; {copied:,} were copied again."
        return "good", f"Both sides agree on all {keys:,} keys that can be compared."
