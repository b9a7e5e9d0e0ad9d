"""The errors that CloudFront keeps, whatever its cache policy says: CachingDisabled is for objects.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

ALWAYS_CACHED = frozenset({404, 405, 414, 500, 501, 502, 503, 504})
"""400, 403, 412 and 415 would be kept if they came with Cache-Control, and S3's come without; 416 never is."""

ERROR_SECONDS = 10.0
"""The error caching minimum TTL where a distribution sets none:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
"""


@dataclass(frozen=True, slots=True)
class KeptError:
    """An answer of the origin's, and since when the edge has it (seconds of `now`)."""

    status: int
    headers: dict[str, str]
    body: bytes
    since: float


class ErrorCache:
    """By path alone: a query, a range or a signature makes no other object.

    seconds: how long an error is kept; 0 for a distribution whose error_caching_min_ttl is 0.
    """

    def __init__(self, seconds: float = ERROR_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._kept: dict[str, KeptError] = {}

    def get(self, path: str) -> KeptError | None:
        found = self._kept.get(path)
        if found is not None and self._now() - found.since >= self._seconds:
            del self._kept[path]
            return None
        return found

    def age(self, kept: KeptError) -> int:
        """Whole seconds."""
        return int(self._now() - kept.since)

    def takes(self, method: str, status: int) -> bool:
        """Whether an answer to such a request is kept."""
        return self._seconds > 0 and method in ("GET", "HEAD") and status in ALWAYS_CACHED

    def keep(self, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
        self._kept[path] = KeptError(status, headers, body, self._now())
