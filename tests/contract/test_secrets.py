"""The secrets that an instance starts with: what is wrong with one is said with its name and without its value."""

from types import SimpleNamespace
from typing import Any

import pytest

from local.names import AWS_SECRET, secret_version
from local.stack import Stack
from shared.aws.role import aws_credentials, parsed
from shared.domain.checksums import crc32c
from shared.domain.errors import SettingsError
from shared.gcp.secrets import SecretManager


@pytest.fixture
def manager(embedded: Stack, monkeypatch: pytest.MonkeyPatch) -> SecretManager:
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", embedded.environment["SECRET_MANAGER_EMULATOR_HOST"])
    return SecretManager()


async def test_a_pair_of_keys_is_read(manager: SecretManager) -> None:
    name = secret_version(AWS_SECRET)
    given = {"role_arn": None, "region": "us-east-1", "audience": "", "secret": name, "read": manager.read}
    keys = await aws_credentials(**given)  # type: ignore[arg-type]
    assert (keys.access_key, keys.secret_key) == ("test", "test")


async def test_a_secret_that_is_not_there_is_named(manager: SecretManager) -> None:
    name = secret_version("no-such-secret")
    with pytest.raises(SettingsError, match=f"secret {name} cannot be read: .*not found"):
        await manager.read(name)


@pytest.mark.parametrize(("said", "whole"), [(0, True), (crc32c(b"hush"), True), (1, False)])
async def test_a_secret_that_came_damaged_is_not_used(
    manager: SecretManager, monkeypatch: pytest.MonkeyPatch, said: int, whole: bool
) -> None:
    """0: the service said nothing of its checksum."""

    def answer(**_: Any) -> SimpleNamespace:
        return SimpleNamespace(payload=SimpleNamespace(data=b"hush", data_crc32c=said))

    monkeypatch.setattr(manager._client, "access_secret_version", answer)
    if whole:
        assert await manager.read("s") == "hush"
    else:
        with pytest.raises(SettingsError, match="secret s came damaged") as caught:
            await manager.read("s")
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("value", ["hush", "[]", '"hush"', '{"access_key_id": "hush"}', "{}"])
def test_what_is_no_pair_of_keys_is_said_without_its_value(value: str) -> None:
    with pytest.raises(SettingsError, match="secret s must be JSON with access_key_id") as caught:
        parsed("s", value)
    assert "hush" not in str(caught.value)
