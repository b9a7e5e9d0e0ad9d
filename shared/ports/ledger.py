"""Batch records as they are stored."""

from dataclasses import dataclass

from shared.ledger.record import BatchRecord


@dataclass(frozen=True, slots=True)
class Versioned:
    """A record with the token that a later write must still match."""

    record: BatchRecord
    version: object


@dataclass(frozen=True, slots=True)
class KeyCount:
    """What a stretch of the ledger holds."""

    keys: int
    records: int
