"""The JSON API of the Cloud Storage server.

Class A and B operations are counted as billed: https://cloud.google.com/storage/pricing#operations-pricing
"""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from aiohttp import web

from local.emulators.gcs import listing
from local.emulators.gcs.batch import batch
from local.emulators.gcs.media import media
from local.emulators.gcs.multipart import Multipart, completed
from local.emulators.gcs.partial import OBJECT, check, partial, shape_of
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

_HALFWAY = "half"

Outcome = dict[str, Any] | web.StreamResponse
"""A resource, of which the fields are answered that were asked for; or what is no resource."""


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
                check(query.get("fields"), OBJECT)
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
                return _told(await self._read(request, unquote(bucket), _name(name), {**query, "alt": "media"}))
            case ["batch", *_]:
                return await batch(request, self._part)
            case ["storage", "v1", *rest]:
                raw = await whole(request)
                return await self._answer(request, request.method, rest, query, parsed(raw))
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

    async def _answer(
        self, request: web.BaseRequest, method: str, steps: list[str], query: dict[str, str], given: dict[str, Any]
    ) -> web.StreamResponse:
        check(query.get("fields"), shape_of(steps))
        return _told(await self._resource(request, method, steps, query, given), query.get("fields"))

    async def _part(
        self, request: web.BaseRequest, method: str, steps: list[str], query: dict[str, str], given: dict[str, Any]
    ) -> web.StreamResponse:
        """Of a batch."""
        try:
            return await self._answer(request, method, steps, query, given)
        except GcsError as error:
            return _error(error)

    async def _resource(
        self, request: web.BaseRequest, method: str, steps: list[str], query: dict[str, str], given: dict[str, Any]
    ) -> Outcome:
        match steps:
            case ["b"] if method == "GET":
                items = [bucket.resource for bucket in self._store.buckets.values()]
                return {"kind": "storage#buckets", "items": items}
            case ["b"]:
                return self._store.create_bucket(given).resource
            case ["b", name]:
                return self._bucket(method, unquote(name), given)
            case ["b", name, "iam", *_]:
                return {"kind": "storage#policy", "bindings": [], "etag": "CAE=", "version": 1}
            case ["b", name, "storageLayout"]:
                return self._store.bucket(unquote(name)).layout
            case ["b", name, "managedFolders"] if method == "GET" and self._store.bucket(unquote(name)):
                return {"kind": "storage#managedFolders"}  # it has none
            case ["b", name, "o"]:
                await self.instruments.enter("gcs.class_a", f"list {unquote(name)}")
                return listing.render(self._store.bucket(unquote(name)), query)
            case ["b", bucket, "o", *name, "compose"] if method == "POST":
                await self.instruments.enter("gcs.class_a", "compose")
                return self._compose(unquote(bucket), _name(name), query, given).resource
            case ["b", bucket, "o", name, "rewriteTo" | "copyTo" as verb, "b", to_bucket, "o", to_name]:
                await self.instruments.enter("gcs.class_a", "rewrite")
                source = self._store.get(unquote(bucket), _name([name]), query.get("sourceGeneration"))
                size = source.resource["size"]
                if self._takes_longer(source, unquote(to_bucket), query, given):
                    wait = {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": _HALFWAY}
                    return {**wait, "objectSize": size, "totalBytesRewritten": str(int(size) // 2)}
                copied = self._rewrite(source, unquote(to_bucket), _name([to_name]), query, given).resource
                done = {"kind": "storage#rewriteResponse", "done": True, "resource": copied}
                whole_answer = {**done, "objectSize": size, "totalBytesRewritten": size}
                return whole_answer if verb == "rewriteTo" else copied
            case ["b", bucket, "o", name, "moveTo", "o", to_name] if method == "POST":
                await self.instruments.enter("gcs.class_a", "move")
                return self._move(unquote(bucket), _name([name]), _name([to_name]), query).resource
            case ["b", bucket, "o", *name]:
                return await self._object(request, method, unquote(bucket), _name(name), query, given)
        raise GcsError(404, "Not Found", "notFound")

    def _bucket(self, method: str, name: str, given: dict[str, Any]) -> Outcome:
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
        return bucket.resource

    async def _object(
        self,
        request: web.BaseRequest,
        method: str,
        bucket: str,
        name: bytes,
        query: dict[str, str],
        given: dict[str, Any],
    ) -> Outcome:
        if method == "GET":
            return await self._read(request, bucket, name, query)
        await self.instruments.enter("gcs.delete" if method == "DELETE" else "gcs.class_a", name.decode())
        stored = self._store.get(bucket, name, query.get("generation"))
        check_preconditions(stored, query)
        if method == "DELETE":
            del self._store.bucket(bucket).objects[name]
            return web.Response(status=204)
        return _patch(stored, given, merge=method == "PATCH")

    async def _read(self, request: web.BaseRequest, bucket: str, name: bytes, query: dict[str, str]) -> Outcome:
        fault = await self.instruments.enter("gcs.class_b", name.decode(errors="replace"))
        stored = self._store.get(bucket, name, query.get("generation"))
        check_preconditions(stored, query, reading=True)
        if query.get("alt") != "media":
            return stored.resource
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
        """A rewrite into another class copies bytes and may need more calls. A token that nobody was given counts as
        one that has run out, after a week.

        https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
        """
        if query.get("rewriteToken", _HALFWAY) != _HALFWAY:
            raise GcsError(410, "The rewrite token has expired.", "gone")
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


def _told(outcome: Outcome, fields: str | None = None) -> web.StreamResponse:
    return outcome if isinstance(outcome, web.StreamResponse) else _json(outcome, fields)


def _json(value: Any, fields: str | None = None, status: int = 200) -> web.Response:
    body = json.dumps(partial(value, fields)).encode()
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json; charset=UTF-8"})


def _error(error: GcsError) -> web.Response:
    if error.status == 304:
        return web.Response(status=304)
    detail = {"message": str(error), "domain": "global", "reason": error.reason}
    return _json({"error": {"code": error.status, "message": str(error), "errors": [detail]}}, status=error.status)
