"""Asking the source for a single key, where its listing is not to be believed, or does not reach."""

from shared.domain.errors import Gone, NoSuchBucket
from shared.domain.objects import SourceObject
from shared.ports.source import Source


async def current_version(source: Source, key: bytes) -> SourceObject | None:
    """The object of this key, None if the source has none. Raises NoSuchBucket, which is not the same."""
    try:
        return await source.head(key)
    except NoSuchBucket:
        raise
    except Gone:
        return None


async def is_there(source: Source, key: bytes) -> bool:
    """Whether the source has an object of this key."""
    return await current_version(source, key) is not None
