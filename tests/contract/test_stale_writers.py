"""Writers who come late, where the port shows nothing of it: notes of parts, and malformed messages."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, Client, DocumentSnapshot

from local.stack import Stack
from shared.domain.errors import StateConflict
from shared.gcp.firestore import documents
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.upload_store import PartNote
from shared.telemetry import Log
from tests.fakes import FakeRejected, FakeUploads

NOW = 1_800_000_000.0
NOTE = PartNote("etag", 5 << 20, 1, 2, b"", "edge")


@pytest.mark.parametrize("noted_before", [False, True], ids=["created meanwhile", "changed meanwhile"])
async def test_a_note_of_a_part_is_refused_where_another_was_written_since_it_was_read(
    google_like: Stack, fresh: str, monkeypatch: pytest.MonkeyPatch, noted_before: bool
) -> None:
    """It is made again with what is there by then, so that the last who writes has seen the one before."""
    uploads, others = (firestore_stores("local-project", "(default)", fresh, Log("ERROR")).uploads for _ in range(2))
    if noted_before:
        await others.note("upload", 1, replace(NOTE, etag="before"))
    write, heard = documents.write, list[str]()

    async def slow(
        client: AsyncClient,
        reference: AsyncDocumentReference,
        fields: Mapping[str, Any],
        read: "DocumentSnapshot[Any]",
    ) -> None:
        if fields["etag"] == "late" and not heard:
            heard.append("another writes")
            await others.note("upload", 1, replace(NOTE, etag="meanwhile"))
        try:
            await write(client, reference, fields, read)
            heard.append(f"{fields['etag']} is written over {(read.to_dict() or {}).get('etag')}")
        except StateConflict:
            heard.append(f"{fields['etag']} is refused")
            raise

    monkeypatch.setattr(documents, "write", slow)
    await uploads.note("upload", 1, replace(NOTE, etag="late"))
    assert heard == [
        "another writes",
        f"meanwhile is written over {'before' if noted_before else None}",
        "late is refused",
        "late is written over meanwhile",
    ]
    assert await uploads.parts("upload") == {1: replace(NOTE, etag="late")}


async def test_a_part_that_many_note_at_once_is_one_part(google_like: Stack, fresh: str) -> None:
    real = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).uploads
    for uploads in (real, FakeUploads()):
        notes = [replace(NOTE, etag=str(number)) for number in range(4)]
        await asyncio.gather(*(uploads.note("upload", 1, note) for note in notes))
        assert await uploads.count("upload") == 1
        assert (await uploads.parts("upload"))[1] in notes


async def test_a_malformed_message_that_is_noted_again_stays_as_it_was_first_noted(
    google_like: Stack, fresh: str
) -> None:
    real, fake = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).rejected, FakeRejected()
    for rejected in (real, fake):
        await rejected.note("id", "list", ["not JSON"], NOW)
        await rejected.note("id", "transfer", ["a later delivery"], NOW + 9)
    (found,) = Client(project="local-project").collection(f"jobs/{fresh}/rejected").stream()
    fields = found.to_dict() or {}
    assert (fields["topic"], fields["problems"], fields["at"].timestamp()) == ("list", ["not JSON"], NOW)
    assert fake.documents == {"id": ["not JSON"]}
