"""Waiting until nothing of some runs is left and their ends are written down."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.live import Live

from cli.output import Output
from cli.run_view import RunView, view
from cli.session import Session
from cli.verdict import CANCELLING, RUNNING, all_well, state_of, verdict_line
from shared.domain.messages import VerifyMessage
from shared.ports.control_store import Control
from shared.ports.run_store import OpenRun

_SOON_SECONDS = 0.2
_SECONDS = 2.0
"""Between two looks: at first, and after a while. A look at a running run is some forty reads, and three for
each thousand of its batches."""

_SLOWER = 1.3

_END_SECONDS = 60.0
"""Of a run that looks finished the end is waited for so long: its report is written first, and of a large run the
counts are added up.
"""

_ASKED_EVERY_SECONDS = 10.0
"""Counts are several reads, and work goes on between them: a run that looked finished may not have been."""


_GOES_ON = (
    "not waited for any longer; what was begun goes on: `bucket-transfer status` shows it, and "
    "`bucket-transfer cancel RUN` ends a run"
)


@dataclass(frozen=True, slots=True)
class Waited:
    """A run, once it was waited for. state: as `verdict.state_of` says it; running where its end was not written down
    in time, though nothing of it is left. bucket: the source.
    """

    seen: RunView
    state: str
    bucket: str

    @property
    def over(self) -> bool:
        """Whether its end is written down."""
        return self.state not in (RUNNING, CANCELLING)

    @property
    def well(self) -> bool:
        return all_well(self.seen.summary, self.state)

    def show(self, output: Output, reports: bool) -> None:
        """reports: whether the job writes any."""
        output.line(f"{self.seen.run.name}: {self.seen.line()}")
        output.line(f"  {verdict_line(self.seen.run, self.seen.summary, self.state, reports, self.bucket)}")
        if not self.over:
            output.line("  its end is not written down yet; the scheduler's next message does that")


async def until_over(
    session: Session, find: Callable[[], Awaitable[Sequence[OpenRun]]], expected: int
) -> Sequence[Waited]:
    """find: the runs that have begun by now, of so many. What looks finished is asked to be closed, as the scheduler
    asks every few minutes: who closes it makes sure that nothing is left. What is over is not looked at again.
    """
    pause, waited, asked, over = _SOON_SECONDS, 0.0, 0, dict[str, Waited]()
    with _drawn(session.output) as draw:
        while True:
            begun = await find()
            left = any(run.name not in over for run in begun)
            control = await session.admin.stores.control.get() if left else Control()
            looked = [over.get(run.name) or await _look(session, run, control) for run in begun]
            over |= {item.seen.run.name: item for item in looked if item.over}
            draw([item.seen for item in looked])
            all_begun = len(looked) == expected
            if all_begun and all(item.over for item in looked):
                return looked
            if not all_begun or not all(item.over or item.seen.done for item in looked):
                waited, asked = 0.0, 0
            elif waited >= _END_SECONDS:
                return looked
            elif waited >= asked * _ASKED_EVERY_SECONDS:
                await session.sender.send(session.config.verify_topic, VerifyMessage(close=True))
                asked, pause = asked + 1, _SOON_SECONDS
            try:
                await asyncio.sleep(pause)
            except asyncio.CancelledError:  # Ctrl-C
                session.output.aside(_GOES_ON)
                raise
            waited += pause
            pause = min(pause * _SLOWER, _SECONDS)


async def _look(session: Session, run: OpenRun, control: Control) -> Waited:
    """Its state is read before its counts, which are complete if it was over by then."""
    record = await session.admin.stores.runs.record(run.name)
    state = RUNNING if record is None else state_of(record, control.cancelled)
    return Waited(await view(session, run, control), state, session.settings.source_bucket)


@contextmanager
def _drawn(output: Output) -> Iterator[Callable[[Sequence[RunView]], None]]:
    """Shows runs where a person looks, and nothing elsewhere."""
    if output.as_json or not output.interactive:
        yield lambda views: None
        return
    with Live(console=output.console, auto_refresh=False, transient=True) as live:

        def draw(views: Sequence[RunView]) -> None:
            def show(given: Output) -> None:
                for item in views:
                    given.line(f"{item.run.name}  {item.percent}  {item.line()}")
                if not views:
                    given.line("waiting for its start")

            live.update(output.captured(show), refresh=True)

        yield draw
