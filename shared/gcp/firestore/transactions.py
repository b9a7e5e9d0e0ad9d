"""A transaction that is begun anew where Firestore has let go of it.

A commit whose answer is lost is sent again by the client under the same transaction, which is closed by then: 400, "The
referenced transaction has expired". Google's clients for Node and Java begin anew at that text
(https://github.com/googleapis/nodejs-firestore/pull/1347), python-firestore does not
(https://github.com/googleapis/python-firestore/issues/879).
"""

from collections.abc import Awaitable, Callable

from google.api_core.exceptions import Aborted, InvalidArgument
from google.cloud.firestore import AsyncClient, AsyncTransaction
from google.cloud.firestore import async_transactional as transactional

_TRIES = 3
_EXPIRED = "transaction has expired"


async def in_transaction(client: AsyncClient, work: Callable[[AsyncTransaction], Awaitable[None]]) -> None:
    """Do something in a transaction. It may have taken effect already when it is done anew, so `work` must say of what
    it has done itself that it is done, or be refused.

    Raises what `work` raises, and Aborted if Firestore gives it up again and again.
    """
    attempt = transactional(work)
    for _ in range(_TRIES):
        try:
            await attempt(client.transaction())
            return
        except InvalidArgument as error:
            if _EXPIRED not in str(error):
                raise
        except ValueError as exceeded:
            if not isinstance(exceeded.__cause__, Aborted):
                raise
            raise exceeded.__cause__ from None
    raise Aborted(f"a {_EXPIRED} {_TRIES} times")  # type: ignore[no-untyped-call]
