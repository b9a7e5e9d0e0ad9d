"""The JSON API of the Cloud Storage server.

Class A and B operations are counted as billed: https://cloud.google.com/storage/pricing#operations-pricing
"""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes, urlsplit

from aiohttp import web

from local.emulators.gcs import listing
from local.emulators.gcs.media import media
from local.emulators.gcs.multipart import Multipart, completed
from local.emulators.gcs.partial import partial
from local.emulators.gcs.store import (
    WRITABLE,
    Content,
    GcsError,
    Store,
    StoredObject,
    check_preconditions,
    merged,
    now,
    parsed,
)
from local.emulators.gcs.uploads import Uploads, whole
from local.emulators.instruments import Instruments, Refusal, Reset, drop


class GcsServer:
    """host: the URL under which clients reach it."""

    def __init__(self, instruments: Instruments, host: str) -> None:
        self.instruments = instruments
        self._store = Store(host)
        self._uploads = Uploads(self._store)
        self._multipart = Multipart(self._store)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith("/_local/objects/"):
            return self._held(request.method, request.path.rpartition("/")[2])
        if request.raw_path.startswith("/_local/"):
            return await self.instruments.control(request)
        try:
            return await self._route(request)
        except GcsError as error:
            return _error(error)
        except Refusal as refusal:
            return _error(GcsError(refusal.status, refusal.code, refusal.code))
        except Reset:
            drop(request)
            return web.Response(status=500)
        except OSError as error:
            return _error(GcsError(500, f"local gcs cannot store this: {error.strerror}", "backendError"))

    def _held(self, method: str, bucket: str) -> web.Response:
        """How much a bucket holds; DELETE empties it."""
        objects = self._store.bucket(bucket).objects
        held = {"objects": len(objects), "bytes": sum(stored.blob.size for stored in objects.values())}
        if method == "DELETE":
            objects.clear()
        return _json(held)

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        if "x-goog-encryption-key" in request.headers:
            raise GcsError(501, "local gcs keeps no customer-supplied encryption keys", "notImplemented")
        path, _, raw_query = request.raw_path.partition("?")
        query = dict(parse_qsl(raw_query, keep_blank_values=True))
        steps = path[1:].split("/")
        match steps:
            case ["upload" | "resumable", *_]:
                bucket = unquote(steps[steps.index("b") + 1])
                if "upload_id" not in query:
                    await self.instruments.enter("gcs.class_a", f"upload {bucket}")
                else:
                    await self.instruments.enter("gcs.chunk", query["upload_id"])
                outcome = await self._uploads.receive(request, bucket, query)
                if isinstance(outcome, web.Response):
                    return outcome
                self.instruments.count("gcs.objects_written")
                self.instruments.count("gcs.ingress_bytes", outcome.blob.size)
                return _json(outcome.resource, self._uploads.fields(query))
            case ["download", "storage", "v1", "b", bucket, "o", *name]:
                return await self._read(request, unquote(bucket), _name(name), {**query, "alt": "media"})
            case ["batch", *_]:
                return await self._batch(request)
            case ["storage", "v1", *rest]:
                raw = await whole(request)
                return await self._resource(request, request.method, rest, query, parsed(raw))
            case [bucket, *name] if "uploads" in query or "uploadId" in query:
                return await self._xml_multipart(request, unquote(bucket), _name(name), query)
        raise GcsError(404, f"local gcs does not serve {path}", "notFound")

    async def _xml_multipart(
        self, request: web.BaseRequest, bucket: str, name: bytes, query: dict[str, str]
    ) -> web.StreamResponse:
        free = request.method == "DELETE"
        await self.instruments.enter("gcs.abort" if free else "gcs.class_a", f"multipart {request.method} {bucket}")
        outcome = await self._multipart.handle(request, bucket, name, query)
        if isinstance(outcome, web.Response):
            return outcome
        self.instruments.count("gcs.objects_written")
        self.instruments.count("gcs.ingress_bytes", outcome.blob.size)
        return completed(outcome)

    async def _resource(
        self, request: web.BaseRequest, method: str, steps: list[str], query: dict[str, str], given: dict[str, Any]
    ) -> web.StreamResponse:
        fields = query.get("fields")
        match steps:
            case ["b"] if method == "GET":
                items = [bucket.resource for bucket in self._store.buckets.values()]
                return _json({"kind": "storage#buckets", "items": items})
            case ["b"]:
                return _json(self._store.create_bucket(given).resource)
            case ["b", name]:
                return self._bucket(method, unquote(name), given)
            case ["b", name, "iam", *_]:
                return _json({"kind": "storage#policy", "bindings": [], "etag": "CAE=", "version": 1})
            case ["b", name, "storageLayout"]:
                return _json(self._store.bucket(unquote(name)).layout)
            case ["b", name, "managedFolders"] if method == "GET" and self._store.bucket(unquote(name)):
                return _json({"kind": "storage#managedFolders"})  # it has none
            case ["b", name, "o"]:
                await self.instruments.enter("gcs.class_a", f"list {unquote(name)}")
                return _json(listing.render(self._store.bucket(unquote(name)), query), fields)
            case ["b", bucket, "o", *name, "compose"] if method == "POST":
                await self.instruments.enter("gcs.class_a", "compose")
                return _json(self._compose(unquote(bucket), _name(name), query, given).resource, fields)
            case ["b", bucket, "o", name, "rewriteTo" | "copyTo" as verb, "b", to_bucket, "o", to_name]:
                await self.instruments.enter("gcs.class_a", "rewrite")
                source = self._store.get(unquote(bucket), _name([name]), query.get("sourceGeneration"))
                size = source.resource["size"]
                if self._takes_longer(source, unquote(to_bucket), query, given):
                    wait = {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": "half"}
                    return _json({**wait, "objectSize": size, "totalBytesRewritten": str(int(size) // 2)}, fields)
                copied = self._rewrite(source, unquote(to_bucket), _name([to_name]), query, given).resource
                done = {"kind": "storage#rewriteResponse", "done": True, "resource": copied}
                whole_answer = {**done, "objectSize": size, "totalBytesRewritten": size}
                return _json(whole_answer if verb == "rewriteTo" else copied, fields)
            case ["b", bucket, "o", name, "moveTo", "o", to_name] if method == "POST":
                await self.instruments.enter("gcs.class_a", "move")
                return _json(self._move(unquote(bucket), _name([name]), _name([to_name]), query).resource, fields)
            case ["b", bucket, "o", *name]:
                return await self._object(request, method, unquote(bucket), _name(name), query, given)
        raise GcsError(404, "Not Found", "notFound")

    def _bucket(self, method: str, name: str, given: dict[str, Any]) -> web.Response:
        bucket = self._store.bucket(name)
        if method == "DELETE":
            if bucket.objects:
                raise GcsError(409, "The bucket you tried to delete is not empty.", "conflict")
            del self._store.buckets[name]
            return web.Response(status=204)
        if method in ("PATCH", "PUT"):
            fixed = {name: bucket.resource[name] for name in ("kind", "id", "name", "projectNumber", "timeCreated")}
            changed = merged(bucket.resource, given) if method == "PATCH" else {**bucket.resource, **given}
            bucket.resource = {**changed, **fixed}
            bucket.resource["metageneration"] = str(int(bucket.resource["metageneration"]) + 1)
        return _json(bucket.resource)

    async def _object(
        self,
        request: web.BaseRequest,
        method: str,
        bucket: str,
        name: bytes,
        query: dict[str, str],
        given: dict[str, Any],
    ) -> web.StreamResponse:
        if method == "GET":
            return await self._read(request, bucket, name, query)
        await self.instruments.enter("gcs.delete" if method == "DELETE" else "gcs.class_a", name.decode())
        stored = self._store.get(bucket, name, query.get("generation"))
        check_preconditions(stored, query)
        if method == "DELETE":
            del self._store.bucket(bucket).objects[name]
            return web.Response(status=204)
        return _json(_patch(stored, given, merge=method == "PATCH"), query.get("fields"))

    async def _read(
        self, request: web.BaseRequest, bucket: str, name: bytes, query: dict[str, str]
    ) -> web.StreamResponse:
        fault = await self.instruments.enter("gcs.class_b", name.decode(errors="replace"))
        stored = self._store.get(bucket, name, query.get("generation"))
        check_preconditions(stored, query, reading=True)
        if query.get("alt") != "media":
            return _json(stored.resource, query.get("fields"))
        return await media(request, stored, fault)

    def _compose(self, bucket: str, name: bytes, query: dict[str, str], given: dict[str, Any]) -> StoredObject:
        """https://cloud.google.com/storage/docs/composite-objects: no MD5, at most 32 components."""
        sources = given["sourceObjects"]
        if len(sources) > 32:
            raise GcsError(400, "The number of source components provided exceeds 32")
        check_preconditions(self._store.bucket(bucket).objects.get(name), query)
        content = Content()
        for item in sources:
            source = self._store.get(bucket, item["name"].encode(), item.get("generation"))
            check_preconditions(source, item.get("objectPreconditions") or {})
            for chunk in source.blob.chunks():
                content.append(chunk)
        checksums = {"crc32c": content.crc32c, "componentCount": len(sources)}
        return self._store.install(bucket, name, given.get("destination") or {}, content.blob, checksums)

    def _move(self, bucket: str, name: bytes, to_name: bytes, query: dict[str, str]) -> StoredObject:
        """https://cloud.google.com/storage/docs/json_api/v1/objects/move"""
        source = self._store.get(bucket, name)
        moved = self._rewrite(source, bucket, to_name, query, {})
        if name != to_name:
            del self._store.bucket(bucket).objects[name]
        return moved

    def _takes_longer(self, source: StoredObject, bucket: str, query: dict[str, str], given: dict[str, Any]) -> bool:
        """A rewrite into another class copies bytes and may need more calls.

        https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
        """
        target = given.get("storageClass") or self._store.bucket(bucket).resource["storageClass"]
        return target != source.resource["storageClass"] and "rewriteToken" not in query

    def _rewrite(
        self, source: StoredObject, bucket: str, name: bytes, query: dict[str, str], given: dict[str, Any]
    ) -> StoredObject:
        check_preconditions(source, {k.replace("Source", ""): v for k, v in query.items() if k.startswith("ifSource")})
        check_preconditions(self._store.bucket(bucket).objects.get(name), query)
        checksums: dict[str, Any] = {
            k: source.resource[k] for k in ("crc32c", "md5Hash", "componentCount") if k in source.resource
        }
        return self._store.install(bucket, name, given or source.resource, source.blob, checksums)

    async def _batch(self, request: web.BaseRequest) -> web.Response:
        """https://cloud.google.com/storage/docs/batch"""
        found = re.search(r'boundary="?([^";]+)"?', request.headers["Content-Type"])
        if found is None:
            raise GcsError(400, "batch without a boundary")
        answers = []
        for part in (await whole(request)).decode().split("--" + found.group(1))[1:-1]:
            outer, _, inner = re.split(r"(\r?\n\r?\n)", part.lstrip(), maxsplit=1)
            cid = re.search(r"(?i)content-id:\s*<?([^>\r\n]+)", outer)
            head, _, body = [*re.split(r"(\r?\n\r?\n)", inner.lstrip(), maxsplit=1), "", ""][:3]
            method, target = head.split()[:2]
            url = urlsplit(target)
            steps = url.path.partition("/storage/v1/")[2].split("/")
            given = json.loads(body) if body.strip() else {}
            try:
                answer = await self._resource(request, method, steps, dict(parse_qsl(url.query)), given)
            except GcsError as error:
                answer = _error(error)
            content = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
            number = cid.group(1) if cid else "0"
            answers.append(
                f"--batch_local\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>"
                f"\r\n\r\nHTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n{content.decode()}\r\n"
            )
        return web.Response(
            body=("".join(answers) + "--batch_local--").encode(),
            headers={"Content-Type": "multipart/mixed; boundary=batch_local"},
        )


def _patch(stored: StoredObject, given: dict[str, Any], merge: bool) -> dict[str, Any]:
    resource = stored.resource
    for name in WRITABLE:
        if name not in given:
            continue
        value = given[name]
        if name == "metadata" and merge and value is not None:
            merged = {**(resource.get("metadata") or {}), **value}
            value = {key: text for key, text in merged.items() if text is not None}
        if value is None:
            resource.pop(name, None)
        else:
            resource[name] = value
    resource["metageneration"] = str(int(resource["metageneration"]) + 1)
    resource["updated"] = now()
    return resource


def _name(steps: list[str]) -> bytes:
    return unquote_to_bytes("/".join(steps))


def _json(value: Any, fields: str | None = None, status: int = 200) -> web.Response:
    body = json.dumps(partial(value, fields)).encode()
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json; charset=UTF-8"})


def _error(error: GcsError) -> web.Response:
    if error.status == 304:
        return web.Response(status=304)
    detail = {"message": str(error), "domain": "global", "reason": error.reason}
    return _json({"error": {"code": error.status, "message": str(error), "errors": [detail]}}, status=error.status)
