"""How tables lie in documents: JSON, compressed. Firestore bills a document whatever it weighs, up to 1 MiB."""

import zlib
from typing import Any

import orjson


def deflate(table: object) -> bytes:
    return zlib.compress(orjson.dumps(table, option=orjson.OPT_NON_STR_KEYS), level=1)


def inflate(packed: bytes) -> Any:
    """What `deflate` was given. Raises zlib.error or ValueError if it is damaged."""
    return orjson.loads(zlib.decompress(packed))
