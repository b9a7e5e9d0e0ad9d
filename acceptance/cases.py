"""A small bucket of hard cases: what people's buckets hold and small tests do not."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from local.clients import S3Client
from local.sample import AWKWARD, MIB, UNSUPPORTED
from shared.domain.archive import ARCHIVE_CLASSES
from shared.settings import Settings

MOST_BYTES = 256 * MIB
"""An object above LARGE_BYTES is written only if it is no larger: it is read twice, and egress costs."""

LONGEST_KEY = 1024
_PART = 5 * MIB
"""The least that S3 takes for a part: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Case:
    """name: of the key, below the trial's prefix. parts: sizes of a multipart upload's; one of none is put at once.
    extra: further arguments of the upload. checksum: the algorithm that the uploader asks for; S3's own otherwise.
    """

    name: str
    size: int
    parts: tuple[int, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    checksum: str = ""

    @property
    def archived(self) -> bool:
        """Whether S3 must restore it before anybody reads it."""
        return self.extra.get("StorageClass") in ARCHIVE_CLASSES

    def content(self) -> bytes:
        """The same for the same name."""
        return random.Random(self.name).randbytes(self.size)


def cases(settings: Settings, prefix: str) -> Iterator[Case]:
    """All there are; one above LARGE_BYTES if that is small enough."""
    for name, size in (("0-bytes", 0), ("1-byte", 1), ("10-KiB", 10_240), ("1-MiB", MIB), ("9-MiB", 9 * MIB)):
        yield Case(f"size/{name}", size)
    yield Case("size/folder/", 0, extra={"ContentType": "application/x-directory"})
    if settings.large_bytes < MOST_BYTES:
        large = settings.large_bytes + MIB + 1
        yield Case("size/large-in-parts", large, (8 * MIB,) * (large // (8 * MIB)) + (large % (8 * MIB),))
    for number, name in enumerate((*AWKWARD, *UNSUPPORTED)):
        if len((prefix + name).encode()) <= LONGEST_KEY:
            yield Case(f"key/{name}", 100 + number)
    yield Case("key/long-".ljust(LONGEST_KEY - len(prefix.encode()), "k"), 99)
    headers = {
        "ContentType": "text/x-odd; charset=utf-8",
        "ContentLanguage": "de-CH",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "CacheControl": "max-age=3, private",
    }
    yield Case("metadata/headers", 200, extra=headers)
    users = {"camera": "x100", "with-dash": "1", "spaces": "a  b", "s3gcs-etag": "an owner's own", "long": "m" * 1500}
    yield Case("metadata/of-its-owner", 201, extra={"Metadata": users})
    yield Case("metadata/says-gzip", 202, extra={"ContentEncoding": "gzip", "ContentType": "text/plain"})
    yield Case("encryption/s3", 300, extra={"ServerSideEncryption": "AES256"})
    yield Case("encryption/kms", 301, extra={"ServerSideEncryption": "aws:kms"})
    yield Case("encryption/kms-in-parts", _PART + 7, (_PART, 7), {"ServerSideEncryption": "aws:kms"})
    yield Case("parts/one", _PART, (_PART,))
    yield Case("parts/even", 3 * _PART, (_PART,) * 3)
    yield Case("parts/uneven", 2 * _PART + MIB + 1, (_PART + MIB, _PART, 1))
    yield Case("parts/sha256", _PART + 11, (_PART, 11), checksum="SHA256")
    yield Case("checksum/sha256", 400, checksum="SHA256")
    yield Case("checksum/crc32c", 401, checksum="CRC32C")
    for storage_class in ("STANDARD_IA", "GLACIER_IR", "INTELLIGENT_TIERING", *sorted(ARCHIVE_CLASSES)):
        yield Case(f"class/{storage_class}", 500, extra={"StorageClass": storage_class})


def write(s3: S3Client, bucket: str, prefix: str, wanted: Case) -> str:
    """Put a case below the prefix; "" if S3 took it, else why not, as where an account has no KMS."""
    key, body, extra = prefix + wanted.name, wanted.content(), dict(wanted.extra)
    summed = {"ChecksumAlgorithm": wanted.checksum} if wanted.checksum else {}
    try:
        if not wanted.parts:
            s3.put_object(Bucket=bucket, Key=key, Body=body, **extra, **summed)
            return ""
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **extra, **summed)["UploadId"]
        try:
            parts, start = [], 0
            for number, size in enumerate(wanted.parts, 1):
                part = s3.upload_part(
                    Bucket=bucket,
                    Key=key,
                    UploadId=upload,
                    PartNumber=number,
                    Body=body[start : start + size],
                    **summed,
                )
                kept = {name: value for name, value in part.items() if name == f"Checksum{wanted.checksum}"}
                parts.append({"PartNumber": number, "ETag": part["ETag"], **kept})
                start += size
            s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        except BaseException:
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
            raise
    except ClientError as error:
        return str(error)
    return ""
