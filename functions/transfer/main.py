"""Transfer: streams objects through CloudFront into GCS. Pushed by the `transfer` topic; asked at /v1/replicate."""

import flask
import functions_framework

from shared.domain.messages import TransferMessage
from shared.entrypoints.instance import Instance
from shared.entrypoints.push import Handler
from shared.entrypoints.pusher import pushes
from shared.entrypoints.replicate import PATH, Answer, OnDemand, error

instance = Instance("transfer")
handle = Handler("transfer", TransferMessage, lambda app: app.copier, instance)
replicate = OnDemand(instance)


@functions_framework.http
def transfer(request: flask.Request) -> Answer | tuple[str, int]:
    """A message is acknowledged by returning, and delivered again after an exception."""
    if request.path == PATH:
        return replicate(request.method, request.get_data())
    if request.path != "/":
        return error(404, "path", f"nothing is here: pushes go to /, requests for an object to {PATH}")
    if request.method != "POST":
        return error(405, "method", f"pushes come by POST, not {request.method}", {"Allow": "POST"})
    if not pushes(dict(request.headers), instance.settings.push_service_account):
        return error(403, "identity", "only Pub/Sub's own service account pushes")
    handle(request.get_json(force=True, silent=True))
    return "", 204
