"""A Secret Manager server (gRPC)."""

from dataclasses import dataclass
from typing import Any

import google_crc32c
import grpc
from google.cloud.secretmanager_v1 import types

_ENABLED = 1


def _bare(name: str) -> Any:
    wrapper = getattr(types, name)
    return type(wrapper.pb(wrapper()))


class SecretError(Exception):
    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Version:
    info: Any
    data: bytes


class Secrets:
    """The methods are named as google.cloud.secretmanager.v1.SecretManagerService names them."""

    requests = ("CreateSecret", "AddSecretVersion", "AccessSecretVersion")

    def __init__(self) -> None:
        self._secrets: dict[str, list[Version]] = {}

    async def CreateSecret(self, request: Any) -> Any:
        name = f"{request.parent}/secrets/{request.secret_id}"
        if name in self._secrets:
            raise SecretError(grpc.StatusCode.ALREADY_EXISTS, f"Secret [{name}] already exists.")
        self._secrets[name] = []
        request.secret.name = name
        return request.secret

    async def AddSecretVersion(self, request: Any) -> Any:
        versions = self._versions(request.parent)
        info = _bare("SecretVersion")(name=f"{request.parent}/versions/{len(versions) + 1}", state=_ENABLED)
        info.create_time.GetCurrentTime()
        versions.append(Version(info, request.payload.data))
        return info

    async def AccessSecretVersion(self, request: Any) -> Any:
        name, _, wanted = request.name.partition("/versions/")
        versions = self._versions(name)
        number = len(versions) if wanted == "latest" else int(wanted) if wanted.isdigit() else 0
        if not 1 <= number <= len(versions):
            raise SecretError(grpc.StatusCode.NOT_FOUND, f"Secret Version [{request.name}] not found.")
        version = versions[number - 1]
        answer = _bare("AccessSecretVersionResponse")(name=version.info.name)
        answer.payload.data = version.data
        answer.payload.data_crc32c = google_crc32c.value(version.data)
        return answer

    def _versions(self, name: str) -> list[Version]:
        if name not in self._secrets:
            raise SecretError(grpc.StatusCode.NOT_FOUND, f"Secret [{name}] not found.")
        return self._secrets[name]


def handlers(secrets: Secrets) -> list[grpc.GenericRpcHandler]:
    """The service, ready for a gRPC server."""

    def guarded(name: str) -> Any:
        method = getattr(secrets, name)

        async def call(request: Any, context: Any) -> Any:
            try:
                return await method(request)
            except SecretError as error:
                await context.abort(error.status, str(error))

        return grpc.unary_unary_rpc_method_handler(
            call, _bare(f"{name}Request").FromString, lambda message: message.SerializeToString()
        )

    service = "google.cloud.secretmanager.v1.SecretManagerService"
    return [grpc.method_handlers_generic_handler(service, {name: guarded(name) for name in secrets.requests})]
