"""What S3 tells of its changes, and what becomes of it on its way to the queue: dropped, twice, late, in another order.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from tests.schedules.s3 import BUCKET, Version
from tests.schedules.sqs import Change

if TYPE_CHECKING:
    from tests.schedules.following import EventsWorld

_OTHERS = (
    {"eventVersion": "2.3", "eventName": "ObjectTagging:Put"},
    {"eventVersion": "2.3", "eventName": "ObjectRestore:Completed"},
    {"eventVersion": "2.1", "eventName": "ObjectAcl:Put"},
)

_NO_EVENTS = (
    "no event",
    '{"Records": [{"eventVersion": "3.0"}]}',
    '{"Records": [{"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "another"}}}]}',
)


@dataclass(slots=True)
class Emitter:
    """share: of the events to which each thing that is on in the swarm happens. pending: events on their way. dropped:
    changes whose events came to nothing.
    """

    world: "EventsWorld"
    share: float
    bridged: bool
    pending: int = 0
    dropped: set[Change] = field(default_factory=set)
    _sequence: int = 0

    def tell(self, key: bytes, version: Version | None, uncovered: bool = False) -> None:
        """A key was changed. uncovered: its newest version was removed, and the one before is there again."""
        world, draw = self.world, self.world.chance.of("events")
        change = Change(key, len(world.s3.history[key]), removed=version is None or uncovered)
        self._sequence += draw.choice((1, 1, 15, 256))
        sequencer = f"{self._sequence:014X}"
        if draw.random() < 0.2:
            sequencer = sequencer.rstrip("0")  # a number of another length is as good: zeros are added on the right
        body = json.dumps(self._said(change, None if change.removed else version, sequencer))
        swarm = world.events_swarm
        if swarm.dropped and draw.random() < self.share:
            self.dropped.add(change)
            world.trace(f"events: {change} is dropped")
            return
        delay = 10 ** draw.uniform(-2, 0)
        if swarm.delayed and draw.random() < self.share:
            delay = draw.choice((5.0, 60.0, 900.0, 9000.0))
        elif swarm.swapped and draw.random() < self.share:
            delay += draw.uniform(0, 5)
        self._later(delay, body, change)
        if swarm.repeated and draw.random() < self.share:
            self._later(delay + draw.choice((0.0, 1.0, 90.0, 4000.0)), body, change)

    def nonsense(self) -> None:
        """What is no event of an object: of tags, a test, of nothing that anybody could read."""
        draw = self.world.chance.of("nonsense")
        record: dict[str, Any] = dict(draw.choice(_OTHERS))
        bodies = (
            json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}),
            json.dumps({"Records": [record]}),
            json.dumps({"source": "aws.s3", "detail-type": "Object Tags Added", "detail": {}}),
            draw.choice(_NO_EVENTS),
        )
        self._later(0.1, draw.choice(bodies), None)

    def _later(self, delay: float, body: str, change: Change | None) -> None:
        self.pending += 1
        self.world.loop.later(delay, self._arrive, body, change)

    def _arrive(self, body: str, change: Change | None) -> None:
        self.pending -= 1
        self.world.trace(f"events: {change or body[:60]} comes to the queue")
        self.world.sqs.send(body, change)

    def _said(self, change: Change, version: Version | None, sequencer: str) -> dict[str, Any]:
        moment = datetime.fromtimestamp(self.world.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        item: dict[str, Any] = {"sequencer": sequencer}
        if version is not None:
            item["size"] = len(version.body)
        if self.bridged:
            if version is not None:
                item["etag"] = version.etag
            return {
                "version": "0",
                "detail-type": "Object Created" if version is not None else "Object Deleted",
                "source": "aws.s3",
                "time": moment[:-5] + "Z",
                "region": "us-east-1",
                "detail": {"bucket": {"name": BUCKET}, "object": {"key": change.key.decode(), **item}},
            }
        if version is not None:
            item["eTag"] = version.etag
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": moment,
            "eventName": "ObjectCreated:Put" if version is not None else "ObjectRemoved:Delete",
            "s3": {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(change.key, safe="/"), **item}},
        }
        return {"Records": [record]}
