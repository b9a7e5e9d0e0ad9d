"""A standard queue of SQS's, by its JSON protocol: at least once, in no order, until deleted or for the dead letters.

What is received is hidden for a while, and comes again under another handle unless it is deleted by the last one that
was given for it. After five times it is put aside. It refuses what SQS refuses.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.schedules.network import Held, Reply, Request

if TYPE_CHECKING:
    from tests.schedules.following import EventsWorld

QUEUE_URL = "http://sqs.test/123456789012/events"

HIDDEN_SECONDS, MOST_RECEIVES, KEPT_SECONDS = 60.0, 5, 14 * 86_400.0
"""As terraform/modules/job/events.tf sets the queue up."""

MOST_AT_ONCE, MOST_WAIT_SECONDS, MESSAGE_BYTES = 10, 20, 1024 * 1024

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_HANDLE = re.compile(r"h(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a key that a message tells of. place: the change's place in the key's history, from 1."""

    key: bytes
    place: int
    removed: bool


@dataclass(slots=True)
class Message:
    """change: None if it tells of none. visible_at: until when it is hidden. receives: how often it was handed out.
    stays: how many deletions that are good do not reach all its copies.
    """

    number: int
    body: str
    change: Change | None
    sent_at: float
    visible_at: float
    receives: int = 0
    stays: int = 0

    @property
    def handle(self) -> str:
        """The last one that was given for it."""
        return f"h{self.number}-{self.receives}"


