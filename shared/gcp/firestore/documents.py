"""How documents are named, timed and kept."""

import hashlib
from datetime import UTC, datetime

KEPT_SECONDS = 180 * 86_400.0
"""What is only history is written with the time at which Firestore's own clean-up may take it away.
https://firebase.google.com/docs/firestore/ttl"""


def time(epoch_seconds: float) -> datetime:
    """As Firestore takes a time."""
    return datetime.fromtimestamp(epoch_seconds, UTC)


def digest(*parts: str) -> str:
    """A document's id for what may be too long for one, or hold a slash."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
