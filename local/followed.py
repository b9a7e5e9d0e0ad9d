"""An object that is written while S3's events are followed, and how long it takes to its copy."""

import asyncio
import time

from google.cloud.storage import Client

from local import runs
from local.clients import S3Client, pubsub_clients
from local.names import DESTINATION, LIST, PROJECT, SOURCE
from local.stack import Stack

KEY = "photos/just-now.jpg"
QUIET = {"EVENTS_QUIET_SECONDS": "2"}
"""So that the run ends soon after."""

_BEGIN_SECONDS = 60.0


async def written_while_followed(stack: Stack, s3: S3Client, gcs: Client) -> tuple[str, float]:
    """The message that began the run of events, which ends by itself when nothing comes any more; and the seconds from
    S3's answer to the copy. stack: with events that are silent as yet. Raises StackError if no copy comes.
    """
    stack.notify()
    publisher, _ = pubsub_clients(stack.environment)
    topic = publisher.topic_path(PROJECT, LIST)
    message = str(publisher.publish(topic, b'{"events": true, "scheduled": true}').result(timeout=30))
    await asyncio.to_thread(runs.wait_until, lambda: _has_begun(message), _BEGIN_SECONDS)
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"just now")
    written, copies = time.monotonic(), gcs.bucket(DESTINATION)
    await asyncio.to_thread(runs.wait_until, lambda: copies.get_blob(KEY) is not None, _BEGIN_SECONDS)
    return message, time.monotonic() - written


def _has_begun(message: str) -> bool:
    """Whether the lister has written down the run of a message: S3's test event begins it."""
    try:
        return bool(asyncio.run(runs.run_name(message)))
    except LookupError:
        return False
