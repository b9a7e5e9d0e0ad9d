"""The one sentence that a report begins with, and its colour.

good      every listed key was compared and is the same, or was copied, and proven, by this very run
bad       something is not at the destination, was not looked at, or has not ended
settled   a listing left nothing to do: what this run did not copy is as the ledger remembers it, or was there already,
          and is not counted as proven now
warning   everything else: what is archived, in flight, filtered, queued already, unproven or unsupported; and a run
          that was cancelled when its last keys were on their way, all of which have ended

Nothing is green without proof, and every key that is not among the proven ones is counted under a name of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.comparison import Comparison
from shared.domain.counts import Outcome
from shared.domain.reasons import advice_for
from shared.domain.runs import RunKind, RunState
from shared.domain.text import are, numbered

PROOFS = {
    "md5": "the MD5 of the copy is the source's ETag",
    "crc32c": "the CRC32C of the copy is the one that was proven when this version was copied",
}
"""By what a key is the same. What a range of another version counted by something else is not taken for proven."""

BELOW = "Below is why."
"""Where it stands in a page of its own."""

STATES = {
    RunState.RUNNING: "running",
    RunState.FINISHED: "finished",
    RunState.STOPPED: "stopped",
    RunState.TIMED_OUT: "timed out",
    RunState.CANCELLED: "cancelled",
}
"""What they are called: some stored names are older."""

_LOOKS = "This run proves none of them: a comparison does."

_FOUND = (
    "A copy that was found there has the size of the source's version, and its MD5 or its ETag in the metadata; a "
    "comparison counts which of these are proven."
)

_SHORT = {"md5": "MD5", "crc32c": "the CRC32C remembered from their copy"}

_AGAIN = "A comparison that repairs copies it again; if it stays, look at the log line of the key."
_WAIT = "Nothing, unless it is still so after the next comparison."

ADVICE: dict[str, str] = {
    Comparison.MISSING: _AGAIN,
    Comparison.SIZE_DIFFERS: _AGAIN,
    Comparison.CHECKSUM_DIFFERS: f"{_AGAIN} Find out who wrote to the destination.",
    Comparison.ETAG_DIFFERS: _AGAIN,
    Comparison.METADATA_DIFFERS: _AGAIN,
    Comparison.UNPROVEN: "REREAD_UNPROVEN has comparisons copy it again, which proves it.",
    Comparison.REPAIRED: "Nothing: it was copied again. The next comparison proves it.",
    Comparison.EXTRA: "DELETE_EXTRAS says what becomes of copies without an object; nothing is deleted by default.",
    Comparison.UNSUPPORTED: "UNSUPPORTED_NAMES=encode copies it under a name that Cloud Storage takes.",
    Comparison.ARCHIVED: "RESTORE_TIER has comparisons ask S3 to restore it; a restored object is copied by itself.",
    Comparison.IN_FLIGHT: _WAIT,
    Outcome.FILTERED: "The filters leave it out; see which one below.",
    Outcome.FAILED: "See why below; a listing of its prefix tries it again.",
    Outcome.UNCHANGED: "The ledger remembers it as copied, or its copy was there; a comparison proves it.",
}
"""What a person should do about a key that is not proven the same, by verdict or outcome."""

_WORDS = {
    Comparison.MISSING: "missing",
    Comparison.SIZE_DIFFERS: "of another size",
    Comparison.CHECKSUM_DIFFERS: "of other bytes",
    Comparison.ETAG_DIFFERS: "of another version",
    Comparison.METADATA_DIFFERS: "with other headers or metadata",
    Comparison.UNPROVEN: "unproven",
    Comparison.REPAIRED: "repaired since they were compared",
    Comparison.UNSUPPORTED: "unsupported",
    Comparison.ARCHIVED: "archived",
    Comparison.IN_FLIGHT: "in flight",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known of a run that has ended, in keys. proofs: of the same ones, by what shows it. pending: listed, and
    without an outcome. found_there: of the unchanged ones those whose copies the transfer has looked at. whole: whether
    every range was listed to its end, False where that is not known.
    """

    kind: RunKind
    state: RunState
    listed: int
    pending: int
    outcomes: Mapping[str, int]
    verdicts: Mapping[str, int]
    proofs: Mapping[str, int]
    found_there: int = 0
    whole: bool = False

    @property
    def proven(self) -> int:
        """Keys that this run has proven to be the same on both sides."""
        if self.kind is not RunKind.VERIFY:
            return self.outcomes.get(Outcome.COPIED, 0)
        proven = sum(count for name, count in self.proofs.items() if name in PROOFS)
        return min(self.verdicts.get(Comparison.SAME, 0), proven)

    @property
    def compared(self) -> int:
        """Listed keys that have a verdict."""
        return sum(count for name, count in self.verdicts.items() if name != Comparison.EXTRA)

    def apart(self) -> dict[str, int]:
        """The listed keys that are not proven the same, by what they are instead."""
        filtered = self.outcomes.get(Outcome.FILTERED, 0)
        if self.kind is RunKind.VERIFY:
            found = {word: self.verdicts.get(verdict, 0) for verdict, word in _WORDS.items()}
            found[_WORDS[Comparison.UNPROVEN]] += self.verdicts.get(Comparison.SAME, 0) - self.proven
            found["filtered"] = filtered
            found["not compared"] = self.listed - self.compared - filtered
        else:
            others = (Outcome.UNSUPPORTED, Outcome.ARCHIVED, Outcome.IN_FLIGHT, Outcome.FILTERED, Outcome.FAILED)
            found = {other.replace("_", " "): self.outcomes.get(other, 0) for other in others}
            if self.state is RunState.CANCELLED:
                found["failed or not begun"] = found.pop("failed")
            unchanged = self.outcomes.get(Outcome.UNCHANGED, 0)
            there = min(self.found_there, unchanged)
            found["unchanged as remembered"], found["found there already"] = unchanged - there, there
            found["without an end"] = self.pending
        return {word: count for word, count in found.items() if count}


