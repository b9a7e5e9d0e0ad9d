"""The sizes at which code takes another way, made a few hundred bytes: the ways are the same, the bytes cost nothing."""

import random
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest import mock

from shared.domain import parts
from shared.gcp import storage
from shared.ranges import split_range

QUANTUM = 64
"""For 256 KiB, of which a chunk of a resumable upload is a multiple."""

CHUNK = 4 * QUANTUM
"""For 8 MiB: larger objects go up in chunks."""

LARGE, PART = 1024, 512
"""For 5 GiB and 256 MiB: larger objects are copied in parts, and these parts' size."""


FIRST_PAGES = 2
"""For 8: a range is split after so many pages of its listing."""


@contextmanager
def small(draw: random.Random) -> Iterator[None]:
    """Production code with these sizes, and with ids that the seed draws. A TLS context costs 15 ms to make, and nothing
    here is encrypted.
    """

    def drawn() -> uuid.UUID:
        return uuid.UUID(int=draw.getrandbits(128))

    with (
        mock.patch.object(parts, "LEAST_PART_BYTES", QUANTUM),
        mock.patch.object(parts, "MIB", QUANTUM),
        mock.patch.object(storage, "CHUNK_BYTES", CHUNK),
        mock.patch.object(split_range, "FIRST_PAGES", FIRST_PAGES),
        mock.patch.object(uuid, "uuid4", drawn),
        mock.patch.object(ssl, "create_default_context", _context),
    ):
        yield


@cache
def _context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
