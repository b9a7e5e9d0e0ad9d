"""The index of a job's runs, kept beside their reports, and what leads from one run to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import LostRace
from shared.ports.reports import Reports
from shared.ports.run_store import RunStore
from shared.reporting.index_rows import IndexRow, parse, union
from shared.reporting.manifest import run_folder

HTML = "text/html; charset=utf-8"

_TRIES = 5
"""Of an index that others write, too."""

_OVERLAP_SECONDS = 3600.0
"""So long before the last known beginning the store is asked again: clocks differ, and runs are seen late."""


@dataclass(frozen=True, slots=True)
class RunIndex:
    """source, destination: as the page names them."""

    reports: Reports
    runs: RunStore
    job: str
    source: str
    destination: str

    async def known(self) -> list[IndexRow]:
        """The runs that the index names by now."""
        body, _ = await self.reports.read(self._name)
        return parse(body)

    async def write(self, *ended: IndexRow) -> list[IndexRow]:
        """Write the index: what it named before, what the store has, and these. It is replaced only if nobody has
        written it since it was read, so the last writer's has everybody's runs. Raises LostRace if others are always
        faster.
        """
        from shared.reporting.index_page import index_page

        for _ in range(_TRIES):
            body, generation = await self.reports.read(self._name)
            known = parse(body)
            stored = [IndexRow.of_record(record) for record in await self.runs.since(_since(known))]
            rows = union(union(known, stored), ended)
            page = index_page(self.job, self.source, self.destination, rows, self.reports.link(self._name)).encode()
            if page == body or await self.reports.replace(self._name, page, HTML, generation):
                return rows
        raise LostRace(f"{self._name}: written by others {_TRIES} times while it was put together")

    async def link(self, rows: Sequence[IndexRow], run: str) -> None:
        """Have the run before lead to this one, and this one to the next, if there is one. So many may have begun since
        that the index has no room for it: then there is nobody to lead to it.
        """
        from shared.reporting.index_page import next_page

        def leading(run: str, after: str) -> tuple[str, bytes, str]:
            name = self._next(run)
            return name, next_page(run, after, self.reports.link(name)).encode(), HTML

        names = [row.run for row in rows]
        if run not in names:
            return
        place = names.index(run)
        if place > 0:
            await self.reports.put(*leading(names[place - 1], run))
        if place + 1 < len(names):
            await self.reports.put(*leading(run, names[place + 1]))
        else:
            await self.reports.replace(*leading(run, ""), 0)

    @property
    def _name(self) -> str:
        return f"{self.job}/index.html"

    def _next(self, run: str) -> str:
        return f"{run_folder(self.job, run)}/next.html"


def _since(known: Sequence[IndexRow]) -> float:
    """From when on the store may know of a run what the index does not (epoch seconds)."""
    if not known:
        return 0.0
    running = [row.began for row in known if row.ended is None]
    return max(min([*running, known[-1].began]) - _OVERLAP_SECONDS, 0.0)
