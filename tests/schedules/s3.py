"""An S3 bucket as its REST API shows it, with every version that each key ever had."""

import base64
import hashlib
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import quote

import google_crc32c
from awscrt import checksums

from shared.domain.page import rfc3339
from tests.schedules.network import Reply, Request

if TYPE_CHECKING:
    from tests.schedules.laws import Laws

BUCKET = "source"

CONTENT_TYPE = "application/x-test"

ONE_BYTE = "bytes=0-0"
"""What is asked for to learn why a HEAD was refused: it copies nothing."""
"""Of every object."""


@dataclass(frozen=True)
class Version:
    """parts: the sizes of a multipart upload's parts, () for a single part. hidden: encrypted with KMS, so that its
    ETag is no MD5. checksum: the algorithm of S3's checksum, or none; of the whole object if it is a CRC, of its parts
    if `composite` (a single part has only that of the whole). archived: cannot be read. number: counts a key's versions.
    """

    key: bytes
    body: bytes
    modified: int
    number: int
    parts: tuple[int, ...] = ()
    hidden: bool = False
    checksum: str = ""
    composite: bool = False
    archived: bool = False
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def single(self) -> bool:
        """Whether its ETag is an MD5."""
        return not self.hidden and not self.parts

    @cached_property
    def etag(self) -> str:
        if self.hidden:
            return hashlib.md5(b"hidden %d " % self.number + self.body).hexdigest() + (
                f"-{len(self.parts)}" if self.parts else ""
            )
        if not self.parts:
            return hashlib.md5(self.body).hexdigest()
        digests, at = b"", 0
        for size in self.parts:
            digests += hashlib.md5(self.body[at : at + size]).digest()
            at += size
        return f"{hashlib.md5(digests).hexdigest()}-{len(self.parts)}"

    @cached_property
    def row(self) -> str:
        """As a listing shows it."""
        return (
            f"<Contents><Key>{_url(self.key)}</Key><LastModified>{rfc3339(self.modified)}</LastModified>"
            f"<ETag>&quot;{self.etag}&quot;</ETag><Size>{len(self.body)}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )


class S3:
    """history: every version of a key in order; None where it was deleted. asked: told of each key that is asked for.
    most_dead: deleted keys that a page of a listing gets over; it ends there, be there a living one on it or not.
    """

    def __init__(self, laws: "Laws", page_size: int, asked: Callable[[bytes], None]) -> None:
        self.history: dict[bytes, list[Version | None]] = {}
        self._living: list[bytes] | None = None
        self._laws, self._page_size, self._asked = laws, page_size, asked
        self.most_dead: int | None = None

    def current(self, key: bytes) -> Version | None:
        """What the key holds now."""
        versions = self.history.get(key)
        return versions[-1] if versions else None

    def write(self, key: bytes, version: Version | None) -> None:
        """The key holds this from now on, None for nothing."""
        self.history.setdefault(key, []).append(version)
        self._living = None

    def living(self) -> list[bytes]:
        """The keys that there are, in order."""
        if self._living is None:
            self._living = sorted(key for key, versions in self.history.items() if versions[-1] is not None)
        return self._living

    def handle(self, request: Request) -> Reply:
        refused = _unsigned(request)
        if refused:
            return _error(request, 403, "HeadersNotSigned", refused)
        bucket, _, key = request.path.partition(b"/")
        if bucket.decode() != BUCKET:
            return _error(request, 404, "NoSuchBucket")
        if request.query.get("list-type") == "2":
            return self._list(request.query)
        reply = self.object(request, key, self.current(key))
        self._asked(key)
        return reply

    def object(self, request: Request, key: bytes, version: Version | None) -> Reply:
        """HEAD or GET of what a key holds, or is said to hold."""
        if version is None:
            self._laws.world.truth.missed[key] = self._laws.world.loop.time()
            return _error(request, 404, "NoSuchKey")
        wanted = request.headers.get("if-match")
        if request.method == "GET" and request.headers.get("range") != ONE_BYTE:
            self._laws.reads(key, wanted)
        if wanted is not None and wanted.strip('"') != version.etag:
            return _error(request, 412, "PreconditionFailed")
        if version.archived and request.method == "GET":
            return _error(request, 403, "InvalidObjectState")
        headers = _headers(version, request)
        if "partNumber" in request.query:
            number = int(request.query["partNumber"])
            sizes = version.parts or (len(version.body),)
            if number > len(sizes):
                return _error(request, 416, "InvalidPartNumber")
            if version.parts:
                headers["x-amz-mp-parts-count"] = str(len(sizes))
            start = sum(sizes[: number - 1])
            headers["Content-Range"] = f"bytes {start}-{start + sizes[number - 1] - 1}/{len(version.body)}"
            return _answer(request, 206, headers, version.body[start : start + sizes[number - 1]])
        span = request.headers.get("range")
        if span is None:
            return _answer(request, 200, headers, version.body)
        first, _, last = span.removeprefix("bytes=").partition("-")
        if int(first) >= len(version.body):
            return _error(request, 416, "InvalidRange")
        start, end = int(first), min(int(last or 10**12) + 1, len(version.body))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(version.body)}"
        return _answer(request, 206, headers, version.body[start:end])

    def _list(self, query: dict[str, str]) -> Reply:
        """Keys, or with a delimiter what they begin with up to it.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        prefix, after = query.get("prefix", "").encode(), query.get("start-after", "").encode()
        after = max(after, base64.b64decode(query.get("continuation-token", "")))
        most = min(int(query.get("max-keys", "1000")), self._page_size)
        cut = query.get("delimiter", "").encode()
        rows: dict[bytes, str] = {}
        keys = self.living() if self.most_dead is None else sorted(self.history)
        dead, stopped = 0, b""
        for at in range(max(bisect_left(keys, prefix), bisect_right(keys, after)), len(keys)):
            key = keys[at]
            if len(rows) > most or not key.startswith(prefix):
                break
            if self.current(key) is None:
                dead += 1
                if dead == self.most_dead:
                    stopped = key
                    break
                continue
            end = key.find(cut, len(prefix)) if cut else -1
            stem = key if end < 0 else key[: end + 1]
            rows[stem] = (
                self._row(key) if end < 0 else f"<CommonPrefixes><Prefix>{_url(stem)}</Prefix></CommonPrefixes>"
            )
        shown, truncated = list(rows)[:most], stopped != b"" or len(rows) > most
        last = max([stopped, *shown[-1:]])
        token = f"<NextContinuationToken>{base64.b64encode(last).decode()}</NextContinuationToken>" if truncated else ""
        return Reply(
            200,
            {},
            f"<ListBucketResult>{token}<EncodingType>url</EncodingType><IsTruncated>{str(truncated).lower()}"
            f"</IsTruncated>{''.join(rows[stem] for stem in shown)}</ListBucketResult>".encode(),
        )

    def _row(self, key: bytes) -> str:
        found = self.current(key)
        assert found is not None
        return found.row


def _url(key: bytes) -> str:
    return quote(key, safe="/")


def _headers(version: Version, request: Request) -> dict[str, str]:
    headers = {
        "ETag": f'"{version.etag}"',
        "Last-Modified": formatdate(version.modified, usegmt=True),
        "Content-Type": CONTENT_TYPE,
        "Accept-Ranges": "bytes",
        **{f"x-amz-meta-{name}": value for name, value in version.metadata.items()},
    }
    if version.hidden:
        headers["x-amz-server-side-encryption"] = "aws:kms"
    if version.archived:  # the listing does not tell
        headers |= {"x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "ARCHIVE_ACCESS"}
    if version.checksum and request.headers.get("x-amz-checksum-mode") == "ENABLED" and "range" not in request.headers:
        headers |= _checksum(version)
    return headers


def _checksum(version: Version) -> dict[str, str]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html"""
    digest = _DIGESTS[version.checksum]
    if not version.parts or not version.composite:
        whole, kind, tail = digest(version.body), "FULL_OBJECT", ""
    else:
        ends = list(accumulate(version.parts))
        each = [version.body[end - size : end] for end, size in zip(ends, version.parts, strict=True)]
        whole, kind, tail = digest(b"".join(map(digest, each))), "COMPOSITE", f"-{len(each)}"
    return {
        f"x-amz-checksum-{version.checksum}": base64.b64encode(whole).decode() + tail,
        "x-amz-checksum-type": kind,
    }


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "crc32c": lambda body: int(google_crc32c.value(body)).to_bytes(4, "big"),
    "crc64nvme": lambda body: checksums.crc64nvme(body).to_bytes(8, "big"),
    "sha1": lambda body: hashlib.sha1(body).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
}


def _answer(request: Request, status: int, headers: dict[str, str], body: bytes) -> Reply:
    if request.method == "HEAD":
        return Reply(status, headers, b"", len(body))
    return Reply(status, headers, body)


def _error(request: Request, status: int, code: str, message: str = "") -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Reply(status, {}, b"" if request.method == "HEAD" else body)


def _unsigned(request: Request) -> str:
    """The x-amz- headers that a signed request does not sign: S3 refuses these.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
    """
    _, found, rest = request.headers.get("authorization", "").partition("SignedHeaders=")
    signed = rest.partition(",")[0].split(";")
    return (
        ", ".join(name for name in request.headers if name.startswith("x-amz-") and name not in signed)
        if found
        else "no signature"
    )
