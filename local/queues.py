"""SQS and EventBridge of the stack: moto's server, `python -m local.queues --port 9000`.

It answers what moto answers. Two things are done otherwise, since moto did them anew for each message or request and
was busy with nothing else at 145 events a second: to learn how long a queue keeps its messages, it counted for each
message that it hands out all those that the queue has, twelve times; to learn which services it has, it listed its own
folder. `GET /_local/bill` says how many requests there were, by service and action.
"""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto import backends
from moto.core.utils import unix_time
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sqs.models import Message, SQSBackend
from werkzeug.serving import run_simple

from local.children import interruptible
from local.emulators.loopback import HOST


class Counted:
    """A WSGI application and how often each of its actions was asked for."""

    def __init__(self, served: Callable[..., Iterable[bytes]]) -> None:
        self._served = served
        self._requests: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/_local/bill":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._requests).encode()]
        self._requests[environ.get("HTTP_X_AMZ_TARGET", "")] += 1
        return self._served(environ, start_response)


def is_kept(backend: SQSBackend, queue_name: str, message: Message) -> bool:
    """Whether a message is not too old for its queue, as `SQSBackend.is_message_valid_based_on_retention_period`."""
    kept_seconds: int = backend.get_queue(queue_name).message_retention_period  # type: ignore[attr-defined]
    return kept_seconds + (message.sent_timestamp or 0) / 1000 > unix_time()


def lighten() -> None:
    """Have moto, in this process, not ask itself the same again and again."""
    SQSBackend.is_message_valid_based_on_retention_period = is_kept  # type: ignore[method-assign, assignment]
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.queues", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    lighten()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    served = Counted(DomainDispatcherApplication(create_backend_app))
    try:
        run_simple(HOST, port, served, threaded=True, request_handler=MotoRequestHandler)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    interruptible()
    main()
