"""What comes after a run: a proof that what was copied is right, another pass where something was repaired, order among
the records of events.
"""

from dataclasses import dataclass

from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, VerifyMessage, decode
from shared.domain.runs import RunKind
from shared.ports.queue import Queue
from shared.ports.run_store import OpenRun, RunSummary


@dataclass(frozen=True, slots=True)
class FollowUp:
    """topic: the verifier's. list_topic: the lister's. passes: the most comparisons in a row, the first one included.
    verify_initial, verify_always: whether a prefix is compared after its first run, after each that copied something.
    """

    queue: Queue
    topic: str
    list_topic: str
    passes: int
    verify_initial: bool
    verify_always: bool

    async def go_on(self) -> None:
        """Have the ends of runs be looked at again at once: one is larger than an invocation adds up."""
        await self.queue.publish(self.topic, [VerifyMessage(close=True)])

    async def sort(self, run: OpenRun) -> None:
        """Ask for a run of events to have its batches sorted; the message is put off until its end is written down. One
        that somebody called otherwise stays as it is: nobody could read the message.
        """
        if not RunKind.EVENTS.names(run.name):
            return
        await self.queue.publish(self.list_topic, [ListMessage(sort=run.name)])

    async def __call__(self, run: OpenRun, summary: RunSummary, initial: bool) -> None:
        """Send the message that follows from a finished run, if one does. initial: its prefix's first one."""
        copied = summary.outcomes.keys.get(Outcome.COPIED, 0)
        if run.kind is RunKind.LIST and ((initial and self.verify_initial) or (copied and self.verify_always)):
            await self.queue.publish(self.topic, [VerifyMessage(prefix=run.prefix)])
        if run.kind is RunKind.VERIFY and copied:
            asked = decode(VerifyMessage, run.message)
            if asked.passed + 1 < self.passes:
                again = VerifyMessage(prefix=run.prefix, repair=asked.repair, passed=asked.passed + 1)
                await self.queue.publish(self.topic, [again])
