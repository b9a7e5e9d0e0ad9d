"""What earlier versions remember is known to this one: a ledger that is forgotten by an upgrade has every key looked at
again.
"""

import pytest

from shared.ledger.packing import inflate
from shared.ledger.table import SCHEMA, Packed, Table, pack
from tests.golden_records import Golden, golden_records

RECORDS = list(golden_records())


@pytest.mark.parametrize("golden", RECORDS, ids=lambda golden: f"{golden.schema}: {golden.what}")
def test_a_record_of_every_released_schema_is_read(golden: Golden) -> None:
    table = Table(Packed(golden.document["table"], golden.document["detail"]))
    assert tuple(table) == golden.entries
    assert table.keys == sorted(table.keys)


def test_the_schema_of_today_is_among_them() -> None:
    """Who raises SCHEMA adds a record of it, and keeps reading those before."""
    assert SCHEMA in {golden.schema for golden in RECORDS}


@pytest.mark.parametrize("golden", [item for item in RECORDS if item.schema == SCHEMA], ids=lambda golden: golden.what)
def test_the_layout_does_not_change_without_its_number(golden: Golden) -> None:
    packed = pack(golden.entries)
    assert inflate(packed.scan) == inflate(golden.document["table"])
    assert inflate(packed.detail) == inflate(golden.document["detail"])
