"""How tables lie in documents: JSON, compressed. Firestore bills a document whatever it weighs, up to 1 MiB."""

import json
import zlib
from typing import Any


def deflate(table: object) -> bytes:
    return zlib.compress(json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode(), level=1)


def inflate(packed: bytes) -> Any:
    """What `deflate` was given. Raises zlib.error or ValueError if it is damaged."""
    return json.loads(zlib.decompress(packed))
