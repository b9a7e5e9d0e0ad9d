"""The destination, seen at once."""

from typing import Any

import pytest

from shared.gcp.storage import GcsDestination


async def test_a_neighbour_without_checksums_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object under a customer's own key lists without crc32c and md5Hash."""

    async def page(_self: GcsDestination, _url: str) -> dict[str, Any]:
        return {"items": [{"name": "k05-theirs", "size": "3", "generation": "1"}]}

    monkeypatch.setattr(GcsDestination, "_page", page)
    anything: Any = None
    destination = GcsDestination("bucket", "http://gcs.test", anything, anything)
    assert await destination.look([f"k{number:02d}".encode() for number in range(20)]) == {}
