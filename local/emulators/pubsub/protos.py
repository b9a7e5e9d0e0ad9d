"""The protocol buffers under google-cloud-pubsub's wrappers; a server wants the bare ones, which are fast."""

from typing import Any

from google.pubsub_v1 import types


def bare(name: str) -> Any:
    """The protobuf class behind a proto-plus type."""
    wrapper = getattr(types, name)
    return type(wrapper.pb(wrapper()))


DetachSubscriptionResponse = bare("DetachSubscriptionResponse")
ListSubscriptionsResponse = bare("ListSubscriptionsResponse")
ListTopicSubscriptionsResponse = bare("ListTopicSubscriptionsResponse")
ListTopicsResponse = bare("ListTopicsResponse")
PublishRequest = bare("PublishRequest")
PublishResponse = bare("PublishResponse")
PubsubMessage = bare("PubsubMessage")
PullResponse = bare("PullResponse")
ReceivedMessage = bare("ReceivedMessage")
StreamingPullResponse = bare("StreamingPullResponse")
Subscription = bare("Subscription")
Topic = bare("Topic")
