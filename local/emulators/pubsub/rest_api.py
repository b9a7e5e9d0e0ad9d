"""The REST calls that gcloud makes: creating, listing, publishing, pulling; and Monitoring's of how much waits.

https://cloud.google.com/pubsub/docs/reference/rest
"""

import json
import re
from typing import Any

import grpc
from aiohttp import web
from google.protobuf import json_format

from local.emulators.instruments import Refusal
from local.emulators.pubsub import protos
from local.emulators.pubsub.broker import Broker, PubSubError
from local.emulators.pubsub.grpc_api import Publisher, Subscriber
from local.emulators.pubsub.monitoring import time_series

_TIME_SERIES = re.compile("/v3/projects/([^/]+)/timeSeries")
"""Cloud Monitoring's, on the same port."""

_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}


class RestApi:
    """Translates /v1/… into the gRPC services' methods, whose messages have the same JSON form."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._publisher = Publisher(broker)
        self._subscriber = Subscriber(broker)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/_local/backlog":
            return web.json_response(self._broker.backlog())
        if request.path.startswith("/_local/"):
            return await self._broker.instruments.control(request)
        monitored = _TIME_SERIES.fullmatch(request.path)
        try:
            if request.method == "GET" and monitored is not None:
                return web.json_response(time_series(self._broker, monitored[1], request.query))
            raw = await request.read()
            answer = await self._route(request.method, request.path, json.loads(raw) if raw else {})
            return web.json_response(json_format.MessageToDict(answer))
        except PubSubError as error:
            return _error(_STATUS.get(error.status, 500), error.status.name, str(error))
        except Refusal as refusal:
            return _error(refusal.status, "UNAVAILABLE", refusal.code)
        except (json_format.ParseError, ValueError) as error:
            return _error(400, "INVALID_ARGUMENT", str(error))

    async def _route(self, method: str, path: str, body: dict[str, Any]) -> Any:
        resource, _, verb = path.removeprefix("/v1/").partition(":")
        publisher, subscriber = self._publisher, self._subscriber
        match method, resource.split("/"), verb:
            case "GET", ["projects", project, "topics"], "":
                return await publisher.ListTopics(_request(publisher, "ListTopics", {"project": f"projects/{project}"}))
            case "GET", ["projects", _, "topics", _], "":
                return await publisher.GetTopic(_request(publisher, "GetTopic", {"topic": resource}))
            case "GET", ["projects", project, "topics", topic, "subscriptions"], "":
                name = f"projects/{project}/topics/{topic}"
                asked = _request(publisher, "ListTopicSubscriptions", {"topic": name})
                return await publisher.ListTopicSubscriptions(asked)
            case "PUT", ["projects", _, "topics", _], "":
                return await publisher.CreateTopic(json_format.ParseDict({**body, "name": resource}, protos.Topic()))
            case "DELETE", ["projects", _, "topics", _], "":
                return await publisher.DeleteTopic(_request(publisher, "DeleteTopic", {"topic": resource}))
            case "POST", ["projects", _, "topics", _], "publish":
                return await publisher.Publish(_request(publisher, "Publish", {**body, "topic": resource}))
            case "GET", ["projects", project, "subscriptions"], "":
                asked = _request(subscriber, "ListSubscriptions", {"project": f"projects/{project}"})
                return await subscriber.ListSubscriptions(asked)
            case "GET", ["projects", _, "subscriptions", _], "":
                asked = _request(subscriber, "GetSubscription", {"subscription": resource})
                return await subscriber.GetSubscription(asked)
            case "PUT", ["projects", _, "subscriptions", _], "":
                config = json_format.ParseDict({**body, "name": resource}, protos.Subscription())
                return await subscriber.CreateSubscription(config)
            case "DELETE", ["projects", _, "subscriptions", _], "":
                asked = _request(subscriber, "DeleteSubscription", {"subscription": resource})
                return await subscriber.DeleteSubscription(asked)
            case "POST", ["projects", _, "subscriptions", _], "pull" | "acknowledge" | "modifyAckDeadline":
                name = verb[0].upper() + verb[1:]
                asked = _request(subscriber, name, {**body, "subscription": resource})
                return await getattr(subscriber, name)(asked)
        raise PubSubError(grpc.StatusCode.NOT_FOUND, f"the local Pub/Sub does not serve {method} {path}")


def _request(service: Publisher | Subscriber, method: str, fields: dict[str, Any]) -> Any:
    return json_format.ParseDict(fields, service.requests[method]())


def _error(status: int, name: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message, "status": name}}, status=status)
