"""An AWS role taken with the function's own Google identity: no AWS key is kept anywhere.

Google signs an identity token for the function's service account, STS exchanges it for credentials that last an hour,
and botocore renews them before they end, in a thread (`credentials.py`). The role must trust
accounts.google.com with this service account's number (`aud` and `sub`) and this audience (`oaud`):
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial

import botocore.session
from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher, Credentials, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from shared.domain.errors import SettingsError

_SESSION = "s3-to-gcs"
"""What AWS's audit log calls the session."""


async def aws_credentials(
    *, role_arn: str | None, region: str, audience: str, secret: str | None, read: Callable[[str], Awaitable[str]]
) -> Credentials:
    """Of the role, from the named secret, or from botocore's own chain. read: reads a secret. Raises SettingsError if
    there are none.
    """
    if role_arn is not None:
        return await asyncio.to_thread(role_credentials, role_arn, region, audience)
    if secret is not None:
        return parsed(secret, await read(secret))
    found = await asyncio.to_thread(botocore.session.Session().get_credentials)
    if found is None:
        raise SettingsError(
            "no AWS credentials: set AWS_ROLE_ARN or AWS_CREDENTIALS_SECRET, or give botocore a way to find some"
        )
    return found


def parsed(secret: str, value: str) -> Credentials:
    """The access key that a secret holds. Raises SettingsError, without the value, if it holds none."""
    try:
        keys = json.loads(value)
        return Credentials(keys["access_key_id"], keys["secret_access_key"])
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f"secret {secret} must be JSON with access_key_id and secret_access_key") from None


def role_credentials(role_arn: str, region: str, audience: str) -> Credentials:
    """Credentials that renew themselves, the first ones taken already: the call reaches Google and AWS.

    Raises SettingsError if either refuses.
    """
    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=partial(botocore.session.Session().create_client, region_name=region),
        web_identity_token_loader=partial(_google_token, audience),
        role_arn=role_arn,
        extra_args={"RoleSessionName": _SESSION},
    )
    credentials: Credentials = DeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role-with-web-identity"
    )
    try:
        credentials.get_frozen_credentials()
    except GoogleAuthError as error:
        raise SettingsError(
            f"AWS_ROLE_ARN: Google gives no identity token here ({error}); use a service account"
        ) from None
    except (ClientError, BotoCoreError) as error:
        raise SettingsError(
            f"AWS_ROLE_ARN: {role_arn} cannot be assumed ({error}); its trust policy must name this service account's "
            f"number and the audience {audience!r}"
        ) from None
    return credentials


def _google_token(audience: str) -> str:
    token: str = id_token.fetch_id_token(Request(), audience)  # type: ignore[no-untyped-call]
    return token
