"""google.pubsub.v1.Publisher and Subscriber over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import grpc
from google.protobuf.empty_pb2 import Empty

from local.emulators.instruments import Refusal
from local.emulators.pubsub import protos
from local.emulators.pubsub.broker import Broker, PubSubError

_PULL_SECONDS = 20.0
_STREAM_BATCH = 500


class Publisher:
    """The methods are named as the service names them."""

    requests: ClassVar[dict[str, Any]] = {
        "CreateTopic": protos.Topic,
        "GetTopic": protos.bare("GetTopicRequest"),
        "ListTopics": protos.bare("ListTopicsRequest"),
        "ListTopicSubscriptions": protos.bare("ListTopicSubscriptionsRequest"),
        "DeleteTopic": protos.bare("DeleteTopicRequest"),
        "Publish": protos.PublishRequest,
    }

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def CreateTopic(self, request: Any) -> Any:
        return self._broker.create_topic(request)

    async def GetTopic(self, request: Any) -> Any:
        return self._broker.topic(request.topic)

    async def ListTopics(self, request: Any) -> Any:
        names = sorted(name for name in self._broker.topics if name.startswith(request.project + "/"))
        return protos.ListTopicsResponse(topics=[self._broker.topics[name] for name in names])

    async def ListTopicSubscriptions(self, request: Any) -> Any:
        self._broker.topic(request.topic)
        names = [item.config.name for item in self._broker.subscriptions_of(request.topic)]
        return protos.ListTopicSubscriptionsResponse(subscriptions=sorted(names))

    async def DeleteTopic(self, request: Any) -> Any:
        self._broker.delete_topic(request.topic)
        return Empty()

    async def Publish(self, request: Any) -> Any:
        ids = await self._broker.publish(request.topic, request.messages)
        return protos.PublishResponse(message_ids=ids)


class Subscriber:
    """The methods are named as the service names them."""

    requests: ClassVar[dict[str, Any]] = {
        "CreateSubscription": protos.Subscription,
        "GetSubscription": protos.bare("GetSubscriptionRequest"),
        "UpdateSubscription": protos.bare("UpdateSubscriptionRequest"),
        "ListSubscriptions": protos.bare("ListSubscriptionsRequest"),
        "DeleteSubscription": protos.bare("DeleteSubscriptionRequest"),
        "ModifyPushConfig": protos.bare("ModifyPushConfigRequest"),
        "ModifyAckDeadline": protos.bare("ModifyAckDeadlineRequest"),
        "Acknowledge": protos.bare("AcknowledgeRequest"),
        "Pull": protos.bare("PullRequest"),
    }

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def CreateSubscription(self, request: Any) -> Any:
        return self._broker.create_subscription(request)

    async def GetSubscription(self, request: Any) -> Any:
        return self._broker.subscription(request.subscription).config

    async def UpdateSubscription(self, request: Any) -> Any:
        config = self._broker.subscription(request.subscription.name).config
        for path in request.update_mask.paths:
            name = path.split(".")[0]
            config.ClearField(name)
            if config.DESCRIPTOR.fields_by_name[name].message_type is None:
                setattr(config, name, getattr(request.subscription, name))
            elif request.subscription.HasField(name):
                getattr(config, name).CopyFrom(getattr(request.subscription, name))
        self._broker.push_if_asked(config.name)
        return config

    async def ListSubscriptions(self, request: Any) -> Any:
        names = sorted(name for name in self._broker.subscriptions if name.startswith(request.project + "/"))
        configs = [self._broker.subscriptions[name].config for name in names]
        return protos.ListSubscriptionsResponse(subscriptions=configs)

    async def DeleteSubscription(self, request: Any) -> Any:
        self._broker.delete_subscription(request.subscription)
        return Empty()

    async def ModifyPushConfig(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        subscription.config.push_config.CopyFrom(request.push_config)
        self._broker.push_if_asked(request.subscription)
        return Empty()

    async def ModifyAckDeadline(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        for ack_id in request.ack_ids:
            subscription.extend(ack_id, request.ack_deadline_seconds)
        return Empty()

    async def Acknowledge(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        for ack_id in request.ack_ids:
            subscription.ack(ack_id)
        return Empty()

    async def Pull(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        if not request.return_immediately:
            await subscription.wait(_PULL_SECONDS)
        return protos.PullResponse(received_messages=subscription.take(request.max_messages))

    async def streaming_pull(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Messages one way, acknowledgements the other, until the client hangs up."""
        first = await anext(requests)
        subscription = self._broker.subscription(first.subscription)
        lease = float(first.stream_ack_deadline_seconds or 0) or None
        most = first.max_outstanding_messages or 1_000_000
        outstanding: set[str] = set()

        def answer(request: Any) -> None:
            for ack_id in request.ack_ids:
                subscription.ack(ack_id)
            pairs = zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=False)
            for ack_id, seconds in pairs:
                subscription.extend(ack_id, seconds)

        async def listen() -> None:
            async for request in requests:
                answer(request)

        answer(first)
        listening = asyncio.create_task(listen())
        try:
            while not listening.done() and not subscription.closed:
                outstanding = {ack_id for ack_id in outstanding if subscription.is_leased(ack_id)}
                if len(outstanding) >= most:
                    await asyncio.sleep(0.005)
                    continue
                await subscription.wait(1)
                received = subscription.take(min(most - len(outstanding), _STREAM_BATCH), lease)
                if received:
                    outstanding.update(item.ack_id for item in received)
                    yield protos.StreamingPullResponse(received_messages=received)
        finally:
            listening.cancel()


def handlers(broker: Broker) -> list[grpc.GenericRpcHandler]:
    """The two services, ready for a gRPC server."""
    publisher, subscriber = Publisher(broker), Subscriber(broker)

    async def streaming_pull(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        try:
            async for response in subscriber.streaming_pull(requests):
                yield response
        except PubSubError as error:
            await context.abort(error.status, str(error))

    streaming = grpc.stream_stream_rpc_method_handler(
        streaming_pull, protos.bare("StreamingPullRequest").FromString, _serialize
    )
    return [
        grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", _unary(publisher)),
        grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Subscriber", {**_unary(subscriber), "StreamingPull": streaming}
        ),
    ]


def _unary(service: Publisher | Subscriber) -> dict[str, Any]:
    def guarded(method: Callable[[Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            try:
                return await method(request)
            except PubSubError as error:
                await context.abort(error.status, str(error))
            except Refusal as refusal:
                await context.abort(grpc.StatusCode.UNAVAILABLE, refusal.code)

        return call

    return {
        name: grpc.unary_unary_rpc_method_handler(guarded(getattr(service, name)), request.FromString, _serialize)
        for name, request in service.requests.items()
    }


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())
