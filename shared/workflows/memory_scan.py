"""The ledger read alongside a listing: both move forward in key order, neither is held in memory whole."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from shared.core.ledger import Record, RecordWindow, Remembered


@dataclass(slots=True)
class MemoryScan:
    """records: in order of their first keys. run, started: records that this very invocation has written
    (its run, published after it began) are not memory yet and are passed over.
    """

    records: AsyncIterator[Record]
    run: str
    started: float
    _window: RecordWindow = field(init=False)
    _next: Record | None = None
    _ended: bool = False

    def __post_init__(self) -> None:
        self._window = RecordWindow(self.run)

    async def advance(self, key: bytes) -> list[Record]:
        """Take in every record that begins at or before `key`.

        Returns those among them that an earlier delivery of the same message left unsettled.
        """
        orphans: list[Record] = []
        while not self._ended:
            if self._next is None:
                self._next = await anext(self.records, None)
                self._ended = self._next is None
            if self._next is None or self._next.first > key:
                break
            record, self._next = self._next, None
            if record.run == self.run and record.published_at >= self.started:
                continue
            self._window.add(record)
            if record.run == self.run and not record.settled:
                orphans.append(record)
        return orphans

    def lookup(self, key: bytes) -> Remembered | None:
        return self._window.lookup(key)

    def forget_before(self, key: bytes) -> None:
        self._window.forget_before(key)
