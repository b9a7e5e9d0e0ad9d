"""What a client sends: the body, out of whatever framing it chose, and the headers that stay with the object."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from local.emulators.blob import Blob
from local.emulators.s3 import checksums
from local.emulators.s3.store import S3Error

_KEPT = (
    "content-type",
    "cache-control",
    "content-encoding",
    "content-disposition",
    "content-language",
    "expires",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
)
_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-algorithm"
"""Of SSE-C: what is read must bring the key again. An object that was stored without one would be another."""

_STREAMING = "STREAMING-"


@dataclass(frozen=True, slots=True)
class Received:
    """A body with what was computed on its way in."""

    content: Blob
    md5: bytes
    checksum: checksums.Checksum

    @property
    def headers(self) -> dict[str, str]:
        """What the answer to a PUT says about it."""
        return {"ETag": f'"{self.md5.hex()}"', **self.checksum.headers}


async def receive(request: web.BaseRequest, algorithm: str) -> Received:
    """The body, out of aws-chunked framing where the client uses it, checked against what the client promises."""
    content, md5, running = Blob(), hashlib.md5(), checksums.ALGORITHMS[algorithm]()
    name = checksums.HEADER + algorithm.lower()
    promised = dict(request.headers.items())
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    streaming = request.headers.get("x-amz-content-sha256", "").startswith(_STREAMING)
    framed = streaming or "aws-chunked" in request.headers.get("Content-Encoding", "")
    async for chunk in _unframed(request, promised) if framed else request.content.iter_any():
        content.append(chunk)
        md5.update(chunk)
        running.update(chunk)
    given = request.headers.get("Content-MD5")
    if given is not None and _md5(given) != md5.digest():
        raise S3Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    actual = base64.b64encode(running.digest()).decode()
    if next((value for header, value in promised.items() if header.lower() == name), actual) != actual:
        raise S3Error(400, "BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
    return Received(content, md5.digest(), checksums.Checksum(algorithm, actual))


def _md5(given: str) -> bytes:
    """Raises S3Error for what is no MD5: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    try:
        digest = base64.b64decode(given, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != hashlib.md5().digest_size:
        raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
    return digest


async def _unframed(request: web.BaseRequest, trailers: dict[str, str]) -> AsyncIterator[bytes]:
    """The body's chunks; what is said after the last one is put into `trailers`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """
    while True:
        head = await request.content.readuntil(b"\r\n")
        try:
            left = int(head.split(b";")[0], 16)
        except ValueError:
            raise S3Error(400, "IncompleteBody", "The request body is not in chunks as it promises") from None
        if left == 0:
            break
        while left:
            chunk = await request.content.read(min(left, 65536))
            if not chunk:
                raise S3Error(400, "IncompleteBody", "You did not provide the number of bytes specified")
            left -= len(chunk)
            yield chunk
        await request.content.readexactly(2)
    rest = b"".join([chunk async for chunk in request.content.iter_any()])
    for line in rest.decode(errors="replace").splitlines():
        header, _, value = line.partition(":")
        trailers[header.strip()] = value.strip()


def kept(request: web.BaseRequest) -> dict[str, str]:
    """The request headers that S3 gives back with the object. Raises S3Error for one that this server cannot heed."""
    if _CUSTOMER_KEY in request.headers:
        raise S3Error(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
    found = {name: request.headers[name] for name in _KEPT if name in request.headers}
    found.update({k.lower(): v for k, v in request.headers.items() if k.lower().startswith("x-amz-meta-")})
    codings = [item.strip() for item in found.pop("content-encoding", "").split(",")]
    real = ",".join(item for item in codings if item and item != "aws-chunked")
    if real:
        found["content-encoding"] = real
    found.setdefault("content-type", "binary/octet-stream")
    return found
