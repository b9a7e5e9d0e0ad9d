"""What the Cloud Storage server holds, and the conditions under which it changes."""

import base64
import hashlib
import itertools
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import google_crc32c
from sortedcontainers import SortedDict

from local.emulators.blob import Blob, Hollow

WRITABLE = (
    "contentType",
    "contentEncoding",
    "contentDisposition",
    "contentLanguage",
    "cacheControl",
    "customTime",
    "storageClass",
    "metadata",
)
_UNMET = "At least one of the pre-conditions you specified did not hold."


class GcsError(Exception):
    """An error answer: https://cloud.google.com/storage/docs/json_api/v1/status-codes"""

    def __init__(self, status: int, message: str, reason: str = "invalid") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Content:
    """A body as it arrives, with its running checksums."""

    def __init__(self) -> None:
        self.blob = Blob()
        self._crc = google_crc32c.Checksum()
        self._md5 = hashlib.md5()

    def append(self, chunk: bytes) -> None:
        self.blob.append(chunk)
        self._crc.update(chunk)
        self._md5.update(chunk)

    @property
    def crc32c(self) -> str:
        return base64.b64encode(self._crc.digest()).decode()

    @property
    def md5(self) -> str:
        return base64.b64encode(self._md5.digest()).decode()


@dataclass(slots=True)
class StoredObject:
    """resource: the object resource of the JSON API."""

    resource: dict[str, Any]
    blob: Blob | Hollow

    @property
    def generation(self) -> str:
        return str(self.resource["generation"])


@dataclass(slots=True)
class Bucket:
    resource: dict[str, Any]
    objects: "SortedDict[bytes, StoredObject]" = field(default_factory=SortedDict)

    @property
    def encryption(self) -> dict[str, str]:
        """Which key an object gets that names none itself."""
        key = (self.resource.get("encryption") or {}).get("defaultKmsKeyName")
        return {"kmsKeyName": f"{key}/cryptoKeyVersions/1"} if key else {}

    @property
    def layout(self) -> dict[str, Any]:
        """https://cloud.google.com/storage/docs/json_api/v1/buckets/getStorageLayout"""
        known = {name: self.resource[name] for name in ("location", "storageClass")}
        flat = {"hierarchicalNamespace": {"enabled": False}, "locationType": "multi-region"}
        return {"kind": "storage#storageLayout", "bucket": self.resource["name"], **known, **flat}


