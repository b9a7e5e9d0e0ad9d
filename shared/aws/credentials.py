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

from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError

from shared.aws.sigv4 import Keys
from shared.domain.errors import NoToken
from shared.domain.reasons import Party
from shared.ports.signal import Joint

AHEAD_SECONDS = 900
"""Within this of their end botocore renews credentials, in the thread that asks."""

_LEAST_SECONDS = 60
"""A request must not be under way when its credentials end."""

_REFUSALS = (ClientError, BotoCoreError, GoogleAuthError, RuntimeError)
"""What botocore raises where it gets no credentials; RuntimeError, where the new ones have ended, too."""


class SigningKeys:
    """credentials: botocore's."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._keys: Keys | None = None
        self._renewal: Joint[Keys] | None = None

    async def current(self) -> Keys:
        """Raises NoToken where there are none, for now."""
        if self._renewal is None and not self._ends_within(AHEAD_SECONDS):
            if self._keys is None:
                self._keys = self._at_hand()
            return self._keys
        if self._renewal is None:
            task = asyncio.create_task(asyncio.to_thread(self._at_hand))
            task.add_done_callback(self._renewed)
            self._renewal = Joint(task)
        old = self._ends_within(AHEAD_SECONDS)  # if not, the renewal is over in this very moment
        if self._keys is not None and old and not self._ends_within(_LEAST_SECONDS):
            return self._keys
        try:
            return await self._renewal.result()
        except _REFUSALS as error:
            raise NoToken(f"the AWS credentials cannot be renewed: {error}", party=Party.STS) from None

    def _ends_within(self, seconds: float) -> bool:
        held = self._credentials
        return isinstance(held, RefreshableCredentials) and bool(held.refresh_needed(seconds))

    def _at_hand(self) -> Keys:
        """Waits for STS only where the end is near."""
        frozen = self._credentials.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def _renewed(self, task: "asyncio.Task[Keys]") -> None:
        self._renewal = None
        if not task.cancelled() and task.exception() is None:
            self._keys = task.result()
