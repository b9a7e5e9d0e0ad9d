"""The providers' own libraries, pointed at a job's buckets and topics: for people's tools, off the hot path.

Functions never import this: what they install has none of these libraries. An endpoint in the job's environment is that
of a local stack, and then nothing of the shell's own credentials or proxies is used.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from google.auth.credentials import AnonymousCredentials
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.storage import Client

S3Client = Any
"""boto3 makes its clients at run time; they have no type to import."""

ACCEPTED_SECONDS = 60
"""How long Pub/Sub may take to accept a message."""

_CHECKSUMS = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
"""Checksums only where somebody asks for them, so that the others are those that S3 makes by itself."""


def s3(environment: Mapping[str, str], region: str) -> S3Client:
    """boto3 with the person's own credentials; on a local stack with the stack's."""
    if environment.get("AWS_ENDPOINT_URL_S3"):
        return s3_client(environment)
    return boto3.client("s3", region_name=region, config=Config(**_CHECKSUMS))


def s3_client(environment: Mapping[str, str]) -> S3Client:
    """boto3 on a local stack, whatever the shell's own AWS settings are."""
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
        verify=environment.get("SSL_CERT_FILE", False),
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=32, proxies={}, **_CHECKSUMS),
    )


def gcs(environment: Mapping[str, str]) -> Client:
    """google-cloud-storage with the person's own credentials; on a local stack with none."""
    if environment.get("STORAGE_EMULATOR_HOST"):
        return gcs_client(environment)
    return Client(project=environment["GOOGLE_CLOUD_PROJECT"])


def gcs_client(environment: Mapping[str, str]) -> Client:
    """google-cloud-storage on a local stack."""
    client = Client(
        project=environment["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": environment["STORAGE_EMULATOR_HOST"]},
    )
    client._http.trust_env = False
    client._http.verify = environment.get("REQUESTS_CA_BUNDLE", True)
    return client


async def publish(publisher: PublisherClient, project: str, topic: str, data: bytes) -> str:
    """What `gcloud pubsub topics publish` does; the message's id, by which the run that it begins is named."""
    sent = publisher.publish(publisher.topic_path(project, topic), data)
    return str(await asyncio.to_thread(sent.result, ACCEPTED_SECONDS))
