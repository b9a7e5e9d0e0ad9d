"""One invocation's part of a run's manifest, written in files as it grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.counts import RangeCounts
from shared.domain.errors import ObjectError
from shared.ports.log import Log
from shared.ports.reports import Reports
from shared.reporting.manifest import ManifestFile

NDJSON_GZ = "application/gzip"


@dataclass(slots=True)
class WriteManifest:
    """folder: of the run's files. owner: makes the names of the files unlike those of an invocation that died: only
    what a range was closed with belongs to the manifest. A bucket that refuses a file does not keep a comparison from
    going on: the rows are counted as unwritten, and the report says so.
    """

    reports: Reports
    log: Log
    folder: str
    owner: str
    counts: RangeCounts
    _file: ManifestFile = field(default_factory=ManifestFile)

    def add(self, rows: Sequence[Mapping[str, object]]) -> None:
        self._file.add(rows)

    async def write_full(self) -> None:
        """Write the file if it is full."""
        if self._file.full:
            await self.write()

    async def write(self) -> None:
        """Write what there is."""
        if self._file.rows:
            number = len(self.counts.manifest)
            part, body = self._file.close(f"{self.folder}/{self.owner}-{number:04d}.ndjson.gz")
            try:
                await self.reports.put(part.name, body, NDJSON_GZ)
            except ObjectError as refused:
                self.counts.sums.unwritten_rows += part.rows
                self.log.error("no manifest", rows=part.rows, file=part.name, reason=refused.reason, why=str(refused))
                return
            self.counts.manifest.append(part)
