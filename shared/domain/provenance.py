"""What a copy says of where it comes from, in its metadata, beside what its owner says there.

    s3gcs-bucket, s3gcs-job     always
    s3gcs-key, s3gcs-etag       always: somebody who copies a copy to another name copies its metadata, too
    s3gcs-encryption            where it hides the MD5
    goog-reserved-file-mtime    always: Last-Modified, as gcloud reads it
    s3gcs-user-…                what the owner calls by one of our names, so that nothing of it is lost

S3 allows 2 KB of user metadata, Cloud Storage 8 KiB, so ours has room, with a key of 1,024 bytes percent-encoded.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html and
https://cloud.google.com/storage/quotas#objects
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.keys import quote_key
from shared.domain.objects import (
    OURS,
    SOURCE_BUCKET,
    SOURCE_ENCRYPTION,
    SOURCE_ETAG,
    SOURCE_JOB,
    SOURCE_KEY,
    SOURCE_MTIME,
    Attributes,
    SourceObject,
    hides_md5,
)

_USERS = f"{OURS}user-"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Of all copies of a job. bucket: at the source."""

    bucket: str
    job: str

    def metadata(self, version: SourceObject, attributes: Attributes) -> dict[str, str]:
        """All the metadata of the copy of a version."""
        ours = {
            SOURCE_BUCKET: self.bucket,
            SOURCE_JOB: self.job,
            SOURCE_KEY: quote_key(version.key),
            SOURCE_ETAG: version.etag,
            SOURCE_MTIME: str(version.modified),
        }
        if attributes.encryption is not None and hides_md5(attributes.encryption):
            ours[SOURCE_ENCRYPTION] = attributes.encryption
        return {**{_beside_ours(name): value for name, value in attributes.metadata.items()}, **ours}


def _beside_ours(name: str) -> str:
    return f"{_USERS}{name}" if name.startswith(OURS) or name == SOURCE_MTIME else name


_MIME = "application/octet-stream"
"""What Cloud Storage calls an object whose type nobody has named."""


def carries(copy: Attributes, source: Attributes) -> bool:
    """Whether a copy, with all the metadata that it has, says what its object says besides its bytes."""
    return (
        (copy.content_type or _MIME) == (source.content_type or _MIME)
        and copy.content_encoding == source.content_encoding
        and copy.content_language == source.content_language
        and copy.content_disposition == source.content_disposition
        and copy.cache_control == source.cache_control
        and of_the_owner(copy.metadata) == source.metadata
    )


def of_the_owner(metadata: Mapping[str, str]) -> dict[str, str]:
    """The user metadata of the S3 object, from that of its copy."""
    return {
        name.removeprefix(_USERS): value
        for name, value in metadata.items()
        if name.startswith(_USERS) or _beside_ours(name) == name
    }
