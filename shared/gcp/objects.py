"""An object as the JSON API writes it: https://cloud.google.com/storage/docs/json_api/v1/objects"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import Any

from shared.domain.copies import CopyPage
from shared.domain.errors import ObjectError, Transient
from shared.domain.objects import Attributes, DestinationObject
from shared.domain.reasons import Party
from shared.http.classification import Classifier
from shared.http.client import Answer
from shared.ports.destination import Upload

_WRITE = Classifier(Party.DESTINATION, writes=True)

FIELDS = "name,size,generation,crc32c,md5Hash,metadata"
"""What `parse` reads, besides how often the metadata was changed, which only some ask for."""

CHANGES = f"{FIELDS},metageneration"

ALL_FIELDS = f"{CHANGES},contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl"
"""What `described` reads, too."""


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
            size=int(str(resource["size"])),
            generation=int(str(resource["generation"])),
            crc32c=str(resource["crc32c"]),
            md5=a2b_base64(str(md5)).hex() if md5 else None,
            metadata={str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
            metageneration=int(str(resource.get("metageneration", 1))),
        )
    except (KeyError, ValueError) as wrong:
        raise Transient(f"{what}: an answer that does not describe the object: {wrong!r}") from None


def looked_at(what: str, resource: dict[str, object]) -> DestinationObject:
    """An object that somebody else may have written: under a customer's own key it shows no checksums, and its CRC32C
    counts as "". https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
    """
    return parse(what, {"crc32c": "", **resource})


def described(resource: dict[str, Any]) -> Attributes:
    """What travels with the bytes, and the metadata as it is stored, ours included."""
    return Attributes(
        content_type=resource.get("contentType"),
        content_encoding=resource.get("contentEncoding"),
        content_language=resource.get("contentLanguage"),
        content_disposition=resource.get("contentDisposition"),
        cache_control=resource.get("cacheControl"),
        metadata=resource.get("metadata") or {},
    )


def parse_page(resources: Sequence[dict[str, Any]], changes: bool = False) -> CopyPage:
    """A page of a listing as columns. changes: whether it says how often metadata was changed. What lies under a
    customer's own key is listed as `looked_at` says.
    """
    md5s = (item.get("md5Hash") for item in resources)
    return CopyPage(
        [item["name"].encode() for item in resources],
        [int(item["size"]) for item in resources],
        [int(item["generation"]) for item in resources],
        [item.get("crc32c", "") for item in resources],
        [a2b_base64(md5).hex() if md5 else None for md5 in md5s],
        [item.get("metadata") or {} for item in resources],
        [int(item["metageneration"]) for item in resources] if changes else (),
    )


def failure(upload: Upload, answer: Answer) -> ObjectError:
    """Why a write was refused."""
    return _WRITE(f"gcs write {upload.name.decode()}", answer.status, answer.headers, answer.body)
