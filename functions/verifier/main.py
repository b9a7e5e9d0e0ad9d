"""Verifier: compares both buckets, publishes what differs for another copy. Pushed by the `verify` topic."""

import functions_framework
from cloudevents.http import CloudEvent

from shared.domain.messages import VerifyMessage
from shared.entrypoints.push import Handler

handle = Handler("verify", VerifyMessage, lambda app: app.verifier)


@functions_framework.cloud_event
def verifier(event: CloudEvent) -> None:
    """Returning acknowledges the message, raising has it delivered again."""
    handle(event.data)
