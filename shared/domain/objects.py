"""What is known of one object on either side. Keys and names are UTF-8 bytes and compare as bytes."""

import re
from collections.abc import Mapping
from dataclasses import field

from shared.domain.archive import Restore
from shared.domain.missed import Change
from shared.domain.valueclass import valueclass

_SECONDS = re.compile(r"[0-9]{1,12}")
_MD5_HEX = re.compile(r"[0-9a-f]{32}\Z")

OURS = "s3gcs-"
"""What the GCS metadata names begin with that say where a copy comes from; `provenance.py` keeps users' names apart."""

SOURCE_BUCKET = f"{OURS}bucket"
"""The S3 bucket an object was copied from."""

SOURCE_JOB = f"{OURS}job"
"""The job that copied it."""

SOURCE_ETAG = f"{OURS}etag"
"""The ETag of the S3 version it was copied from: what makes an object one of our copies."""

SOURCE_MTIME = "goog-reserved-file-mtime"
"""GCS metadata name that gcloud and gsutil read as an object's original mtime, in epoch seconds.
https://cloud.google.com/sdk/gcloud/reference/storage/rsync"""

SOURCE_KEY = f"{OURS}key"
"""The S3 key, percent-encoded, that it is the copy of."""

SOURCE_ENCRYPTION = f"{OURS}encryption"
"""How the S3 object is encrypted, where that keeps its ETag from being an MD5."""

_BEFORE = {SOURCE_ETAG: "s3-etag", SOURCE_KEY: "s3-key", SOURCE_ENCRYPTION: "s3-encryption"}
"""What copies up to 2026-11-24 say instead."""


Origin = tuple[str, int, str, str, str]
"""Of a copy: ETag and size of its source, how its bytes were proven, by which way they came, and their CRC32C."""


@valueclass(frozen=True, slots=True)
class SourceObject:
    """One version of an S3 object, as listed or as a HEAD shows it.

    etag: without quotes. size: bytes. modified: Last-Modified, whole epoch seconds. restore: of an archived object,
    None for any other. told: which change of the key it is, of one that an event names; "" for any other. event_at:
    when S3 says that it was written, of one that an event names (epoch seconds; 0 for none). change: what events had
    told of it, of one that a listing publishes where events are followed.
    """

    key: bytes
    etag: str
    size: int
    modified: int
    storage_class: str = "STANDARD"
    restore: Restore | None = None
    told: str = field(default="", compare=False)
    event_at: float = field(default=0.0, compare=False)
    change: Change | None = field(default=None, compare=False)

    @property
    def archived(self) -> bool:
        """Whether S3 must restore it before it can be read."""
        return self.restore in (Restore.NEEDED, Restore.UNDER_WAY)

    @property
    def text(self) -> str:
        """The key for messages, logs and documents."""
        return self.key.decode()


@valueclass(frozen=True, slots=True)
class DestinationObject:
    """One live GCS object. md5 is hex, None for composite objects; crc32c is base64 as GCS writes it, "" where it shows
    none.

    metageneration: 1, and one more whenever its metadata is changed; 1, too, where it was not asked for. created: when
    the service wrote it (epoch seconds), 0 of what is listed, and of what was just written where nothing was.
    """

    name: bytes
    size: int
    generation: int
    crc32c: str
    md5: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    metageneration: int = 1
    created: float = field(default=0.0, compare=False)

    @property
    def source_etag(self) -> str | None:
        """ETag of the S3 version that this was copied from, None if it was not copied by us."""
        return source_etag(self.metadata)

    @property
    def before_prefix(self) -> bool:
        """Whether it says where it comes from under names that may as well be its owner's."""
        return SOURCE_ETAG not in self.metadata

    @property
    def source_key(self) -> str | None:
        """The S3 key, percent-encoded, that this is the copy of, None if it is its name."""
        return self._said(SOURCE_KEY)

    @property
    def source_encryption(self) -> str | None:
        """How the S3 object is encrypted, None if its ETag may be an MD5."""
        return self._said(SOURCE_ENCRYPTION)

    @property
    def modified(self) -> int | None:
        """Last-Modified of the S3 version that this was copied from (epoch seconds), None if it does not say. A copy
        that others made says when their file was changed.
        """
        said = "" if self.source_etag is None else self.metadata.get(SOURCE_MTIME, "")
        return int(said) if _SECONDS.fullmatch(said) else None

    def _said(self, name: str) -> str | None:
        return self.metadata.get(_BEFORE[name] if self.before_prefix else name)


@valueclass(frozen=True, slots=True)
class Attributes:
    """What travels with the bytes: HTTP headers that S3 keeps, and user metadata (names lower-case, as S3
    gives them). encryption: x-amz-server-side-encryption; bucket_key: whether a key of the bucket spares KMS a request
    an object. crc32c, crc64nvme, crc32, sha1, sha256, sha512 (base64), md5 (hex): of the whole object, where S3 has it.
    composite: algorithm and value of a checksum of the parts' checksums, with their number after a dash. storage_class:
    S3's.
    """

    content_type: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    encryption: str | None = None
    bucket_key: bool = False
    crc32c: str | None = None
    crc64nvme: str | None = None
    crc32: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    sha512: str | None = None
    md5: str | None = None
    composite: tuple[str, str] | None = None
    storage_class: str = "STANDARD"

    @property
    def asked_kms(self) -> bool:
        """Whether reading the object was a request to KMS.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
        """
        return self.encryption is not None and self.encryption.startswith("aws:kms") and not self.bucket_key


def source_etag(metadata: Mapping[str, str]) -> str | None:
    """ETag of the S3 version that a GCS object with this metadata was copied from, None if it was not copied by us."""
    return metadata.get(SOURCE_ETAG) or metadata.get(_BEFORE[SOURCE_ETAG])


def etag_md5(etag: str, encryption: str | None = None) -> str | None:
    """The MD5 (hex) that an S3 ETag is, or None where it is not one.

    An ETag is the MD5 of the object only for single-part uploads that are not encrypted with SSE-KMS or
    SSE-C: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    return None if hides_md5(encryption) else _plain_md5(etag)


def hides_md5(encryption: str | None) -> bool:
    """Whether objects encrypted this way (the x-amz-server-side-encryption value) have ETags that are no MD5."""
    return encryption is not None and encryption != "AES256"


def _plain_md5(etag: str) -> str | None:
    return etag if _MD5_HEX.match(etag) else None
