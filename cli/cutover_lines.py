"""Whether a prefix may be cut over, judged from the evidence: pure, a line for each thing that could stand against it.

Nothing is ready by default. A comparison must have proven every key that it listed, but for those of a kind that was
accepted by name, and what each line has let pass is added up once more in the end.
"""

import shlex
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cli.cutover_counts import Counted
from cli.cutover_evidence import Compared, Evidence
from cli.output import in_days, moment
from cli.scope import hint_of
from shared.domain.comparison import Comparison
from shared.domain.reasons import advice_for, passes_by_itself
from shared.domain.runs import RunState
from shared.domain.text import numbered
from shared.reporting.units import in_time

ACCEPTABLE = {
    "archived": "RESTORE_TIER has S3 restore it",
    "unsupported": "UNSUPPORTED_NAMES=encode copies it under another name",
    "filtered": "take the filters away",
}
"""What may be left behind if a person says so, and what to do if not."""

MISMATCHES = (
    Comparison.MISSING,
    Comparison.SIZE_DIFFERS,
    Comparison.CHECKSUM_DIFFERS,
    Comparison.ETAG_DIFFERS,
    Comparison.METADATA_DIFFERS,
    Comparison.REPAIRED,
)

_NAMED = 3


class Level(StrEnum):
    """What a line means for the cutover."""

    OK = "ok"
    WARNING = "warning"
    """To be known; it does not stand against it."""
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class Line:
    """mend: what to type or do, "" if nothing."""

    check: str
    level: Level
    text: str
    mend: str = ""


def lines(found: Evidence, accepted: Collection[str], most_lag: float, hold: str) -> list[Line]:
    """All that can be said. most_lag: seconds. hold: what keeps deltas from coming between."""
    prefix = found.prefix.decode()
    where = f" {shlex.quote(prefix)}" if prefix else ""
    judged = [_paused(found), _running(found), _lag(found, most_lag, where), *_listings(found, where)]
    comparison = found.comparison
    if comparison is None:
        text = f"no comparison of {prefix or 'the whole job'} to its end has begun within {in_days(found.days)}"
        text += hint_of(found.prefix, found.bucket)
        judged.append(_blocks("comparison", text, f"bucket-transfer verify{where} --wait"))
    else:
        judged += _comparison(found, comparison, where, hold)
    proven = False
    if comparison is not None and comparison.counted is not None:
        judged += _verdicts(comparison.counted, accepted, where)
        judged.append(_alone(comparison, comparison.counted, found.reports))
        judged.append(_sum(comparison, comparison.counted, accepted, where))
        proven = comparison.ended.state is RunState.FINISHED and judged[-1].level is Level.OK
    judged += _ledger(found, where, proven)
    return judged


def _ok(check: str, text: str) -> Line:
    return Line(check, Level.OK, text)


def _blocks(check: str, text: str, mend: str) -> Line:
    return Line(check, Level.BLOCKS, text, mend)


def _paused(found: Evidence) -> Line:
    if not found.paused:
        return _ok("paused", "the job is not paused")
    text = "the job is paused: what the source gets from now on is not copied"
    return Line("paused", Level.WARNING, text, "bucket-transfer resume, unless the writes have stopped for good")


def _running(found: Evidence) -> Line:
    if not found.running:
        return _ok("running", "no run of it has anything left to do")
    mend = "wait: bucket-transfer status --watch"
    return _blocks("running", f"{_some(found.running)}: keys are still being listed or copied", mend)


def _lag(found: Evidence, most_lag: float, where: str) -> Line:
    mend = f"bucket-transfer run{where} --wait"
    if found.delta is None:
        text = f"no listing of all of it has begun within {in_days(found.days)} and come to its end"
        return _blocks("lag", text, mend)
    run, age = found.delta.run, max(found.now - found.delta.run.started_at, 0.0)
    text = f"the last finished delta, {run.name}, began {in_time(age)} ago ({moment(run.started_at)})"
    return _ok("lag", text) if age <= most_lag else _blocks("lag", f"{text}, more than {in_time(most_lag)}", mend)


