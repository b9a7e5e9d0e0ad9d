"""Asking the source for a single key, where its listing is not to be believed, or does not reach."""

from shared.domain.errors import Gone, NoSuchBucket
from shared.ports.source import Source


async def is_there(source: Source, key: bytes) -> bool:
    """Whether the source has an object of this key. Raises NoSuchBucket, which is not the same as "no"."""
    try:
        await source.head(key)
    except NoSuchBucket:
        raise
    except Gone:
        return False
    return True
