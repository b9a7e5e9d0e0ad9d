"""Lister: pages through the source, publishes what is new or changed. Pushed by the `list` topic."""

import functions_framework
from cloudevents.http import CloudEvent

from shared.core.messages import ListMessage
from shared.handling import Handler
from shared.wiring import Parts

handle = Handler("list", ListMessage, Parts.lister)


@functions_framework.cloud_event
def lister(event: CloudEvent) -> None:
    """Returning acknowledges the message, raising has it delivered again."""
    handle(event.data)
