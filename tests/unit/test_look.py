"""The destination, seen at once."""

from typing import Any

import pytest

from shared.domain.comparison import Comparison, compare
from shared.domain.keys import KeyMapping
from shared.domain.objects import SourceObject
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from tests.fakes import FakeClock


async def test_a_neighbour_without_checksums_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object under a customer's own key lists without crc32c and md5Hash."""

    async def page(_self: GcsDestination, _url: str) -> tuple[list[dict[str, Any]], str]:
        return [{"name": "k05-theirs", "size": "3", "generation": "1"}], ""

    monkeypatch.setattr(GcsDestination, "_page", page)
    http = Http(1, FakeClock())
    destination = GcsDestination("bucket", "http://gcs.test", http, Token(None))
    assert await destination.stat_many([f"k{number:02d}".encode() for number in range(40)]) == {}
    await http.close()


async def test_what_lies_under_a_customers_own_key_is_listed_and_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows neither crc32c nor md5Hash to who has no key: it must not end every comparison and every copy over it.
    https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
    """
    theirs = {"name": "k", "size": "3", "generation": "1", "metageneration": "1"}

    async def page(_self: GcsDestination, _url: str) -> tuple[list[dict[str, Any]], str]:
        return [theirs, {**theirs, "name": "l", "crc32c": "AAAAAA=="}], ""

    async def found(_self: GcsDestination, _name: bytes, _fields: str) -> dict[str, Any]:
        return theirs

    monkeypatch.setattr(GcsDestination, "_page", page)
    monkeypatch.setattr(GcsDestination, "_described", found)
    http = Http(1, FakeClock())
    destination = GcsDestination("bucket", "http://gcs.test", http, Token(None))
    (listed,) = [page async for page in destination.listing(b"", b"")]
    seen = await destination.stat(b"k")
    assert seen is not None
    assert (seen.size, seen.crc32c, seen.md5, listed[0], listed[1].crc32c) == (3, "", None, seen, "AAAAAA==")
    source, place = SourceObject(b"k", "e" * 32, 3, 0), KeyMapping().place(b"k")
    assert compare(source, seen, place) is Comparison.UNPROVEN
    assert compare(source, seen, place, crc32c="AAAAAA==") is Comparison.UNPROVEN, "nobody knows that its bytes differ"
    await http.close()
