"""Objects of every kind, by every way, one at a time and as many as may be: none of them waits for another for ever.

The production client and its pools, in virtual time: who waits for ever stops the world, and is told with where it
stands. Here nothing fails; `make schedules` has the faults.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from shared.domain.checksums import VerifiedBy
from shared.domain.counts import Outcome
from shared.pricing.egress import Threshold
from shared.settings import Route
from tests.schedules.calm import CalmWorld, scaled
from tests.schedules.network import Reply
from tests.schedules.scale import CHUNK, LARGE, PART

OF_EACH, MOST = 8, 140
"""Objects of a kind; and of the kind that asks S3 for something while it is read so many that a message of 100 keys has
no others, and they hold all connections where 64 copies are in flight.
"""

SOON_SECONDS = 300.0
"""By then all have ended, one after the other too. A copy that waits for ever is stopped with its invocation, later."""

KINDS: dict[str, tuple[dict[str, Any], Outcome, str]] = {
    "empty": ({}, Outcome.COPIED, VerifiedBy.MD5),
    "seven": ({"body": b"7 bytes"}, Outcome.COPIED, VerifiedBy.MD5),
    "seven in parts": ({"body": b"7 bytes", "parts": (5, 2)}, Outcome.COPIED, VerifiedBy.MULTIPART_ETAG),
    "uneven": (
        {"body": b"twenty-seven bytes in parts", "parts": (10, 9, 8)},
        Outcome.COPIED,
        VerifiedBy.MULTIPART_ETAG,
    ),
    "kms": ({"body": b"kms", "hidden": True}, Outcome.COPIED, VerifiedBy.CRC32C),
    "kms with a sum": (
        {"body": b"kms", "hidden": True, "checksum": "crc64nvme"},
        Outcome.COPIED,
        VerifiedBy.S3_CRC,
    ),
    "composite": (
        {"body": b"kms in parts", "hidden": True, "parts": (9, 3), "checksum": "sha256", "composite": True},
        Outcome.COPIED,
        VerifiedBy.S3_COMPOSITE,
    ),
    "in chunks": ({"body": bytes(3 * CHUNK + 1)}, Outcome.COPIED, VerifiedBy.MD5),
    "large": ({"body": bytes(2 * PART + 300)}, Outcome.COPIED, VerifiedBy.CRC32C),
    "large in parts": (
        {"body": bytes(LARGE + 400), "parts": (400, 500, LARGE - 500)},
        Outcome.COPIED,
        VerifiedBy.MULTIPART_ETAG,
    ),
    "archived": ({"body": b"cold", "archived": True}, Outcome.ARCHIVED, ""),
    "missing": ({"body": b"listed and gone"}, Outcome.FAILED, ""),
}
"""By name: what is special, how it ends, and by what it is proven."""


class EveryKind(CalmWorld):
    """What is missing is deleted as soon as it has been listed."""

    def fill(self) -> None:
        super().fill()
        listing = self.s3._list

        def listed(query: dict[str, str]) -> Reply:
            reply = listing(query)
            for key in self.s3.living():
                if key.startswith(b"missing/"):
                    self.delete(key)
            return reply

        self.s3._list = listed  # type: ignore[method-assign]


def objects() -> Iterator[dict[str, Any]]:
    for kind, (special, _, _) in KINDS.items():
        for number in range(MOST if kind == "seven in parts" else OF_EACH):
            yield {"key": f"{kind}/{number}".encode(), "body": b"", **special}


@pytest.mark.parametrize("route", Route)
@pytest.mark.parametrize("in_flight", [1, 64])
def test_every_kind_of_object_ends_by_every_way(route: Route, in_flight: int) -> None:
    with scaled(), mock.patch("shared.bootstrap.connecting.cheapest", return_value=Threshold(10)):
        world = EveryKind(objects(), route=route, objects_in_flight=in_flight, keys_per_message=100)
        world.see_through(lambda: asyncio.sleep(SOON_SECONDS))
    assert world.laws.violations == []
    assert world.rests, "copies wait for one another"
    ends = defaultdict(set)
    for entry in world.entries():
        ends[entry.key.decode().partition("/")[0]].add((entry.outcome, entry.proof, entry.route))
    assert ends.keys() == KINDS.keys()
    for kind, (special, outcome, proof) in KINDS.items():
        way = route
        if route is Route.CHEAPEST:
            way = Route.CLOUDFRONT if len(special.get("body", b"")) >= 10 else Route.DIRECT
        assert ends[kind] == {(outcome, proof, way if outcome is Outcome.COPIED else "")}, kind
