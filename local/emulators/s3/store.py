"""What the S3 server holds."""

import hashlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from local.emulators.blob import Blob
from local.emulators.s3.checksums import FULL, Checksum, of_parts
from local.emulators.s3.pattern import Pattern

ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})

RESTORE_SECONDS = 1.0
"""How long a restore takes here."""

_DAY = 86_400


LEAST_PART_BYTES = 5 * 1024 * 1024
"""Of every part but the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""


class S3Error(Exception):
    """An error answer: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

    details: what the answer says besides the code and the message, by the names of its elements.
    """

    def __init__(self, status: int, code: str, message: str = "", **details: str) -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code
        self.details = details
        self.headers: dict[str, str] = {}


@dataclass(slots=True)
class StoredObject:
    """headers: what was given at PUT and comes back at GET. parts: their sizes, of a multipart upload. checksum: None
    for an object as old as from before S3 made them by itself.
    """

    content: Blob | Pattern
    etag: str
    headers: dict[str, str]
    modified: float = field(default_factory=time.time)
    parts: list[int] = field(default_factory=list)
    checksum: Checksum | None = None
    readable_from: float | None = None
    readable_until: float = 0.0

    def restore(self, days: int) -> bool:
        """Ask for a readable copy; whether there is one already, which then stays longer."""
        if self.storage_class not in ARCHIVE_CLASSES:
            raise S3Error(403, "InvalidObjectState", "Restore is not allowed for the object's current storage class")
        now = time.time()
        if self.ongoing:
            raise S3Error(409, "RestoreAlreadyInProgress", "Object restore is already in progress")
        there = self.restored
        if not there:
            self.readable_from = now + RESTORE_SECONDS
        self.readable_until = max(now, self.readable_from or now) + days * _DAY
        return there

    @property
    def ongoing(self) -> bool:
        return self.readable_from is not None and time.time() < self.readable_from

    @property
    def restored(self) -> bool:
        return self.readable_from is not None and self.readable_from <= time.time() < self.readable_until

    @property
    def archived(self) -> bool:
        return self.storage_class in ARCHIVE_CLASSES and not self.restored

    @property
    def storage_class(self) -> str:
        return self.headers.get("x-amz-storage-class", "STANDARD")


@dataclass(slots=True)
class Part:
    content: Blob
    md5: bytes
    checksum: Checksum


@dataclass(slots=True)
class MultipartUpload:
    key: bytes
    headers: dict[str, str]
    algorithm: str
    checksum_kind: str = FULL
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """Objects in the byte order of their keys. page_keys: the most of a listing's page, below what S3 allows: "the
    action might return fewer keys" (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
    """

    page_keys: int = 1000
    objects: "SortedDict[bytes, StoredObject]" = field(default_factory=SortedDict)
    uploads: dict[str, MultipartUpload] = field(default_factory=dict)
    created: float = field(default_factory=time.time)

    def get(self, key: bytes) -> StoredObject:
        found: StoredObject | None = self.objects.get(key)
        if found is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
        return found

    def begin_upload(self, upload: MultipartUpload) -> str:
        upload_id = uuid.uuid4().hex
        self.uploads[upload_id] = upload
        return upload_id

    def upload(self, upload_id: str) -> MultipartUpload:
        found = self.uploads.get(upload_id)
        if found is None:
            raise S3Error(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        return found

    def abort_upload(self, upload_id: str) -> None:
        self.upload(upload_id)
        del self.uploads[upload_id]

    def complete_upload(
        self, upload_id: str, wanted: list[tuple[int, str]], promised: Mapping[str, str]
    ) -> StoredObject:
        """Join parts (number, ETag); the ETag of the object is the MD5 of the parts' MD5s and their count.

        promised: the checksum of the whole that the client names, by its algorithm.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        """
        upload = self.upload(upload_id)
        if not wanted:
            raise S3Error(400, "MalformedXML", "You must specify at least one part")
        for number, etag in wanted:
            if number not in upload.parts or upload.parts[number].md5.hex() != etag:
                raise S3Error(
                    400,
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have been uploaded, or "
                    "the specified entity tag may not match the part's entity tag.",
                    UploadId=upload_id,
                    PartNumber=str(number),
                    ETag=etag,
                )
        numbers = [number for number, _ in wanted]
        if numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        parts = [upload.parts[number] for number in numbers]
        for number, part in zip(numbers[:-1], parts[:-1], strict=True):
            if part.content.size < LEAST_PART_BYTES:
                raise S3Error(
                    400,
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                    ProposedSize=str(part.content.size),
                    MinSizeAllowed=str(LEAST_PART_BYTES),
                    PartNumber=str(number),
                    ETag=part.md5.hex(),
                )
        content = Blob()
        for part in parts:
            content.append_blob(part.content)
        digest = hashlib.md5(b"".join(part.md5 for part in parts)).hexdigest()
        sizes = [part.content.size for part in parts]
        checksum = of_parts([(part.checksum, part.content.size) for part in parts], upload.checksum_kind)
        if promised.get(checksum.algorithm, checksum.value) != checksum.value:
            message = f"The {checksum.algorithm} you specified did not match the calculated checksum."
            raise S3Error(400, "BadDigest", message)
        stored = StoredObject(content, f"{digest}-{len(parts)}", upload.headers, parts=sizes, checksum=checksum)
        self.objects[upload.key] = stored
        del self.uploads[upload_id]
        return stored
