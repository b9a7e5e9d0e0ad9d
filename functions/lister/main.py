"""Lister: pages through the source, publishes what is new or changed. Pushed by the `list` topic."""

import functions_framework
from cloudevents.http import CloudEvent

from shared.domain.messages import ListMessage
from shared.entrypoints.push import Handler

handle = Handler("list", ListMessage, lambda app: app.lister)


@functions_framework.cloud_event
def lister(event: CloudEvent) -> None:
    """Returning acknowledges the message, raising has it delivered again."""
    handle(event.data)
