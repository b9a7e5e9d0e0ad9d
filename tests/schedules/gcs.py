"""Cloud Storage: the destination and the staging bucket, by the JSON API, resumable sessions and XML multipart uploads.

As strict as the service: preconditions, checksums, tokens, sessions that end. Sizes are scaled down (see `scale`).
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import google_crc32c

from local.emulators.gcs.partial import partial
from tests.schedules.network import Reply, Request
from tests.schedules.scale import QUANTUM

if TYPE_CHECKING:
    from tests.schedules.laws import Laws

DESTINATION, STAGING = "destination", "staging"


@dataclass(slots=True)
class Stored:
    """A live object. resource: what was sent ahead of its bytes. metageneration: one more whenever that is changed.
    locked: under a customer's own key, so that it shows no checksums. created: epoch seconds.
    """

    name: bytes
    body: bytes
    generation: int
    resource: dict[str, Any]
    composite: bool = False
    metageneration: int = 1
    locked: bool = False
    created: float = 0.0

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.resource.get("metadata") or {})

    def shown(self) -> dict[str, Any]:
        shown = {
            "name": self.name.decode(),
            "size": str(len(self.body)),
            "generation": str(self.generation),
            "metadata": self.metadata,
            "metageneration": str(self.metageneration),
            "contentType": self.resource.get("contentType", "application/octet-stream"),
            "timeCreated": datetime.fromtimestamp(self.created, UTC).isoformat(timespec="milliseconds"),
        }
        if not self.locked:
            shown["crc32c"] = crc32c(self.body)
        if not self.composite and not self.locked:
            shown["md5Hash"] = base64.b64encode(hashlib.md5(self.body).digest()).decode()
        return shown


def _told(document: dict[str, Any], query: dict[str, str]) -> Reply:
    return Reply(200, {}, json.dumps(partial(document, query.get("fields"))).encode())


@dataclass(slots=True)
class Session:
    """A resumable upload. query: of the request that began it."""

    bucket: str
    resource: dict[str, Any]
    expected: int | None
    query: dict[str, str]
    data: bytearray = field(default_factory=bytearray)
    done: Stored | None = None


@dataclass(slots=True)
class Parts:
    """An XML multipart upload."""

    name: bytes
    parts: dict[int, bytes] = field(default_factory=dict)


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.reply = Reply(status, {}, text.encode())


class Gcs:
    """may: whether a request's authorization is good now. calls_a_move: calls that a rewrite takes. enforced: whether
    preconditions are.
    """

    def __init__(self, laws: "Laws", may: Callable[[str], bool], calls_a_move: int, enforced: bool = True) -> None:
        self.buckets: dict[str, dict[bytes, Stored]] = {DESTINATION: {}, STAGING: {}}
        self.sessions: dict[str, Session] = {}
        self.uploads: dict[str, Parts] = {}
        self._moves: dict[str, int] = {}
        self._laws, self._may, self._calls, self._enforced = laws, may, calls_a_move, enforced
        self._generation = 0
        self.page_size = 1000
        self._numbers = 0

    def handle(self, request: Request) -> Reply:
        try:
            if not self._may(request.headers.get("authorization", "")):
                raise Refusal(401, '{"error": {"code": 401, "errors": [{"reason": "authError"}]}}')
            return self._route(request)
        except Refusal as refused:
            return refused.reply
        except json.JSONDecodeError:
            return Reply(400, {}, b'{"error": {"code": 400, "errors": [{"reason": "parseError"}]}}')

    def _route(self, request: Request) -> Reply:
        path = request.path.decode()
        if path.startswith("upload/session/"):
            return self._session(request, path.rpartition("/")[2])
        if path.startswith("upload/storage/v1/b/"):
            return self._upload(request, path.split("/")[4])
        if path.startswith("storage/v1/b/"):
            bucket, _, rest = path.removeprefix("storage/v1/b/").partition("/")
            if not rest:
                return Reply(200, {}, b"{}")
            return self._json(request, bucket, rest.removeprefix("o").removeprefix("/"))
        bucket, _, name = path.partition("/")
        return self._xml(request, bucket, name.encode())

    def _json(self, request: Request, bucket: str, rest: str) -> Reply:
        held = self._bucket(bucket)
        if not rest:
            return self._list(held, request.query)
        if "/rewriteTo/b/" in rest:
            source, _, target = rest.partition("/rewriteTo/b/")
            to, _, name = target.partition("/o/")
            return self._rewrite(request, held, source.encode(), to, name.encode())
        found = held.get(rest.encode())
        if found is None:
            raise Refusal(404, '{"error": {"code": 404, "message": "No such object"}}')
        if request.method == "DELETE":
            if bucket == DESTINATION and "ifGenerationMatch" not in request.query:
                self._laws.broken("preconditions", f"DELETE of {rest} without ifGenerationMatch")
            self._match(request.query.get("ifGenerationMatch"), found)
            del held[rest.encode()]
            if bucket == DESTINATION:
                self._laws.world.truth.deleted(found)
                self._laws.world.truth.copied(found.name, None)
            return Reply(204)
        return _told(found.shown(), request.query)

    def _list(self, held: dict[bytes, Stored], query: dict[str, str]) -> Reply:
        low, high = query.get("startOffset", "").encode(), query.get("endOffset", "").encode()
        prefix, most = query.get("prefix", "").encode(), int(query.get("maxResults", "1000"))
        low = max(low, query.get("pageToken", "").encode())
        names = [n for n in sorted(held) if n >= low and (not high or n < high) and n.startswith(prefix)]
        most = min(most, self.page_size)
        page: dict[str, Any] = {"items": [held[name].shown() for name in names[:most]]}
        if len(names) > most:
            page["nextPageToken"] = names[most].decode()
        return _told(page, query)

    def _upload(self, request: Request, bucket: str) -> Reply:
        self._bucket(bucket)
        if request.cut:
            raise Refusal(400, "the body was cut")
        expected = self._expected(request, bucket)
        if request.query["uploadType"] == "resumable":
            resource = json.loads(request.body)
            self._match(str(expected), self._bucket(bucket).get(resource["name"].encode()))
            self._numbers += 1
            self.sessions[f"s{self._numbers}"] = Session(bucket, resource, expected, request.query)
            return Reply(200, {"Location": f"http://gcs.test/upload/session/s{self._numbers}"})
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        _, described, content, _ = request.body.split(b"--" + boundary)
        resource = json.loads(described.partition(b"\r\n\r\n")[2])
        body = content.partition(b"\r\n\r\n")[2][:-2]
        stored = self._install(bucket, resource, body, expected, resource.get("crc32c"))
        return _told(stored.shown(), request.query)

    def _expected(self, request: Request, bucket: str) -> int | None:
        given = request.query.get("ifGenerationMatch")
        if given is None and bucket == DESTINATION:
            self._laws.broken("preconditions", f"{request.told} without ifGenerationMatch")
        return int(given) if given is not None else None

    def _session(self, request: Request, number: str) -> Reply:
        """Bytes that it has already are ignored: https://cloud.google.com/storage/docs/performing-resumable-uploads"""
        session = self.sessions.get(number)
        if session is None:
            raise Refusal(410, "session is gone")
        if request.method == "DELETE":
            del self.sessions[number]
            return Reply(499)
        if session.done is not None:
            return _told(session.done.shown(), session.query)
        span, _, total = request.headers["content-range"].removeprefix("bytes ").partition("/")
        if span != "*":
            start, _, end = span.partition("-")
            if int(start) > len(session.data):
                raise Refusal(503, "bytes are missing before these")
            taken = len(request.body) if not request.cut else len(request.body) // QUANTUM * QUANTUM
            session.data += request.body[len(session.data) - int(start) : taken]
            if not request.cut and len(request.body) != int(end) - int(start) + 1:
                raise Refusal(400, "length")
            if not request.cut and len(session.data) < int(total) and len(request.body) % QUANTUM:
                raise Refusal(400, "a chunk must be a multiple of 256 KiB")
        if len(session.data) < int(total) or (span == "*" and int(total) > 0):
            headers = {"Range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
            return Reply(308, headers)
        sum_of_all = request.headers.get("x-goog-hash", "").partition("crc32c=")[2] or None
        session.done = self._install(
            session.bucket, session.resource, bytes(session.data), session.expected, sum_of_all
        )
        return _told(session.done.shown(), session.query)

    def _rewrite(self, request: Request, held: dict[bytes, Stored], source: bytes, to: str, name: bytes) -> Reply:
        found, target = held.get(source), self._bucket(to)
        if found is None:
            raise Refusal(404, '{"error": {"code": 404, "message": "No such object"}}')
        expected = self._expected(request, to)
        self._match(str(expected) if expected is not None else None, target.get(name))
        if request.query.get("ifSourceGenerationMatch") != str(found.generation):
            raise Refusal(412, "source generation")
        token = request.query.get("rewriteToken", "")
        if token and token not in self._moves:
            raise Refusal(400, "invalid rewriteToken")
        done = self._moves.get(token, 0) + 1
        if done < self._calls:
            self._numbers += 1
            self._moves[f"t{self._numbers}"] = done
            return Reply(200, {}, json.dumps({"done": False, "rewriteToken": f"t{self._numbers}"}).encode())
        resource = {**json.loads(request.body), "name": name.decode()}
        stored = self._install(to, resource, found.body, expected, None, composite=found.composite)
        return _told({"done": True, "resource": stored.shown()}, request.query)

    def _xml(self, request: Request, bucket: str, name: bytes) -> Reply:
        self._bucket(bucket)
        if "uploads" in request.query:
            self._numbers += 1
            self.uploads[f"u{self._numbers}"] = Parts(name)
            return Reply(200, {}, f"<Result><UploadId>u{self._numbers}</UploadId></Result>".encode())
        number = request.query.get("uploadId", "")
        upload = self.uploads.get(number)
        if upload is None or upload.name != name:
            raise Refusal(404, "<Error><Code>NoSuchUpload</Code></Error>")
        if request.method == "DELETE":
            del self.uploads[number]
            return Reply(204)
        if request.cut:
            raise Refusal(400, "<Error><Code>IncompleteBody</Code></Error>")
        if request.method == "PUT":
            upload.parts[int(request.query["partNumber"])] = request.body
            etag = hashlib.md5(request.body).hexdigest()
            return Reply(200, {"ETag": f'"{etag}"', "X-Goog-Hash": f"crc32c={crc32c(request.body)}"})
        return self._complete(bucket, number, upload, request.body)

    def _complete(self, bucket: str, number: str, upload: Parts, body: bytes) -> Reply:
        whole = b""
        for item in ElementTree.fromstring(body).iter("Part"):
            part = upload.parts.get(int(item.findtext("PartNumber", "0")))
            if part is None or f'"{hashlib.md5(part).hexdigest()}"' != item.findtext("ETag", ""):
                raise Refusal(400, "<Error><Code>InvalidPart</Code></Error>")
            whole += part
        del self.uploads[number]
        self._install(bucket, {"name": upload.name.decode()}, whole, None, None, composite=True)
        return Reply(200, {}, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    def _install(
        self,
        bucket: str,
        resource: dict[str, Any],
        body: bytes,
        expected: int | None,
        crc: str | None,
        composite: bool = False,
    ) -> Stored:
        name = str(resource["name"]).encode()
        held = self._bucket(bucket)
        if crc is not None and crc != crc32c(body):
            raise Refusal(400, f"Provided CRC32C {crc} doesn't match calculated CRC32C {crc32c(body)}.")
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        if resource.get("md5Hash", md5) != md5:
            raise Refusal(400, f"Provided MD5 hash doesn't match calculated MD5 hash {md5}.")
        self._match(str(expected) if expected is not None else None, held.get(name))
        self._generation += 1
        stored = Stored(name, body, self._generation, resource, composite, created=self._laws.world.time())
        if bucket == DESTINATION:
            self._laws.visible(stored, held.get(name))
            self._laws.world.truth.copied(name, stored)
        held[name] = stored
        return stored

    def put_by_hand(self, name: bytes, body: bytes, metadata: dict[str, str]) -> Stored:
        """Somebody else writes to the destination."""
        self._generation += 1
        stored = Stored(name, body, self._generation, {"name": name.decode(), "metadata": metadata})
        stored.created = self._laws.world.time()
        self.buckets[DESTINATION][name] = stored
        return stored

    def _match(self, expected: str | None, found: Stored | None) -> None:
        if (
            self._enforced
            and expected is not None
            and expected != "None"
            and int(expected) != (found.generation if found else 0)
        ):
            raise Refusal(412, '{"error": {"code": 412, "errors": [{"reason": "conditionNotMet"}]}}')

    def _bucket(self, bucket: str) -> dict[bytes, Stored]:
        if bucket not in self.buckets:
            raise Refusal(404, '{"error": {"code": 404, "message": "The specified bucket does not exist."}}')
        return self.buckets[bucket]


def crc32c(body: bytes) -> str:
    """As the service writes it."""
    return base64.b64encode(google_crc32c.Checksum(body).digest()).decode()
