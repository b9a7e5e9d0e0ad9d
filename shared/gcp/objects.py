"""An object as the JSON API writes it: https://cloud.google.com/storage/docs/json_api/v1/objects"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.domain.copies import CopyPage
from shared.domain.errors import ObjectError, Transient
from shared.domain.objects import Attributes, DestinationObject
from shared.domain.reasons import Party
from shared.http.classification import Classifier
from shared.http.client import Answer
from shared.ports.destination import Upload

_MD5_BYTES = 16
_WRITE = Classifier(Party.DESTINATION, writes=True)

FIELDS = "name,size,generation,crc32c,md5Hash,metadata"
"""What `parse` reads, besides what only some ask for."""

FOUND = f"{FIELDS},timeCreated"
"""Of what may be the copy of a write whose answer was lost."""

CHANGES = f"{FIELDS},metageneration"

ALL_FIELDS = f"{CHANGES},contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl"
"""What `described` reads, too."""


def fields_of(upload: Upload) -> str:
    """What is asked of an object that is written; when that was, only of one in another's place."""
    return FOUND if upload.generation else FIELDS


def resource_of(upload: Upload) -> dict[str, object]:
    """What is sent ahead of the bytes; GCS refuses bytes of another MD5."""
    attributes = upload.attributes
    named = (
        ("contentType", attributes.content_type),
        ("contentEncoding", attributes.content_encoding),
        ("contentLanguage", attributes.content_language),
        ("contentDisposition", attributes.content_disposition),
        ("cacheControl", attributes.cache_control),
        ("storageClass", upload.storage_class),
        ("md5Hash", b2a_base64(bytes.fromhex(upload.md5), newline=False).decode() if upload.md5 else None),
    )
    described: dict[str, object] = {"name": upload.name.decode(), "metadata": upload.metadata}
    for field, value in named:
        if value is not None:
            described[field] = value
    return described


def parse(what: str, resource: dict[str, object]) -> DestinationObject:
    """Raises Transient where a field is missing or makes no sense: nothing is known of the object then."""
    metadata = resource.get("metadata")
    md5 = resource.get("md5Hash")
    try:
        return DestinationObject(
            name=str(resource["name"]).encode(),
            size=_count(resource["size"]),
            generation=_count(resource["generation"]),
            crc32c=str(resource["crc32c"]),
            md5=_md5(md5) if md5 else None,
            metadata={str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
            metageneration=_count(resource.get("metageneration", 1)),
            created=_moment(resource.get("timeCreated")),
        )
    except (KeyError, ValueError) as wrong:
        raise Transient(f"{what}: an answer that does not describe the object: {wrong!r:.200}") from None


def looked_at(what: str, resource: dict[str, object]) -> DestinationObject:
    """An object that may show no checksums, so that its CRC32C counts as "": to a stat where its owner sends the key
    with every request (CSEK), to a listing also where the key is one of his at KMS (CMEK).
    https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
    https://cloud.google.com/storage/docs/encryption/customer-managed-keys#restrictions
    """
    return parse(what, {"crc32c": "", **resource})


def described(resource: dict[str, Any]) -> Attributes:
    """What travels with the bytes, and the metadata as it is stored, ours included."""
    return Attributes(
        content_type=resource.get("contentType") or None,
        content_encoding=resource.get("contentEncoding") or None,
        content_language=resource.get("contentLanguage") or None,
        content_disposition=resource.get("contentDisposition") or None,
        cache_control=resource.get("cacheControl") or None,
        metadata=resource.get("metadata") or {},
    )


def parse_page(resources: Sequence[dict[str, Any]], changes: bool = False) -> CopyPage:
    """A page of a listing as columns. changes: whether it says how often metadata was changed.

    What lies under a customer's own key is listed as `looked_at` says. Raises Transient where a field is missing or
    makes no sense.
    """
    md5s = (item.get("md5Hash") for item in resources)
    try:
        return CopyPage(
            [item["name"].encode() for item in resources],
            [_count(item["size"]) for item in resources],
            [_count(item["generation"]) for item in resources],
            [item.get("crc32c", "") for item in resources],
            [_md5(md5) if md5 else None for md5 in md5s],
            [_metadata(item.get("metadata") or {}) for item in resources],
            [_count(item["metageneration"]) for item in resources] if changes else (),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as wrong:
        raise Transient(f"a page of a listing that does not describe objects: {wrong!r:.200}") from None


def _count(value: object) -> int:
    """Raises ValueError for what is no count, which the JSON API writes as text."""
    number = int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or number < 0:
        raise ValueError(value)
    return number


def _moment(value: object) -> float:
    """Epoch seconds, 0 for none. Raises ValueError for what is no time."""
    return datetime.fromisoformat(str(value)).timestamp() if value else 0.0


def _md5(value: object) -> str:
    """Base64 as hex. Raises ValueError for what is no MD5."""
    digest = a2b_base64(str(value))
    if len(digest) != _MD5_BYTES:
        raise ValueError(value)
    return digest.hex()


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("metadata is no object")
    return value


def failure(upload: Upload, answer: Answer) -> ObjectError:
    """Why a write was refused."""
    return _WRITE(f"gcs write {upload.name.decode()}", answer.status, answer.headers, answer.body)
