"""How a queue is asked, so that a request brings many messages: each is paid for alike, be it answered with one or ten.

A long poll is answered as soon as there is one message. What comes right after a batch has to wait for the next one
anyway: so after a batch the queue is left alone for `REST_SECONDS`, and then read by one long poll, and by more side by
side for as long as they bring much. Once one brings little the queue is left alone until the batch is made. A queue
that still brings much then, or events that are old, is read without a rest.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""

from dataclasses import dataclass

from shared.ports.event_queue import MOST_MESSAGES

WINDOW_SECONDS = 0.7
"""Between two batches: at 200 events a second each has 140 keys, and costs two writes of Firestore's."""

REST_SECONDS = 0.45
"""What is left of a window is enough to read its events: 140 of them in five rounds of one to four polls, each of a
twentieth of a second."""

POLLS = 4
"""Side by side at the most: ten messages each in a tenth of a second are 400 a second."""

BEHIND_SECONDS = 2.0
"""An event that is older was not read soon enough: SQS may give few at a time where there are more. A window, and the
second that EventBridge's whole ones are too much, are less."""

_MUCH = MOST_MESSAGES // 2
"""That a poll brings."""


@dataclass(slots=True)
class Pace:
    """polls: how many are to be under way, unless the queue is left alone."""

    polls: int = 1
    _sent_at: float = float("-inf")
    _much: bool = True
    _drained: bool = False

    def brought(self, messages: int, oldest_seconds: float, now: float) -> None:
        """A poll has come back with so many. oldest_seconds: how old the oldest of their events is."""
        behind = oldest_seconds > BEHIND_SECONDS
        self._much = behind or messages >= _MUCH
        self._drained = not self._much and now >= self._sent_at + REST_SECONDS
        self.polls = POLLS if behind else min(self.polls + 1, POLLS) if self._much else 1

    def sent(self, now: float) -> None:
        """A batch is made of what was brought."""
        self._sent_at, self._drained = now, False

    def rest(self, now: float) -> float:
        """For how many seconds the queue is to be left alone."""
        if self._much:
            return 0.0
        return self.due_in(now) if self._drained else max(0.0, self._sent_at + REST_SECONDS - now)

    def due_in(self, now: float) -> float:
        """Seconds until the next batch."""
        return max(0.0, self._sent_at + WINDOW_SECONDS - now)