def _listings(found: Evidence, where: str) -> Iterator[Line]:
    record = found.unfinished
    if record is not None:
        text = f"the newest listing, {record.run.name}, {record.state.told}: not every key was listed"
        mend = f"bucket-transfer runs {record.run.name} says why; then bucket-transfer run{where} --wait"
        yield Line("delta", Level.WARNING, text, mend)


def _comparison(found: Evidence, comparison: Compared, where: str, hold: str) -> Iterator[Line]:
    again = f"bucket-transfer verify{where} --wait"
    name, state = comparison.name, comparison.record.state
    of = comparison.record.run.prefix.decode()
    wider = f" of {of!r}" if of else " of the whole job"
    began = f"{name}{wider}, begun {moment(comparison.began)}"
    if state is RunState.RUNNING:
        yield _blocks("comparison", f"{began}, is running", f"wait: bucket-transfer status --watch; else {again}")
    elif state is not RunState.FINISHED:
        yield _blocks("comparison", f"{began}, {state.told}: not every key was compared", again)
    elif comparison.elsewhere:
        yield _blocks("comparison", f"{began}, was of {comparison.elsewhere}, and the job's are others now", again)
    elif not comparison.summary.listed_keys:
        text = f"{began}, has listed no key{hint_of(found.prefix, found.bucket)}"
        yield _blocks("comparison", text, "check the prefix, and what S3 shows of it")
    elif comparison.counted is None:
        text = f"{began}, does not count {found.prefix.decode()!r} apart{hint_of(found.prefix, found.bucket)}"
        yield _blocks("comparison", text, f"{again}, which compares only that")
    elif not comparison.counted.listed:
        hint = hint_of(found.prefix, found.bucket)
        text = f"{began}, has listed no key that begins with {found.prefix.decode()!r}{hint}"
        yield _blocks("comparison", text, "check the prefix, and what S3 shows of it")
    else:
        yield _ok("comparison", f"{began}, has come to its end")
    if found.not_before:
        text = f"it began before {_some(found.not_before)} had ended: what these have brought is not compared"
        yield _blocks("order", text, f"{again}; {hold}")
    for later in found.later:
        ended = later.ended
        if ended.state is not RunState.FINISHED or ended.proven != ended.listed:
            what = f"{later.name} of {later.record.run.prefix.decode()!r} began after it, and has not proven every key"
            yield _blocks("comparison", what, f"bucket-transfer report {later.name}; then {again}")


def _verdicts(counted: Counted, accepted: Collection[str], where: str) -> Iterator[Line]:
    verdicts, again = counted.verdicts, f"bucket-transfer verify{where} --wait"
    wrong = {verdict: verdicts.get(verdict, 0) for verdict in MISMATCHES}
    named = ", ".join(f"{keys:,} {verdict.replace('_', ' ')}" for verdict, keys in wrong.items() if keys)
    yield _none("mismatches", sum(wrong.values()), named, f"{again}, which repairs and compares again")
    unproven = verdicts.get(Comparison.UNPROVEN, 0) + verdicts.get(Comparison.SAME, 0) - counted.proven
    yield _none(
        "unproven",
        unproven,
        f"{numbered(unproven, 'copy', 'copies')} that nothing proves",
        f"REREAD_UNPROVEN=true; {again}",
    )
    flying = verdicts.get(Comparison.IN_FLIGHT, 0)
    yield _none("in flight", flying, f"{numbered(flying, 'key was', 'keys were')} being copied when compared", again)
    accept = "bucket-transfer cutover{} --accept {} if it may stay behind"
    for name, keys in _acceptable(counted).items():
        mend = ACCEPTABLE[name]
        if keys and name in accepted:
            yield _ok(name, f"{numbered(keys, 'key is', 'keys are')} {name}: accepted to stay behind")
        else:
            text = f"{numbered(keys, 'key is', 'keys are')} {name}: not at the destination, or not looked at"
            yield _none(name, keys, text, f"{mend}; or {accept.format(where, name)}")


