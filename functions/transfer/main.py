"""Transfer: streams the objects of a batch through CloudFront into GCS. Pushed by the `transfer` topic."""

import functions_framework
from cloudevents.http import CloudEvent

from shared.core.messages import TransferMessage
from shared.handling import Handler
from shared.wiring import Parts

handle = Handler("transfer", TransferMessage, Parts.transfer)


@functions_framework.cloud_event
def transfer(event: CloudEvent) -> None:
    """Returning acknowledges the message, raising has it delivered again."""
    handle(event.data)
