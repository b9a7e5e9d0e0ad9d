"""What a run's counts come to, in a sentence and for the shell."""

from shlex import quote

from cli.scope import hint_of
from shared.domain.comparison import Comparison
from shared.domain.counts import Outcome
from shared.domain.messages import repairs
from shared.domain.runs import RunKind, RunState
from shared.domain.text import numbered
from shared.ports.run_store import OpenRun, RunRecord, RunSummary
from shared.reporting.lateness import changes_line, lag_line

CANCELLING = "cancelling"
"""The state of a run that was cancelled and is not over yet."""

RUNNING = "running"

_GAP = (
    "the record of a range of the run is gone from Firestore (by hand, or because the run went on for months): nothing "
    "is said of the keys in it, no count has them, and the next run lists all keys"
)


def state_of(record: RunRecord, cancelled: frozenset[str]) -> str:
    """A run's state for people and programs: running, cancelling, or as it ended."""
    if record.state is not RunState.RUNNING:
        return record.state.value
    return CANCELLING if record.run.name in cancelled else RUNNING


def is_cancelled(state: str) -> bool:
    """Whether a person has ended it, be it over or not."""
    return state in (CANCELLING, RunState.CANCELLED)


def all_well(summary: RunSummary, state: str) -> bool:
    """Whether keys were listed, every one has ended, none has failed, and every key was listed. Archived and
    unsupported keys have ended well: whoever cuts over must accept them by name.
    """
    whole = summary.balanced and not summary.cut_short and not is_cancelled(state)
    return whole and bool(summary.listed_keys) and not summary.outcomes.keys.get(Outcome.FAILED)


def verdict_line(run: OpenRun, summary: RunSummary, state: str, reports: bool, bucket: str) -> str:
    """What a run's counts come to. reports: whether the job writes any, which name single keys. bucket: the source."""
    unended = _unended(summary, state)
    if unended:
        return unended
    cancelled = is_cancelled(state)
    parts = [_cancelled(summary)] if cancelled else []
    if not summary.listed_keys and run.kind is RunKind.EVENTS:
        parts.append("no event named a key that is new")
    elif not summary.listed_keys and not summary.cut_short and not cancelled:
        where = f"begins with {run.prefix.decode()!r}" if run.prefix else "was found in the source"
        parts.append(f"no key was listed: none {where}, or S3 does not show it{hint_of(run.prefix, bucket)}")
    if summary.stopped_ranges:
        parts.append(_cut_short(run, summary.stopped_ranges, cancelled))
    if summary.gap:
        parts.append(_GAP)
    parts += _failed(run, summary, cancelled, reports)
    parts = parts or ["every listed key has an outcome, and none has failed"]
    if run.kind is RunKind.VERIFY:
        parts += _compared(summary)
    parts += _left(summary)
    if run.kind is RunKind.EVENTS and summary.listed_keys:
        parts.append(f"from event to copy: {lag_line(summary.lag, summary.listed_keys)}")
    if summary.changes.total_keys:
        parts.append(changes_line(summary.changes))
    return "; ".join(parts)


def _cancelled(summary: RunSummary) -> str:
    """Of a run that a person ended, and of which nothing is left."""
    if summary.stopped_ranges or summary.outcomes.keys.get(Outcome.FAILED):
        return "cancelled: what it did not come to, the next run copies"
    return "cancelled when every key had begun, and all have ended"


def _unended(summary: RunSummary, state: str) -> str:
    """Of a run of which something is left, or whose books are wrong."""
    ranges, pending = numbered(summary.open_ranges, "range"), numbered(max(summary.pending, 0), "listed key")
    if state == RunState.TIMED_OUT:
        return f"timed out: {ranges} and {pending} were left; the next run takes them up"
    if state == CANCELLING and not summary.finished:
        return f"cancelled, and not over yet: {ranges} and {pending} are left; nothing more of it begins"
    if not summary.finished:
        return f"still going: {ranges} being listed, {pending} pending"
    if not summary.balanced and not summary.gap:
        return "the outcomes do not add up to what was listed: keep the run's documents, and report it"
    return ""


def _cut_short(run: OpenRun, ranges: int, cancelled: bool) -> str:
    """Of ranges whose last keys were not reached. What stopped them is noted at the run's prefix."""
    if cancelled:
        return f"{numbered(ranges, 'range was', 'ranges were')} cut short by that"
    named = quote(run.prefix.decode())
    why = f"by a ceiling or an error, which `bucket-transfer prefix {named}` names"
    return f"not every key was looked at: {numbered(ranges, 'range was', 'ranges were')} cut short {why}"


def _failed(run: OpenRun, summary: RunSummary, cancelled: bool, reports: bool) -> list[str]:
    failed = summary.outcomes.keys.get(Outcome.FAILED, 0)
    if not failed:
        return []
    if run.kind is RunKind.VERIFY and not repairs(run.message):
        names = f"`bucket-transfer report {run.name}` names them" if reports else "no report names them (REPORT_BUCKET)"
        return [f"{numbered(failed, 'key does', 'keys do')} not agree, and nothing was repaired: {names}"]
    if cancelled:
        which = numbered(failed, "listed key has", "listed keys have")
        return [f"{which} failed or had not begun: `bucket-transfer failures` says which"]
    said = [f"{numbered(failed, 'key has', 'keys have')} failed: `bucket-transfer failures` says why"]
    if run.kind is RunKind.KEYS:
        said.append(
            "a key that is not in the source is not among those: `bucket-transfer explain KEY` says if it is there"
        )
    return said


def _compared(summary: RunSummary) -> list[str]:
    """What a comparison leaves to be proven, and what it found at the destination only."""
    found = []
    repaired = summary.outcomes.keys.get(Outcome.COPIED, 0)
    if repaired:
        found.append(f"{numbered(repaired, 'key')} copied again, which the next comparison proves")
    unproven = summary.verdicts.keys.get(Comparison.UNPROVEN, 0)
    if unproven:
        found.append(f"nothing proves {numbered(unproven, 'copy', 'copies')}")
    alone = summary.verdicts.keys.get(Comparison.EXTRA, 0)
    if alone:
        found.append(f"{numbered(alone, 'copy belongs', 'copies belong')} to no object")
    return found


def _left(summary: RunSummary) -> list[str]:
    """What cannot be copied as it is."""
    kinds = (Outcome.ARCHIVED, Outcome.UNSUPPORTED)
    left = [f"{keys:,} {kind.value}" for kind in kinds if (keys := summary.outcomes.keys.get(kind, 0))]
    return [f"not copied: {' and '.join(left)} (`bucket-transfer plan` says why)"] if left else []
