"""What Terraform makes in the cloud: buckets, topics, push subscriptions with dead letters, the secrets."""

import json
from collections.abc import Mapping
from typing import Any

from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.secretmanager_v1.types import Replication, Secret, SecretPayload
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy

from local.clients import eventbridge_client, gcs_client, pubsub_clients, s3_client, secrets_client, sqs_client
from local.deployed import FUNCTIONS
from local.names import AWS_ACCOUNT, DEAD, DESTINATION, EVENTS, FIRST, PROJECT, REPORTS, SOURCE, STAGING
from shared.runs.expire_uploads import STAGING_RULE_DAYS

ACK_DEADLINE_SECONDS = 600
MAX_DELIVERY_ATTEMPTS = 20
RETRIES = RetryPolicy(minimum_backoff=Duration(seconds=1), maximum_backoff=Duration(seconds=10))


def provision(environment: dict[str, str], secrets: Mapping[str, str], endpoints: Mapping[str, str]) -> None:
    """Make everything that the functions expect to find.

    environment: what a client of the stack has. secrets: their values, by short name. endpoints: where each function's
    messages are pushed to, by its name.
    """
    s3_client(environment).create_bucket(Bucket=SOURCE)
    gcs = gcs_client(environment)
    for name in (DESTINATION, REPORTS):
        gcs.create_bucket(name)
    staging = gcs.bucket(STAGING)
    staging.add_lifecycle_abort_incomplete_multipart_upload_rule(age=STAGING_RULE_DAYS)
    staging.add_lifecycle_delete_rule(age=STAGING_RULE_DAYS)
    staging.create()
    _topics(environment, endpoints)
    _secrets(environment, secrets)


def event_queue(endpoint: str) -> None:
    """Make the queue of the source's events with its dead letters."""
    sqs = sqs_client(endpoint)
    dead = sqs.create_queue(QueueName=f"{EVENTS}-dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    sqs.create_queue(QueueName=EVENTS, Attributes={"VisibilityTimeout": "60", "RedrivePolicy": redrive})


def notify(environment: Mapping[str, str], endpoint: str, bridged: bool) -> None:
    """Have S3 send the source's events to their queue from now on. bridged: by way of EventBridge."""
    queue = f"arn:aws:sqs:us-east-1:{AWS_ACCOUNT}:{EVENTS}"
    told: dict[str, Any] = {
        "QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    }
    if bridged:
        bridge, told = eventbridge_client(endpoint), {"EventBridgeConfiguration": {}}
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted"],
            "detail": {"bucket": {"name": [SOURCE]}},
        }
        bridge.put_rule(Name=EVENTS, EventPattern=json.dumps(pattern))
        bridge.put_targets(Rule=EVENTS, Targets=[{"Id": "queue", "Arn": queue}])
    s3_client(environment).put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration=told)


def _topics(environment: dict[str, str], endpoints: Mapping[str, str]) -> None:
    publisher, subscriber = pubsub_clients(environment)
    dead = publisher.topic_path(PROJECT, DEAD)
    publisher.create_topic(name=dead)
    subscriber.create_subscription(name=subscriber.subscription_path(PROJECT, DEAD), topic=dead)
    for function, name in FUNCTIONS.items():
        topic = publisher.topic_path(PROJECT, name)
        publisher.create_topic(name=topic)
        push(subscriber, function, topic, endpoints[function], dead)
    first = publisher.topic_path(PROJECT, FIRST)
    publisher.create_topic(name=first)
    push(subscriber, FIRST, first, endpoints["transfer"], dead)


def push(
    subscriber: SubscriberClient, name: str, topic: str, endpoint: str, dead: str, retries: RetryPolicy = RETRIES
) -> None:
    """Have a topic's messages pushed. dead: the topic of those that failed too often."""
    subscriber.create_subscription(
        request={
            "name": subscriber.subscription_path(PROJECT, name),
            "topic": topic,
            "ack_deadline_seconds": ACK_DEADLINE_SECONDS,
            "push_config": PushConfig(push_endpoint=endpoint),
            "retry_policy": retries,
            "dead_letter_policy": DeadLetterPolicy(dead_letter_topic=dead, max_delivery_attempts=MAX_DELIVERY_ATTEMPTS),
        }
    )


def _secrets(environment: dict[str, str], secrets: Mapping[str, str]) -> None:
    client = secrets_client(environment)
    for name, value in secrets.items():
        given = Secret(replication=Replication(automatic={}))
        secret = client.create_secret(parent=f"projects/{PROJECT}", secret_id=name, secret=given)
        client.add_secret_version(parent=secret.name, payload=SecretPayload(data=value.encode()))
