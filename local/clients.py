"""The clients of the real libraries, pointed to the stack by its environment and by nothing of the shell's."""

from typing import Any

import boto3
import grpc
from botocore.config import Config
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)
from google.cloud.storage import Client
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

S3Client = Any
"""boto3 makes its clients at run time; they have no type to import."""


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


def secrets_client(environment: dict[str, str]) -> secretmanager_v1.SecretManagerServiceClient:
    """google-cloud-secret-manager on the stack; the library has no variable for an emulator."""
    channel = grpc.insecure_channel(environment["SECRET_MANAGER_EMULATOR_HOST"])
    return secretmanager_v1.SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))
