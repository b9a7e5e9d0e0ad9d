"""What all documents share: ids, times, preconditions, how long history is kept."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, DocumentSnapshot

from shared.domain.errors import StateConflict

TRIES = 10
"""How often a document is read again that somebody else has written since."""

COMMIT_BYTES = 8_000_000
"""Of what one commit writes, its index entries included, which may not exceed 10 MiB:
https://cloud.google.com/firestore/quotas"""

KEPT_SECONDS = 180 * 86_400.0
"""What is only history is written with the time at which Firestore's own clean-up may take it away.
https://firebase.google.com/docs/firestore/ttl"""


def time(epoch_seconds: float) -> datetime:
    """As Firestore takes a time."""
    return datetime.fromtimestamp(epoch_seconds, UTC)


def digest(*parts: str) -> str:
    """A document's id for what may be too long for one, or hold a slash."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


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
