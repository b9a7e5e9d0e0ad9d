"""Key arithmetic: which names GCS can hold, where a key lands, how it is written into a URL."""

from dataclasses import dataclass
from urllib.parse import quote

MAX_KEY_BYTES = 1024
"""S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
GCS: https://cloud.google.com/storage/docs/objects#naming"""

_ACME = b".well-known/acme-challenge/"


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


def quote_key(key: bytes) -> str:
    """The key as a URL path: every byte but unreserved characters and `/` is percent-encoded, nothing is
    normalised (`//`, `../` and a leading `/` stay).
    """
    return quote(key, safe="/~")


def prefix_end(prefix: bytes) -> bytes | None:
    """The least key that is greater than every key with this prefix; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where keys land: `source_prefix` is the job's root in S3 and is replaced by `destination_prefix`.

    A constant prefix keeps the byte order of keys, so both listings can be walked side by side.
    """

    source_prefix: bytes = b""
    destination_prefix: bytes = b""

    def name(self, key: bytes) -> bytes:
        """The destination name of a key under the job's root."""
        if not key.startswith(self.source_prefix):
            raise ValueError(f"{key!r} is outside the job's root {self.source_prefix!r}")
        return self.destination_prefix + key[len(self.source_prefix) :]

    def key(self, name: bytes) -> bytes:
        """The source key of a name under the destination prefix: the inverse of `name`."""
        if not name.startswith(self.destination_prefix):
            raise ValueError(f"{name!r} is outside the destination prefix {self.destination_prefix!r}")
        return self.source_prefix + name[len(self.destination_prefix) :]