def _alone(comparison: Compared, counted: Counted, reports: bool) -> Line:
    alone = counted.verdicts.get(Comparison.EXTRA, 0)
    if not alone:
        return _ok("destination only", "no copy is without its object")
    text = f"{numbered(alone, 'copy belongs', 'copies belong')} to no object of the source"
    mend = "with REPORT_BUCKET the next comparison's report and manifest name them"
    if reports:
        mend = f"bucket-transfer report {comparison.name}: the page names the first ones, the manifest beside it all"
    return Line("destination only", Level.WARNING, text, f"{mend}, as extra (docs/use.md, Reports)")


def _none(check: str, keys: int, text: str, mend: str) -> Line:
    return _blocks(check, text, mend) if keys else _ok(check, "none")


def _sum(comparison: Compared, counted: Counted, accepted: Collection[str], where: str) -> Line:
    """Once more, from the other end: proven and accepted keys must be all that were listed."""
    left = left_behind(counted, accepted)
    rest = counted.listed - counted.proven - sum(left.values())
    of = f" of {comparison.part.decode()!r}" if comparison.part else ""
    text = f"{counted.proven:,} of {counted.listed:,} listed keys{of} are proven the same"
    if rest or counted.pending or counted.ended != counted.listed or counted.proven <= 0:
        text += f", {sum(left.values()):,} accepted, {rest:,} neither" + (
            f"; {counted.pending:,} have no end" if counted.pending else ""
        )
        return _blocks("proof", text, f"bucket-transfer report {comparison.name}; bucket-transfer verify{where} --wait")
    return _ok("proof", f"{text} ({counted.by})")


def left_behind(counted: Counted | None, accepted: Collection[str]) -> dict[str, int]:
    """Keys that a person lets stay behind, by kind; none where they are not counted."""
    if counted is None:
        return {}
    return {name: keys for name, keys in _acceptable(counted).items() if keys and name in accepted}


def _acceptable(counted: Counted) -> dict[str, int]:
    """Keys of each kind that may be left behind."""
    return {
        "archived": counted.verdicts.get(Comparison.ARCHIVED, 0),
        "unsupported": counted.verdicts.get(Comparison.UNSUPPORTED, 0),
        "filtered": counted.filtered,
    }


def _ledger(found: Evidence, where: str, proven: bool) -> Iterator[Line]:
    """proven: whether the comparison has proven all that is to be there: what failed before it was gone over by it."""
    known, again = found.ledger, f"bucket-transfer verify{where} --wait"
    if found.speaks_for or known.foreign > known.ours:
        others = found.speaks_for or "other buckets or names"
        text = f"the ledger speaks for {others}, and the settings that were found are of others"
        mend = f"--verbose says which job was found; then bucket-transfer run{where} --wait and {again}"
        yield _blocks("settings", text, mend)
    compared = found.comparison is not None
    if compared and known.copied_since:
        text = f"{numbered(known.copied_since, 'key was', 'keys were')} copied after the comparison had begun"
        yield _blocks("copied since", text, again)
    if compared and known.open_since:
        text = f"{numbered(known.open_since, 'key is', 'keys are')} on the way that came after the comparison had begun"
        yield _blocks("open since", text, f"wait; then {again}")
    if not known.failed:
        yield _ok("failed", "none that the ledger knows")
    for cause, keys in known.failed.most_common():
        reason = known.reasons[cause]
        passing = passes_by_itself(reason)
        kind = "passes by itself, the next run tries it again" if passing else "stays until somebody acts"
        redrive = f"bucket-transfer redrive{where} --cause {cause} --wait; then {again}"
        advice = advice_for(reason)
        if proven and not known.failed_since[cause]:
            text = f"{keys:,} {cause}, before the comparison, which found every key there that does not stay behind"
            yield Line("failed", Level.WARNING, text, f"bucket-transfer explain KEY; bucket-transfer failures{where}")
        else:
            yield _blocks("failed", f"{keys:,} {cause} ({kind})", f"{advice}; {redrive}" if advice else redrive)


def _some(names: Collection[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _NAMED:,} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more


def tallied(judged: Collection[Line]) -> Counter[Level]:
    """Lines by level."""
    return Counter(line.level for line in judged)
