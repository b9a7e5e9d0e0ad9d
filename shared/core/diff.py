"""What the lister does with a listed key, given what is remembered of it.

remembered as     record of    ETag, size   age       decision
---------------   ----------   ----------   -------   ---------------------------------------------
nothing                                               PUBLISH
anything          this run                            COVERED   a batch of this run has it already
still to copy     another run  same         living    IN_FLIGHT
still to copy     another run  same         expired   PUBLISH
copied/unchanged  another run  same                   UNCHANGED, or PUBLISH when forced
unsupported       another run  same                   UNSUPPORTED, or PUBLISH when redriven or forced
archived, failed  another run  same                   ARCHIVED, FAILED, or PUBLISH likewise
anything          another run  differs                PUBLISH
"""

from enum import StrEnum

from shared.core.ledger import Remembered
from shared.core.outcomes import Outcome


class Decision(StrEnum):
    """The lister's verdict on one listed key; all but PUBLISH and COVERED are also its outcome."""

    PUBLISH = "publish"
    COVERED = "covered"
    UNCHANGED = Outcome.UNCHANGED.value
    IN_FLIGHT = Outcome.IN_FLIGHT.value
    UNSUPPORTED = Outcome.UNSUPPORTED.value
    ARCHIVED = Outcome.ARCHIVED.value
    FAILED = Outcome.FAILED.value


def decide(
    version: tuple[str, int],
    remembered: Remembered | None,
    *,
    run: str,
    now: float,
    life_seconds: float,
    force: bool,
    redrive: bool,
) -> Decision:
    """See the table above. version: the listed ETag and size. now: epoch seconds. life_seconds: how long a published
    batch counts as alive; one published further than that in the future was published by a clock that was wrong.
    """
    if remembered is None:
        return Decision.PUBLISH
    if remembered.run == run:
        return Decision.COVERED
    entry = remembered.entry
    if (entry.etag, entry.size) != version:
        return Decision.PUBLISH
    if entry.outcome is None:
        return Decision.IN_FLIGHT if abs(now - remembered.published_at) < life_seconds else Decision.PUBLISH
    if entry.outcome in (Outcome.COPIED, Outcome.UNCHANGED):
        return Decision.PUBLISH if force else Decision.UNCHANGED
    return Decision.PUBLISH if force or redrive else Decision(entry.outcome.value)
