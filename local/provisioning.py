"""What Terraform makes in the cloud: buckets, topics, push subscriptions with dead letters, the secret."""

from typing import TYPE_CHECKING, Any

import boto3
import grpc
from botocore.config import Config
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)
from google.cloud.secretmanager_v1.types import Replication, Secret, SecretPayload
from google.cloud.storage import Client
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy

if TYPE_CHECKING:
    from local.stack import Stack

S3Client = Any
"""boto3 makes its clients at run time; they have no type to import."""

ACK_DEADLINE_SECONDS = 600
MAX_DELIVERY_ATTEMPTS = 20


def s3_client(environment: dict[str, str]) -> S3Client:
    """boto3 on the stack, whatever the shell's own AWS settings are."""
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
        verify=environment.get("SSL_CERT_FILE", False),
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=32,
            proxies={},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def gcs_client(environment: dict[str, str]) -> Client:
    """google-cloud-storage on the stack."""
    client = Client(
        project=environment["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": environment["STORAGE_EMULATOR_HOST"]},
    )
    client._http.trust_env = False
    client._http.verify = environment.get("REQUESTS_CA_BUNDLE", True)
    return client


def pubsub_clients(environment: dict[str, str]) -> tuple[PublisherClient, SubscriberClient]:
    """google-cloud-pubsub on the stack."""
    channel = grpc.insecure_channel(environment["PUBSUB_EMULATOR_HOST"])
    return (
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
        SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
    )


def provision(stack: "Stack") -> None:
    """Make everything that the functions expect to find."""
    environment = stack.environment
    s3_client(environment).create_bucket(Bucket=environment["SOURCE_BUCKET"])
    for name in ("DESTINATION_BUCKET", "STAGING_BUCKET", "REPORT_BUCKET"):
        gcs_client(environment).create_bucket(environment[name])
    _topics(stack)
    _secrets(stack)


def _topics(stack: "Stack") -> None:
    environment = stack.environment
    project = environment["GOOGLE_CLOUD_PROJECT"]
    publisher, subscriber = pubsub_clients(environment)
    dead = publisher.topic_path(project, environment["DEAD_LETTER_TOPIC"])
    publisher.create_topic(name=dead)
    subscriber.create_subscription(name=subscriber.subscription_path(project, "dead-letters"), topic=dead)
    for function, variable in (("lister", "LIST_TOPIC"), ("transfer", "TRANSFER_TOPIC"), ("verifier", "VERIFY_TOPIC")):
        topic = publisher.topic_path(project, environment[variable])
        publisher.create_topic(name=topic)
        subscriber.create_subscription(
            request={
                "name": subscriber.subscription_path(project, function),
                "topic": topic,
                "ack_deadline_seconds": ACK_DEADLINE_SECONDS,
                "push_config": PushConfig(push_endpoint=stack.url(function) + "/"),
                "retry_policy": RetryPolicy(minimum_backoff=Duration(seconds=1), maximum_backoff=Duration(seconds=10)),
                "dead_letter_policy": DeadLetterPolicy(
                    dead_letter_topic=dead, max_delivery_attempts=MAX_DELIVERY_ATTEMPTS
                ),
            }
        )


def _secrets(stack: "Stack") -> None:
    environment = stack.environment
    channel = grpc.insecure_channel(environment["SECRET_MANAGER_EMULATOR_HOST"])
    client = secretmanager_v1.SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))
    parent = f"projects/{environment['GOOGLE_CLOUD_PROJECT']}"
    for name, value in stack.secrets.items():
        given = Secret(replication=Replication(automatic={}))
        secret = client.create_secret(parent=parent, secret_id=name, secret=given)
        client.add_secret_version(parent=secret.name, payload=SecretPayload(data=value.encode()))
