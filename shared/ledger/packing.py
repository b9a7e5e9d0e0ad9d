"""How tables lie in documents: JSON, compressed. Firestore bills a document whatever it weighs, up to 1 MiB."""

import zlib
from typing import Any

import orjson

MOST_UNPACKED_BYTES = 32 * 1024 * 1024
"""A record of 8,000 keys of 1,024 bytes has a third of it. A document of a megabyte might unfold into a gigabyte, since
zeros pack into a thousandth: https://www.zlib.net/zlib_tech.html"""


def deflate(table: object) -> bytes:
    return zlib.compress(orjson.dumps(table, option=orjson.OPT_NON_STR_KEYS), level=1)


def inflate(packed: bytes) -> Any:
    """What `deflate` was given. Raises zlib.error or ValueError if it is damaged, or larger than anything written."""
    unfolding = zlib.decompressobj()
    text = unfolding.decompress(packed, MOST_UNPACKED_BYTES)
    if not unfolding.eof:
        raise ValueError(f"packed data is cut short, or longer than {MOST_UNPACKED_BYTES} bytes")
    return orjson.loads(text)
