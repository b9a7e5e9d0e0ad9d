"""Which errors a CloudFront-like edge keeps, and for how long."""

import pytest

from local.emulators.edge.errors import ErrorCache


class Hands:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_an_error_is_kept_for_ten_seconds() -> None:
    hands = Hands()
    cache = ErrorCache(now=hands)
    cache.keep("/a", 404, {"x": "y"}, b"body")
    hands.time = 9.9
    kept = cache.get("/a")
    assert kept is not None
    assert (kept.status, kept.body, cache.age(kept)) == (404, b"body", 9)
    assert cache.get("/b") is None
    hands.time = 10.0
    assert cache.get("/a") is None


@pytest.mark.parametrize("status", [404, 405, 414, 500, 501, 502, 503, 504])
def test_these_are_always_kept(status: int) -> None:
    assert ErrorCache().takes("GET", status)
    assert ErrorCache().takes("HEAD", status)
    assert not ErrorCache().takes("PUT", status)
    assert not ErrorCache(seconds=0).takes("GET", status)


@pytest.mark.parametrize("status", [200, 206, 304, 400, 403, 412, 415, 416])
def test_these_are_not(status: int) -> None:
    assert not ErrorCache().takes("GET", status)
