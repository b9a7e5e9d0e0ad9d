"""Requests in one, answered one by one: https://cloud.google.com/storage/docs/batch"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from local.emulators.gcs.store import GcsError
from local.emulators.gcs.uploads import whole

Answer = Callable[[web.BaseRequest, str, list[str], dict[str, str], dict[str, Any]], Awaitable[web.StreamResponse]]
"""(request that carries it, method, steps of the path, query, body)"""


async def batch(request: web.BaseRequest, answer: Answer) -> web.Response:
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
        told = await answer(request, method, steps, dict(parse_qsl(url.query)), given)
        content = told.body if isinstance(told, web.Response) and isinstance(told.body, bytes) else b""
        number = cid.group(1) if cid else "0"
        answers.append(
            f"--batch_local\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>"
            f"\r\n\r\nHTTP/1.1 {told.status} X\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n{content.decode()}\r\n"
        )
    return web.Response(
        body=("".join(answers) + "--batch_local--").encode(),
        headers={"Content-Type": "multipart/mixed; boundary=batch_local"},
    )
