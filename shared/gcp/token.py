"""The right to call Google's APIs by hand: a bearer token, kept fresh."""

import asyncio
import threading

import google.auth
import google.auth.transport.requests
from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class Token:
    """Refreshes in a thread, so that the loop goes on. credentials None: a local stack, nothing to show."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()

    @classmethod
    def default(cls) -> "Token":
        """The function's own service account, found as Google's libraries find it."""
        credentials, _ = google.auth.default(scopes=[SCOPE])
        return cls(credentials)

    async def fresh(self) -> None:
        """Make sure that `headers` holds for the next minutes."""
        if self._credentials is not None and not self._credentials.valid:
            await asyncio.to_thread(self._refresh, self._credentials)

    def _refresh(self, credentials: Credentials) -> None:
        with self._lock:
            if not credentials.valid:
                credentials.refresh(google.auth.transport.requests.Request())

    def headers(self) -> dict[str, str]:
        """Authorization, if there is anything to show."""
        if self._credentials is None:
            return {}
        return {"Authorization": f"Bearer {self._credentials.token}"}
