"""Ledger records as released versions wrote them: `tests/unit/golden_records/schema-N.json`, a file a schema of the
packed tables. The bytes are never written anew; a new schema gets a file of its own, made by the version that has it.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.domain.counts import Outcome
from shared.ledger.entry import Entry

FOLDER = Path(__file__).parent / "unit" / "golden_records"


@dataclass(frozen=True, slots=True)
class Golden:
    """document: its fields, as Firestore has them. entries: what it says."""

    schema: int
    what: str
    batch: str
    document: dict[str, Any]
    entries: tuple[Entry, ...]


def golden_records() -> Iterator[Golden]:
    for path in sorted(FOLDER.glob("schema-*.json")):
        table = json.loads(path.read_text())
        for record in table["records"]:
            entries = tuple(map(_entry, record["entries"]))
            yield Golden(table["schema"], record["what"], record["id"], _value(record["document"]), entries)


def _entry(fields: dict[str, Any]) -> Entry:
    outcome = Outcome(fields["outcome"]) if fields["outcome"] else None
    return Entry(**{**fields, "key": fields["key"].encode(), "outcome": outcome})


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {"bytes"}:
        return base64.b64decode(value["bytes"])
    if value.keys() == {"time"}:
        return datetime.fromtimestamp(value["time"], UTC)
    return {name: _value(item) for name, item in value.items()}