class Store:
    """Buckets, and a generation counter that only grows. host: as the store names itself in links."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.buckets: dict[str, Bucket] = {}
        self._generations = itertools.count(time.time_ns() // 1000)

    def bucket(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise GcsError(404, "The specified bucket does not exist.", "notFound")
        return self.buckets[name]

    def create_bucket(self, given: Mapping[str, Any]) -> Bucket:
        name = given.get("name")
        if not isinstance(name, str) or not name:
            raise GcsError(400, "Required", "required")
        if name in self.buckets:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise GcsError(409, message, "conflict")
        resource = {
            "kind": "storage#bucket",
            "id": name,
            "location": "US",
            "storageClass": "STANDARD",
            "projectNumber": "1",
            "metageneration": "1",
            "timeCreated": now(),
            "updated": now(),
            "etag": "CAE=",
            **given,
        }
        self.buckets[name] = Bucket(resource)
        return self.buckets[name]

    def get(self, bucket: str, name: bytes, generation: str | None = None) -> StoredObject:
        found: StoredObject | None = self.bucket(bucket).objects.get(name)
        if found is None or (generation and str(generation) != found.generation):
            raise GcsError(404, f"No such object: {bucket}/{name.decode(errors='replace')}", "notFound")
        return found

    def put(
        self, bucket: str, name: bytes, given: Mapping[str, Any], content: Content, query: Mapping[str, str]
    ) -> StoredObject:
        """Make an object visible, or refuse it: precondition, name, checksum."""
        holder = self.bucket(bucket)
        check_preconditions(holder.objects.get(name), query)
        check_name(name)
        for field_name, actual in (("crc32c", content.crc32c), ("md5Hash", content.md5)):
            promised = given.get(field_name)
            if promised and promised != actual:
                raise GcsError(
                    400, f'Provided {field_name} "{promised}" doesn\'t match calculated {field_name} "{actual}".'
                )
        checksums = {"crc32c": content.crc32c, "md5Hash": content.md5}
        return self.install(bucket, name, given, content.blob, checksums)

    def install(
        self, bucket: str, name: bytes, given: Mapping[str, Any], blob: Blob | Hollow, checksums: Mapping[str, Any]
    ) -> StoredObject:
        """Give a body a name and the next generation."""
        holder = self.bucket(bucket)
        generation, moment, path = str(next(self._generations)), now(), quote(name, safe="")
        resource = {
            "kind": "storage#object",
            "id": f"{bucket}/{name.decode()}/{generation}",
            "selfLink": f"{self.host}/storage/v1/b/{bucket}/o/{path}",
            "mediaLink": f"{self.host}/download/storage/v1/b/{bucket}/o/{path}?generation={generation}&alt=media",
            "name": name.decode(),
            "bucket": bucket,
            "generation": generation,
            "metageneration": "1",
            "storageClass": holder.resource["storageClass"],
            "size": str(blob.size),
            "etag": base64.b64encode(generation.encode()).decode(),
            "timeCreated": moment,
            "timeFinalized": moment,
            "timeStorageClassUpdated": moment,
            "updated": moment,
            **checksums,
            **holder.encryption,
            **{name: given[name] for name in WRITABLE if given.get(name) is not None},
        }
        stored = StoredObject(resource, blob)
        holder.objects[name] = stored
        return stored


def check_preconditions(stored: StoredObject | None, given: Mapping[str, Any], reading: bool = False) -> None:
    """https://cloud.google.com/storage/docs/request-preconditions

    given: of a query as text, of a JSON body as text or number.
    """
    query = {name: str(value) for name, value in given.items() if name.startswith("if")}
    generation = stored.generation if stored is not None else "0"
    metageneration = str(stored.resource["metageneration"]) if stored is not None else "0"
    for name, actual in (("ifGenerationMatch", generation), ("ifMetagenerationMatch", metageneration)):
        if name in query and query[name] != actual:
            raise GcsError(412, _UNMET, "conditionNotMet")
    for name, actual in (("ifGenerationNotMatch", generation), ("ifMetagenerationNotMatch", metageneration)):
        if query.get(name) == actual:
            raise GcsError(304 if reading else 412, _UNMET, "conditionNotMet")


def merged(resource: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch: null takes a member away, an object is merged (https://www.rfc-editor.org/rfc/rfc7396)."""
    found = dict(resource)
    for name, value in given.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            below = found.get(name)
            found[name] = merged(below if isinstance(below, dict) else {}, value)
        else:
            found[name] = value
    return found


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A parameter that is not negative. Raises GcsError for what is none."""
    given = query.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,10}", given, re.ASCII):
        raise GcsError(400, f"Invalid value '{given}' for {name}. It must be an integer that is not negative.")
    return int(given)


def parsed(raw: bytes) -> dict[str, Any]:
    """A request's JSON, {} for none and for null, which rclone sends. Raises GcsError for what is no JSON object."""
    try:
        found = json.loads(raw) if raw.strip() else {}
        found = {} if found is None else found
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise GcsError(400, "Parse Error", "parseError")
    return found


def check_name(name: bytes) -> None:
    """Raises GcsError for a name that Cloud Storage refuses: https://cloud.google.com/storage/docs/objects#naming"""
    try:
        name.decode()
    except UnicodeDecodeError:
        raise GcsError(400, "Object names must be valid UTF-8.") from None
    if not name or len(name) > 1024 or name in (b".", b"..") or b"\r" in name or b"\n" in name:
        raise GcsError(400, "Invalid object name.")
    if name.startswith(b".well-known/acme-challenge/"):
        raise GcsError(400, "Invalid object name: reserved for ACME challenges.")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
