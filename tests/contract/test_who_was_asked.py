"""Who was asked is said, too, where nobody answers: in the error, and in the log of the message that it ends."""

import pytest

from shared.clock import SystemClock
from shared.domain.backoff import ONCE
from shared.domain.errors import Transient
from shared.domain.reasons import Party
from shared.http.classification import Classifier
from shared.http.client import Http, Request
from shared.http.retry import asked
from tests.contract.raw import Asked, answering


async def test_an_error_without_an_answer_names_who_was_asked() -> None:
    clock = SystemClock()

    async def breaks_off(_request: Asked) -> None:
        return None

    async with answering(breaks_off) as (url, _):
        http = Http(1, clock)
        with pytest.raises(Transient, match="broke off") as caught:
            await asked(ONCE, clock, "s3://b/k", Classifier(Party.S3), lambda: http.send(Request("GET", url, {})))
        await http.close()
    assert (caught.value.party, caught.value.asked) == (Party.S3, "s3://b/k")
