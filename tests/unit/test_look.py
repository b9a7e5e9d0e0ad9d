"""The destination, seen at once."""

from typing import Any

import pytest

from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from tests.fakes import FakeClock


async def test_a_neighbour_without_checksums_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object under a customer's own key lists without crc32c and md5Hash."""

    async def page(_self: GcsDestination, _url: str) -> dict[str, Any]:
        return {"items": [{"name": "k05-theirs", "size": "3", "generation": "1"}]}

    monkeypatch.setattr(GcsDestination, "_page", page)
    http = Http(1, FakeClock())
    destination = GcsDestination("bucket", "http://gcs.test", http, Token(None))
    assert await destination.stat_many([f"k{number:02d}".encode() for number in range(40)]) == {}
    await http.close()
