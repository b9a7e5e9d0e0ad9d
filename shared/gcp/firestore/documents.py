"""What all documents share: ids, times, preconditions, pages, how long history is kept."""

import asyncio
import hashlib
import random
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, DocumentSnapshot
from google.cloud.firestore_v1.async_query import AsyncQuery

from shared.domain.batching import in_batches
from shared.domain.errors import StateConflict, UnreadableDocument
from shared.domain.text import writable

TRIES = 10
"""How often a document is read again that somebody else has written since."""

_PAUSE, _MOST_PAUSE = 0.05, 2.0
"""Seconds, at most, before that, doubled each time."""

COMMIT_BYTES = 8_000_000
"""Of what one commit writes, its index entries included, which may not exceed 10 MiB:
https://cloud.google.com/firestore/quotas"""

_DELETED_AT_ONCE = 500
"""Documents in one commit, of which each has two names of 1,024 bytes in its index entries at the most."""

KEPT_SECONDS = 180 * 86_400.0
"""What is only history, or has lost its owner, may be taken away by Firestore's own clean-up so long after it was last
written. https://firebase.google.com/docs/firestore/ttl"""

PAGE = 300
"""Documents fetched a query at the most. A query ends after 60 s, however slowly its answer is taken, so a page is
taken whole: https://firebase.google.com/docs/firestore/quotas"""

Fields = dict[str, Any]


def time(epoch_seconds: float) -> datetime:
    """As Firestore takes a time."""
    return datetime.fromtimestamp(epoch_seconds, UTC)


def expiry(now: float) -> dict[str, datetime]:
    """The field by which Firestore takes a document away."""
    return {"expires_at": time(now + KEPT_SECONDS)}


def digest(*parts: str) -> str:
    """A document's id for what may be too long for one, or hold a slash."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raises UnreadableDocument in the place of what is raised where content makes no sense. what: the document's path,
    or what it is one of.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, zlib.error) as wrong:
        told = f"{what} in Firestore cannot be read ({wrong!r:.200}); delete it if nobody can mend it"
        raise UnreadableDocument(writable(told)) from None


async def holds(reference: AsyncDocumentReference, fields: Mapping[str, object]) -> bool:
    """Whether a document has just these values. The client sends a commit again whose answer was lost; what was written
    by the first then refuses the second.
    """
    found = (await reference.get()).to_dict() or {}
    return all(name in found and found[name] == value for name, value in fields.items())


async def write(
    client: AsyncClient, reference: AsyncDocumentReference, fields: Mapping[str, Any], read: "DocumentSnapshot[Any]"
) -> None:
    """Create a document, or change these fields of it, as it was read. Raises StateConflict, and changes nothing, if it
    was written since.
    """
    try:
        if read.exists:
            await reference.update(dict(fields), option=client.write_option(last_update_time=read.update_time))
        else:
            await reference.create(dict(fields))
    except (AlreadyExists, FailedPrecondition, NotFound) as moved:
        raise StateConflict(f"{reference.path} was written by somebody else") from moved


async def pause(tries: int) -> None:
    """Before a document is read again: those who write it at the same time would meet again without. tries: so far."""
    await asyncio.sleep(random.random() * min(_MOST_PAUSE, _PAUSE * 2**tries))


async def rewrite(
    client: AsyncClient,
    reference: AsyncDocumentReference,
    changed: Callable[[Fields | None], Fields | None],
    what: str,
) -> Fields:
    """Read a document and change it, again with what others wrote meanwhile; its fields afterwards. changed: the fields
    to write, by those there are (None: no such document); None to leave it. what: in the words of an error. Raises
    StateConflict if it was written too often at once.
    """
    for tries in range(TRIES):
        snapshot = await reference.get()
        known = snapshot.to_dict() if snapshot.exists else None
        fields = changed(known)
        if fields is None:
            return known or {}
        try:
            await write(client, reference, fields, snapshot)
        except StateConflict:
            await pause(tries)
            continue
        return {**(known or {}), **fields}
    raise StateConflict(f"{what}: written {TRIES} times by others meanwhile")


async def remove(
    client: AsyncClient,
    reference: AsyncDocumentReference,
    still: Callable[[Fields], bool],
    what: str,
    version: object | None = None,
    along: Sequence[AsyncDocumentReference] = (),
) -> bool:
    """Delete a document as long as something is still true of it; whether it was there. version: of the document if it
    was read, and true, already. along: others that are deleted in the same commit, a few hundred at the most. Raises
    StateConflict as `rewrite` does.
    """
    for tries in range(TRIES):
        if version is None:
            snapshot = await reference.get()
            if not snapshot.exists or not still(snapshot.to_dict() or {}):
                return False
            version = snapshot.update_time
        batch = client.batch()
        batch.delete(reference, option=client.write_option(last_update_time=version))
        for other in along:
            batch.delete(other)
        try:
            await batch.commit()
        except (FailedPrecondition, NotFound):
            version = None
            await pause(tries)
            continue
        return True
    raise StateConflict(f"{what}: written {TRIES} times by others meanwhile")


async def delete_as_read(client: AsyncClient, found: "AsyncIterator[DocumentSnapshot[Any]]") -> None:
    """Delete documents, by hundreds, but those that were written since they were read."""
    async for gone in in_batches(found, _DELETED_AT_ONCE):
        await _delete_as_read(client, gone)


async def _delete_as_read(client: AsyncClient, gone: "Sequence[DocumentSnapshot[Any]]") -> None:
    batch = client.batch()
    for snapshot in gone:
        batch.delete(snapshot.reference, option=client.write_option(last_update_time=snapshot.update_time))
    try:
        await batch.commit()
    except (FailedPrecondition, NotFound):
        for snapshot in gone if len(gone) > 1 else ():
            await _delete_as_read(client, [snapshot])


async def paged(query: AsyncQuery, page: int = PAGE) -> "AsyncIterator[DocumentSnapshot[Any]]":
    """A query's documents, however many there are and however long each takes. A field that the query is ordered by
    must be among those that it selects.
    """
    while True:
        found = [snapshot async for snapshot in query.limit(page).stream()]
        for snapshot in found:
            yield snapshot
        if len(found) < page:
            return
        query = query.start_after(found[-1])
