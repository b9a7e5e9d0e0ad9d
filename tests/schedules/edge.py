"""A CloudFront distribution before the bucket: it may serve what is old, fails by itself, and keeps errors.

Errors 404, 405, 414 and 500 to 504 are kept for ten seconds even where nothing else is cached, for every range of an
object alike: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
"""

import random
from collections.abc import Callable

from tests.schedules.faults import Weather
from tests.schedules.network import Reply, Request
from tests.schedules.s3 import S3

ERROR_SECONDS = 10.0
_KEPT = frozenset({404, 405, 414, 500, 501, 502, 503, 504})


class Edge:
    """honest: whether If-Match reaches what it serves from its cache. A distribution that ignores it answers 200 with
    what it has, and only the answer's ETag tells.
    """

    def __init__(self, s3: S3, weather: Weather, draw: random.Random, now: Callable[[], float]) -> None:
        self._s3, self._weather, self._draw, self._now = s3, weather, draw, now
        self._errors: dict[bytes, tuple[float, Reply]] = {}
        self._honest = draw.random() < 0.4
        self._stale_share = draw.choice((0.2, 0.7))
        self._error_share = draw.choice((0.05, 0.3))

    def handle(self, request: Request) -> Reply:
        reply = self._reply(request)
        reply.headers |= {"Via": "1.1 edge.cloudfront.net (CloudFront)", "X-Amz-Cf-Id": "x"}
        return reply

    def _reply(self, request: Request) -> Reply:
        until, kept = self._errors.get(request.path, (0.0, None))
        if kept is not None and self._now() < until:
            return Reply(kept.status, {"X-Cache": "Error from cloudfront"}, kept.body)
        faulty = self._now() < self._weather.ends
        if faulty and self._weather.swarm.edge_errors and self._draw.random() < self._error_share:
            return self._keep(
                request, Reply(self._draw.choice((404, 405, 500, 502, 503, 504)), {}, b"<html>edge</html>")
            )
        if faulty and self._weather.swarm.stale and self._draw.random() < self._stale_share:
            reply = self._stale(request)
            if reply is not None:
                return reply
        reply = self._s3.handle(request)
        return self._keep(request, reply) if reply.status in _KEPT else reply

    def _stale(self, request: Request) -> Reply | None:
        """What the key held some time ago."""
        key = request.path.partition(b"/")[2]
        old = [version for version in self._s3.history.get(key, [])[:-1] if version is not None]
        if not old:
            return None
        asked = request.headers.get("if-match")
        if not self._honest and asked is not None:
            request.headers["if-match"] = old[-1].etag
        reply = self._s3.object(request, key, old[-1])
        if asked is not None:
            request.headers["if-match"] = asked
        return reply

    def _keep(self, request: Request, reply: Reply) -> Reply:
        self._errors[request.path] = self._now() + ERROR_SECONDS, reply
        return reply
