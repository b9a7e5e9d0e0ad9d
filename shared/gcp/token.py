"""The right to call Google's APIs by hand: a bearer token, kept fresh."""

import asyncio

import google.auth
import google.auth.transport.requests
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError

from shared.domain.errors import NoToken
from shared.domain.reasons import Party
from shared.ports.signal import Joint

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class Token:
    """Asked for at every request. It is renewed in a thread, by one caller for all, so that the loop goes on; a try
    that fails is everybody's, too: each on his own, they would wait for one another for as long as the server is down.
    credentials None: a local stack, nothing to show.
    """

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self._renewal: Joint[None] | None = None

    @classmethod
    def default(cls) -> "Token":
        """The function's own service account, found as Google's libraries find it."""
        credentials, _ = google.auth.default(scopes=[SCOPE])
        return cls(credentials)

    async def current(self) -> str | None:
        """A token that is good for the next minutes, None if there is nothing to show.

        Raises NoToken while the token server gives none.
        """
        held = self._credentials
        if held is None:
            return None
        if not held.valid:
            await self._renew(held)
        return str(held.token)

    async def renewed(self, refused: str | None) -> bool:
        """Renew the token that was refused, unless that has happened since; True if there is another one now."""
        held = self._credentials
        if held is None:
            return False
        if held.token == refused or not held.valid:
            await self._renew(held)
        return bool(held.token != refused)

    async def _renew(self, held: Credentials) -> None:
        if self._renewal is None or self._renewal.done:
            request = google.auth.transport.requests.Request()
            self._renewal = Joint(asyncio.create_task(asyncio.to_thread(held.refresh, request)))
        try:
            await self._renewal.result()
        except GoogleAuthError as error:
            raise NoToken(f"Google's token server gives no access token: {error}", party=Party.TOKEN_SERVER) from None