def verdict(run: Ended) -> tuple[str, str]:
    """Good, settled, warning or bad, and a sentence."""
    copied, failed = run.outcomes.get(Outcome.COPIED, 0), run.outcomes.get(Outcome.FAILED, 0)
    if run.state is not RunState.FINISHED:
        of = numbered(run.listed, "listed key")
        counted = f"; {run.proven:,} of {of} {are(run.proven)} {_proven(run)}{_listed(run.apart())}"
        why = f"The run has {STATES[run.state]}: not every key was looked at, so nothing is said of the others"
        if run.state is not RunState.CANCELLED:
            return "bad", f"{why}{counted}."
        if not run.whole:
            why = "The run was cancelled: nothing is said of keys that it did not come to; the next run takes them up"
            return "bad", f"{why}{counted}."
        if failed + run.pending + run.apart().get("not compared", 0) > 0 or sum(run.outcomes.values()) != run.listed:
            why = "The run was cancelled when all was listed: the next run takes up what had not begun"
            return "bad", f"{why}{counted}."
        return "warning", f"The run was cancelled when every key had begun, and all have ended{counted}."
    if not run.listed:
        return "warning", "No key was listed. That is right only if the source holds none under this prefix."
    apart = run.apart()
    lost = failed + run.pending + apart.get("not compared", 0)
    if lost > 0:
        not_there = failed + run.pending
        said = "Not every key was compared"
        if not_there:
            said = f"{not_there:,} of {numbered(run.listed, 'key')} {are(not_there)} not at the destination"
        return "bad", f"{said}; {run.proven:,} {are(run.proven)} {_proven(run)}{_listed(apart)}. {BELOW}"
    ended = sum(run.outcomes.values())
    if ended != run.listed:
        return "bad", f"The counts do not add up: {numbered(run.listed, 'key')} listed, {ended:,} with an outcome."
    if run.kind is not RunKind.VERIFY:
        quiet = run.proven + run.outcomes.get(Outcome.UNCHANGED, 0) == run.listed
        tone = "good" if run.proven == run.listed else "settled" if quiet else "warning"
        if not copied:
            looks = _FOUND if run.found_there else _LOOKS
            return tone, f"Nothing to copy of {numbered(run.listed, 'key')}{_listed(apart, ': ')}. {looks}"
        return tone, f"{_all(run.listed)} settled; {copied:,} {_was(copied)} copied{_listed(apart, ', ')}."
    extra = run.verdicts.get(Comparison.EXTRA, 0)
    alone = f" {numbered(extra, 'copy belongs', 'copies belong')} to no object." if extra else ""
    if run.proven == run.listed:
        return "good", f"{_all(run.listed)} the same: {_by(run)}.{alone}"
    again = f"; {copied:,} {_was(copied)} copied again" if copied else ""
    whole = numbered(run.listed, "key")
    return "warning", f"{run.proven:,} of {whole} {are(run.proven)} {_proven(run)}{_listed(apart)}{again}.{alone}"


def without_page(sentence: str) -> str:
    """A verdict's sentence where no page is below it."""
    return sentence.removesuffix(f" {BELOW}")


def running(run: Ended, counted: bool, listing: bool, told: int, paused: bool = False) -> str:
    """How far a run is that has not ended. counted: whether its counts could be added up in time. listing: whether more
    is being listed. told: keys that the heartbeats tell of. paused: whether the job is.
    """
    begin = "Running, and the job is paused" if paused else "Running"
    if not counted:
        passed = numbered(told, "key has", "keys have")
        return f"{begin}: {passed} passed the transfer; what was listed is too much to be added up at once."
    failed = run.outcomes.get(Outcome.FAILED, 0)
    ended = sum(run.outcomes.values())
    listed = numbered(run.listed, "key that was", "keys that were")
    so_far = f"{begin}: {ended:,} of {listed} listed so far {'has' if ended == 1 else 'have'} ended"
    if failed:
        so_far += f", {failed:,} of them failed"
    return f"{so_far}; {'the listing goes on' if listing else 'all are listed'}."


def what_to_do(why: str) -> str:
    """About a key that is named: its verdict, its outcome, or the reason of its failure."""
    return ADVICE.get(why) or advice_for(why)


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _all(count: int) -> str:
    return "The one key is" if count == 1 else f"All {count:,} keys are"


def _proven(run: Ended) -> str:
    if run.kind is not RunKind.VERIFY:
        return "copied"
    return f"the same ({_by(run)})" if run.proven else "the same"


def _by(run: Ended) -> str:
    return ", ".join(f"{run.proofs[name]:,} by {short}" for name, short in _SHORT.items() if run.proofs.get(name))


def _listed(apart: Mapping[str, int], begin: str = "; ") -> str:
    named = ", ".join(f"{count:,} {word}" for word, count in apart.items())
    return f"{begin}{named}" if named else ""
