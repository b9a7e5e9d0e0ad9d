"""No more than a run's ceilings allow is published, however many ranges publish at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import BucketError
from shared.domain.spending import Amount
from shared.domain.text import numbered
from shared.ports.control_store import Control
from shared.pricing.estimate import Classes
from shared.runs.job_control import JobControl
from shared.runs.portions import Batch, Portion, Portions

CANCELLED = "the run was cancelled"
"""Why its ranges end before their last keys."""


class Stopped(BucketError):
    """A batch may not be published. paused: whether it may be later. cancelled: whether the run is over for good."""

    def __init__(self, why: str, paused: bool = False, cancelled: bool = False) -> None:
        super().__init__(why)
        self.paused, self.cancelled = paused, cancelled


@dataclass(slots=True)
class CeilingGuard:
    """One invocation's leave to publish for a run. A batch is published whole or not at all: what is left of a ceiling
    below a batch's size stays unused. portions: its instance's.
    """

    job_control: JobControl
    portions: Portions
    run: str
    _portion: Portion | None = None

    async def begin_with(self, batches: Sequence[Batch]) -> None:
        """Reserve for a range's first batches together, as `Portion.begin` says. batches: as `reserve` will be asked
        for them.
        """
        control = await self.job_control.read()
        if batches and control.bounded and not control.paused and self.run not in control.cancelled:
            await self._joined().begin(control, batches)

    async def mind(self) -> None:
        """Raises Stopped if the run was cancelled: for whoever works on and publishes nothing."""
        if await self.job_control.is_cancelled(self.run):
            raise Stopped(CANCELLED, cancelled=True)

    async def reserve(self, objects: int, size: int, classes: Classes | None = None) -> Amount:
        """What was taken of the ceilings, for `unused`. Raises Stopped if the run was cancelled or the job is paused,
        or if a ceiling would be exceeded by so many objects and bytes. classes: objects and bytes of storage classes of
        S3 that are not STANDARD.
        """
        control = await self.job_control.read()
        if self.run in control.cancelled:
            raise Stopped(CANCELLED, cancelled=True)
        if control.paused:
            raise Stopped("the job is paused", paused=True)
        if not control.bounded:
            return Amount()
        taken = await self._joined().take(control, objects, size, classes or {})
        if taken is None:
            raise Stopped(
                f"the next batch has {numbered(objects, 'object')} and {numbered(size, 'byte')}, "
                f"and would exceed the ceiling of {_text(control)} a run"
            )
        return taken

    def unused(self, taken: Amount) -> None:
        """A batch was not published after all."""
        if taken:
            self._joined().put_back(taken)

    async def release(self) -> None:
        """What was reserved and not used is for others."""
        if self._portion is not None:
            portion, self._portion = self._portion, None
            await self.portions.leave(portion)

    def _joined(self) -> Portion:
        if self._portion is None:
            self._portion = self.portions.join(self.run)
        return self._portion


def _text(control: Control) -> str:
    named = ((control.most_objects, "objects"), (control.most_bytes, "bytes"), (control.most_dollars, "dollars"))
    return " and ".join(f"{most:,} {what}" for most, what in named if most is not None)