class Refusal(Exception):
    """An answer that is no success. code: as SQS calls it."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(why)
        said = {"__type": f"com.amazonaws.sqs#{code}", "message": why}
        self.reply = Reply(400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(said).encode())


@dataclass(slots=True)
class Sqs:
    """messages: by number, what nobody has deleted. dead: what was put aside. given: how many were handed out."""

    world: "EventsWorld"
    messages: dict[int, Message] = field(default_factory=dict)
    dead: list[Message] = field(default_factory=list)
    given: int = 0
    _waiting: list[tuple[Held, int, str]] = field(default_factory=list)
    _numbers: int = 0

    def send(self, body: str, change: Change | None) -> None:
        """S3 or EventBridge has something to tell."""
        if len(body.encode()) > MESSAGE_BYTES:
            self.world.laws.broken("limits", f"an event of {len(body)} bytes")
        self._numbers += 1
        now = self.world.loop.time()
        draw = self.world.chance.of("sqs copies")
        stays = int(self.world.swarm.duplicates and draw.random() < 0.05)
        self.messages[self._numbers] = Message(self._numbers, body, change, now, now, stays=stays)
        self._wake()

    def handle(self, request: Request) -> Reply | Held:
        try:
            asked = _asked(request)
            match request.headers["x-amz-target"]:
                case "AmazonSQS.ReceiveMessage":
                    return self._receive(asked, request.by)
                case "AmazonSQS.DeleteMessageBatch":
                    return self._delete(asked, request.by)
                case unknown:
                    raise Refusal("InvalidAction", unknown)
        except Refusal as refused:
            return refused.reply

    def _receive(self, asked: dict[str, Any], by: str) -> Reply | Held:
        most, wait = asked.get("MaxNumberOfMessages", 1), asked.get("WaitTimeSeconds", 5)
        if type(most) is not int or not 1 <= most <= MOST_AT_ONCE:
            raise Refusal("InvalidParameterValue", f"MaxNumberOfMessages {most}")
        if type(wait) is not int or not 0 <= wait <= MOST_WAIT_SECONDS:
            raise Refusal("InvalidParameterValue", f"WaitTimeSeconds {wait}")
        found = self._visible()
        if found or not wait:
            return self._hand_out(found, most, by)
        held = Held()
        self._waiting.append((held, most, by))
        self.world.loop.later(wait, self._over, held)
        return held

    def _over(self, held: Held) -> None:
        """A long poll has waited as long as it was to."""
        still = [item for item in self._waiting if item[0] is held]
        if still:
            self._waiting.remove(still[0])
            assert held.answer is not None
            held.answer(self._hand_out([], 1, ""))

    def _wake(self) -> None:
        """Something may be visible, and somebody may wait for it. Of who is gone SQS learns now and then."""
        draw = self.world.chance.of("sqs polls")
        while self._waiting and (found := self._visible()):
            held, most, by = self._waiting.pop(draw.randrange(len(self._waiting)))
            assert held.answer is not None
            if not (held.gone() and draw.random() < 0.5):
                held.answer(self._hand_out(found, most, by))

    def _visible(self) -> list[Message]:
        """What may be handed out now. What was handed out too often is put aside, what is too old is gone."""
        now, found = self.world.loop.time(), []
        for message in list(self.messages.values()):
            if message.visible_at > now:
                continue
            if now - message.sent_at > KEPT_SECONDS:
                del self.messages[message.number]
            elif message.receives >= MOST_RECEIVES:
                del self.messages[message.number]
                self.dead.append(message)
                self.world.told.dead(message)
            else:
                found.append(message)
        return found

    def _hand_out(self, found: list[Message], most: int, by: str) -> Reply:
        """Some of them, in any order: a poll may bring fewer than there are. At least once is sometimes twice."""
        world, draw = self.world, self.world.chance.of("sqs messages")
        some = draw.sample(found, min(len(found), most, draw.choice((1, 3, MOST_AT_ONCE, MOST_AT_ONCE))))
        shown = []
        for message in some:
            message.receives += 1
            self.given += 1
            hidden = 0.05 if world.swarm.duplicates and draw.random() < 0.05 else HIDDEN_SECONDS
            message.visible_at = world.loop.time() + hidden
            world.loop.later(hidden, self._wake)
            world.told.handed_out(message, by)
            digest = hashlib.md5(message.body.encode()).hexdigest()
            shown.append(
                {
                    "MessageId": f"m{message.number}",
                    "ReceiptHandle": message.handle,
                    "MD5OfBody": digest,
                    "Body": message.body,
                }
            )
        return _reply({"Messages": shown} if shown else {})

    def _delete(self, asked: dict[str, Any], by: str) -> Reply:
        entries = asked.get("Entries")
        if not isinstance(entries, list) or not entries:
            raise Refusal("EmptyBatchRequest")
        if len(entries) > MOST_AT_ONCE:
            raise Refusal("TooManyEntriesInBatchRequest", str(len(entries)))
        ids = [entry["Id"] for entry in entries]
        if len(set(ids)) < len(ids):
            raise Refusal("BatchEntryIdsNotDistinct")
        if not all(_ID.fullmatch(name) for name in ids):
            raise Refusal("InvalidBatchEntryId")
        good, failed = [], []
        for entry in entries:
            found = _HANDLE.fullmatch(entry["ReceiptHandle"])
            if found is None or int(found[1]) > self._numbers:
                failed.append({"Id": entry["Id"], "SenderFault": True, "Code": "ReceiptHandleIsInvalid"})
                continue
            good.append({"Id": entry["Id"]})
            self._gone(int(found[1]), entry["ReceiptHandle"], by)
        return _reply({"Successful": good, "Failed": failed})

    def _gone(self, number: int, handle: str, by: str) -> None:
        """Delete a message, if it was not handed out again since. Its copy on a server that does not answer may stay."""
        message = self.messages.get(number)
        if message is None:
            return
        self.world.told.deleted(message, by)
        if handle != message.handle:
            return
        if message.stays:
            message.stays -= 1
            return
        del self.messages[number]


def _asked(request: Request) -> dict[str, Any]:
    """What a request says. Raises Refusal for one that is none of SQS's."""
    if request.method != "POST" or request.path or request.cut:
        raise Refusal("InvalidAction", request.told)
    scope = re.search(r"Credential=[^/]+/\d{8}/[a-z0-9-]+/sqs/aws4_request, ", request.headers.get("authorization", ""))
    signed = re.search(r"SignedHeaders=([^,]+),", request.headers.get("authorization", ""))
    named = {name for name in request.headers if name == "host" or name.startswith("x-amz-")}
    if scope is None or signed is None or not named <= set(signed[1].split(";")):
        raise Refusal("SignatureDoesNotMatch", str(named))
    if request.headers.get("content-type") != "application/x-amz-json-1.0":
        raise Refusal("InvalidAction", "content-type")
    asked = json.loads(request.body)
    if asked.get("QueueUrl") != QUEUE_URL:
        raise Refusal("QueueDoesNotExist", str(asked.get("QueueUrl")))
    return dict(asked)


def _reply(said: dict[str, Any]) -> Reply:
    return Reply(200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(said).encode())
