"""Secret Manager. Values are read once an instance and never logged."""

import asyncio
import os

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from shared.domain.checksums import crc32c
from shared.domain.errors import SettingsError

ENDPOINT_VARIABLE = "SECRET_MANAGER_EMULATOR_HOST"
"""The library knows no such variable; a local stack sets it."""


class SecretManager:
    """Secret Manager, read when an instance starts."""

    def __init__(self) -> None:
        emulator = os.environ.get(ENDPOINT_VARIABLE)
        if emulator:
            transport = SecretManagerServiceGrpcTransport(channel=grpc.insecure_channel(emulator))
            self._client = SecretManagerServiceClient(transport=transport)
        else:
            self._client = SecretManagerServiceClient()

    def close(self) -> None:
        """Give the channel back."""
        self._client.transport.close()  # type: ignore[no-untyped-call]

    async def read(self, name: str) -> str:
        return await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> str:
        try:
            payload = self._client.access_secret_version(name=name).payload
        except GoogleAPICallError as error:
            raise SettingsError(f"secret {name} cannot be read: {error.message}") from None
        if payload.data_crc32c and crc32c(payload.data) != payload.data_crc32c:
            raise SettingsError(f"secret {name} came damaged")
        return payload.data.decode()
