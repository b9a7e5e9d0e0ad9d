"""Key arithmetic: which names GCS can hold, where a key lands, how it is written into a URL."""

import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes

from shared.domain.valueclass import valueclass

Key: TypeAlias = bytes
"""An object's key in S3, a prefix of keys, or where a range of keys begins or ends: UTF-8, ordered by its bytes. It is
text only where it leaves the program: in JSON, in Firestore's documents, in logs and on pages.
"""

MAX_KEY_BYTES = 1024
"""S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
GCS: https://cloud.google.com/storage/docs/objects#naming"""

BEYOND: Key = b"\xff"
"""Greater than every key: UTF-8 has no such byte."""

_PLAIN = re.compile(rb"[A-Za-z0-9_.~/-]*")
"""Keys that are their own URL paths: https://www.rfc-editor.org/rfc/rfc3986#section-2.3"""

_ACME = b".well-known/acme-challenge/"
_ENCODED = b".s3-names/"


def unsupported_reason(name: bytes) -> str | None:
    """Why GCS refuses this object name, or None if it takes it.

    https://cloud.google.com/storage/docs/objects#naming
    """
    if not name:
        return "an empty name"
    if len(name) > MAX_KEY_BYTES:
        return f"{len(name)} bytes long; Cloud Storage allows {MAX_KEY_BYTES}"
    if b"\r" in name or b"\n" in name:
        return "contains a carriage return or line feed, which Cloud Storage refuses"
    if name in (b".", b".."):
        return f'is named "{name.decode()}", which Cloud Storage refuses'
    if name.startswith(_ACME):
        return "begins with .well-known/acme-challenge/, which Cloud Storage refuses"
    return None


def quote_key(key: Key) -> str:
    """The key as a URL path: every byte but unreserved characters and `/` is percent-encoded, nothing is
    normalised (`//`, `../` and a leading `/` stay).
    """
    return key.decode() if _PLAIN.fullmatch(key) else quote(key, safe="/~")


def prefix_end(prefix: Key) -> Key | None:
    """The least key that is greater than every key with this prefix; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


def common(first: Key, last: Key) -> Key:
    """What both keys begin with."""
    differing = (index for index, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(differing, min(len(first), len(last)))]


@valueclass(frozen=True, slots=True)
class Place:
    """Where a key lands. name: None if it cannot be at the destination; reason: why. encoded: whether the name had to
    be changed into one that Cloud Storage takes.
    """

    name: bytes | None
    reason: str = ""
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class KeyMapping:
    """Where keys land: `source_prefix` is the job's root in S3 and is replaced by `destination_prefix`.

    A constant prefix keeps the byte order of keys, so both listings can be walked side by side. encode: put keys that
    Cloud Storage refuses under a folder of their own, percent-encoded, so that they can be read back.
    """

    source_prefix: Key = b""
    destination_prefix: bytes = b""
    encode: bool = False

    def place(self, key: Key) -> Place:
        """Where a key under the job's root lands, or why it cannot."""
        name = self.name(key)
        reason = unsupported_reason(name)
        if reason is None:
            return Place(name)
        if not self.encode:
            return Place(None, reason)
        encoded = self.encoded_prefix + quote(key, safe="").encode()
        too_long = unsupported_reason(encoded)
        return Place(None, f"{reason}; encoded it is {too_long}") if too_long else Place(encoded, reason, encoded=True)

    def covers(self, key: Key) -> bool:
        """Whether a key is the job's."""
        return key.startswith(self.source_prefix)

    def holds(self, name: bytes, key: Key) -> bool:
        """Whether a key lands at this name."""
        return self.covers(key) and key != b"" and self.place(key).name == name

    @property
    def encoded_prefix(self) -> bytes:
        """Where names lie that had to be encoded."""
        return self.destination_prefix + _ENCODED

    def original(self, name: bytes) -> Key | None:
        """The key behind an encoded name, None if the name is not one that `place` makes."""
        if not (self.encode and name.startswith(self.encoded_prefix)):
            return None
        key = unquote_to_bytes(name[len(self.encoded_prefix) :])
        return key if self.covers(key) and self.place(key).name == name else None

    def name(self, key: Key) -> bytes:
        """The destination name of a key under the job's root."""
        if not self.covers(key):
            raise ValueError(f"{key!r} is outside the job's root {self.source_prefix!r}")
        return self.destination_prefix + key[len(self.source_prefix) :]

    def key(self, name: bytes) -> Key:
        """The source key of a name under the destination prefix: the inverse of `name`."""
        if not name.startswith(self.destination_prefix):
            raise ValueError(f"{name!r} is outside the destination prefix {self.destination_prefix!r}")
        return self.source_prefix + name[len(self.destination_prefix) :]
