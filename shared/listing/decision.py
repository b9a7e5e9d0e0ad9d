"""What the lister does with a listed key, given what the ledger knows of it.

known as          record of    ETag, size   alive   decision
---------------   ----------   ----------   -----   ---------------------------------------------
nothing                                             PUBLISH
anything          this run                          QUEUED    a batch of this run has it already
still to copy     another run  same         yes     IN_FLIGHT
still to copy     another run  same         no      PUBLISH
copied/unchanged  another run  same                 UNCHANGED, or PUBLISH when forced
unsupported       another run  same                 UNSUPPORTED, or PUBLISH when redriven or forced
archived          another run  same                 ARCHIVED, or PUBLISH likewise
failed, stays     another run  same                 FAILED, or PUBLISH likewise
failed, passes    another run  same                 PUBLISH
failed as gone    another run  same                 PUBLISH   it was deleted, and has the same bytes again
archived          another run  same                 PUBLISH if the listing says that it can be read by now
anything          another run  differs              PUBLISH

A failure stays or passes as its recorded reason does (`shared/domain/reasons.py`): what passes, and what was no key's
fault, is tried by the next run again. What was gone is listed again only if it was written again.

What would be published and must be restored first is ARCHIVED instead.
"""

from enum import StrEnum

from shared.domain.counts import THERE, Outcome
from shared.domain.reasons import passes_by_itself, was_gone
from shared.ledger.window import Known


class Decision(StrEnum):
    """The lister's verdict on one listed key; all but PUBLISH and QUEUED are also its outcome."""

    PUBLISH = "publish"
    QUEUED = "already queued"
    UNCHANGED = Outcome.UNCHANGED.value
    IN_FLIGHT = Outcome.IN_FLIGHT.value
    UNSUPPORTED = Outcome.UNSUPPORTED.value
    ARCHIVED = Outcome.ARCHIVED.value
    FAILED = Outcome.FAILED.value


def decide(
    version: tuple[str, int],
    known: Known | None,
    *,
    run: str,
    alive: bool,
    force: bool,
    redrive: bool,
    archived: bool | None = None,
) -> Decision:
    """See the table above. version: the listed ETag and size. alive: see `is_alive`. archived: whether the object must
    be restored before it can be read, None if the listing does not say.
    """
    restored = archived is False
    decision = _decide(version, known, run, alive, force, redrive, restored)
    return Decision.ARCHIVED if archived and decision is Decision.PUBLISH else decision


def _decide(
    version: tuple[str, int],
    known: Known | None,
    run: str,
    alive: bool,
    force: bool,
    redrive: bool,
    restored: bool,
) -> Decision:
    if known is None:
        return Decision.PUBLISH
    if known.run == run:
        return Decision.QUEUED
    entry = known.entry
    if (entry.etag, entry.size) != version:
        return Decision.PUBLISH
    if entry.outcome is None:
        return Decision.IN_FLIGHT if alive else Decision.PUBLISH
    if entry.outcome in THERE:
        return Decision.PUBLISH if force else Decision.UNCHANGED
    failed = entry.outcome is Outcome.FAILED
    passes = failed and (passes_by_itself(entry.reason) or was_gone(entry.reason))
    again = force or redrive or passes or (restored and entry.outcome is Outcome.ARCHIVED)
    return Decision.PUBLISH if again else Decision(entry.outcome.value)
