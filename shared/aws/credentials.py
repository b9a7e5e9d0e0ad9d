"""AWS credentials as a request needs them: at once, and never by holding the loop.

botocore renews temporary credentials inside the call that asks for them, with up to two minutes of waiting for STS. So
it is asked in a thread, by one caller for all, well before they end; meanwhile the old ones go on being used.

    seconds left   what a request gets
    ------------   -------------------------------------------
    > 900          the credentials at hand
    60 … 900       the credentials at hand; a renewal is begun
    < 60           the new ones, for which it waits
"""

import asyncio
from typing import cast

from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError

from shared.aws.sigv4 import Keys
from shared.domain.errors import NoToken

AHEAD_SECONDS = 900
"""Within this of their end botocore renews credentials, too."""

_LEAST_SECONDS = 60
"""A request must not be under way when its credentials end."""


class SigningKeys:
    """credentials: botocore's."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._keys: Keys | None = None
        self._renewal: asyncio.Task[Keys] | None = None
        self._renews = isinstance(credentials, RefreshableCredentials)

    async def current(self) -> Keys:
        """Raises NoToken where there are none, for now."""
        keys = self._keys
        if keys is not None and not (self._renews and self._ends_within(AHEAD_SECONDS)):
            return keys
        if self._renewal is None:
            self._renewal = asyncio.create_task(asyncio.to_thread(self._renew))
            self._renewal.add_done_callback(self._renewed)
        if keys is not None and not self._ends_within(_LEAST_SECONDS):
            return keys
        try:
            return await asyncio.shield(self._renewal)
        except (ClientError, BotoCoreError, GoogleAuthError) as error:
            raise NoToken(f"the AWS credentials cannot be renewed: {error}") from None

    def _ends_within(self, seconds: float) -> bool:
        return self._renews and bool(cast(RefreshableCredentials, self._credentials).refresh_needed(seconds))

    def _renew(self) -> Keys:
        frozen = self._credentials.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def _renewed(self, task: "asyncio.Task[Keys]") -> None:
        self._renewal = None
        if not task.cancelled() and task.exception() is None:
            self._keys = task.result()
