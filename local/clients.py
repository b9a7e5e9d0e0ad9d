"""The clients of the real libraries, pointed to the stack by its environment and by nothing of the shell's."""

from typing import Any

import boto3
import grpc
from google.cloud import secretmanager_v1
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from shared.clients import S3Client, gcs_client, s3_client

__all__ = [
    "S3Client",
    "eventbridge_client",
    "gcs_client",
    "pubsub_clients",
    "s3_client",
    "secrets_client",
    "sqs_client",
]


def pubsub_clients(environment: dict[str, str]) -> tuple[PublisherClient, SubscriberClient]:
    """google-cloud-pubsub on the stack."""
    channel = grpc.insecure_channel(environment["PUBSUB_EMULATOR_HOST"])
    return (
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
        SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
    )


def secrets_client(environment: dict[str, str]) -> secretmanager_v1.SecretManagerServiceClient:
    """google-cloud-secret-manager on the stack; the library has no variable for an emulator."""
    channel = grpc.insecure_channel(environment["SECRET_MANAGER_EMULATOR_HOST"])
    return secretmanager_v1.SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))


def sqs_client(endpoint: str) -> Any:
    """boto3 on the stack's queues."""
    return _moto_client("sqs", endpoint)


def eventbridge_client(endpoint: str) -> Any:
    """boto3 on the stack's EventBridge, which is where the queues are."""
    return _moto_client("events", endpoint)


def _moto_client(service: str, endpoint: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)
