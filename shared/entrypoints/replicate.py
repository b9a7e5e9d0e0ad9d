"""`POST /v1/replicate {"key": …}` copies one object now and says how that ended, as JSON.

    201  copied                                    400  no JSON, no key, a key outside the job's root
    200  there already, with this ETag             404  no such key
    202  so large that its parts are on their way  405  another method than POST
    409  changed under our hands, or archived      422  Cloud Storage cannot hold it
    502  a service refuses for good                 500  a fault of ours; the log has it
                                                   503  try again later; Retry-After says when

{"key": …, "force": true} copies even what is unchanged. Who may ask is IAM's to say: in the cloud nobody without
`run.invoker` on the function gets here.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.copying.replicate_object import ReplicateObject
from shared.domain.counts import Outcome
from shared.domain.errors import Busy, ObjectError, OutOfService
from shared.domain.messages import ObjectKey
from shared.domain.problems import sentences
from shared.domain.reasons import Reason
from shared.entrypoints import runtime
from shared.entrypoints.instance import Instance
from shared.ledger.entry import Entry

PATH = "/v1/replicate"
RETRY_SECONDS = 5
_SAID_CHARACTERS = 2000
_SPELLING = "check how the key is written: without s3:// and the bucket, and as it is, not percent-encoded"
_ASK_AGAIN = "it may have been copied; ask again, which copies nothing twice"

Answer = tuple[dict[str, Any], int, dict[str, str]]
"""JSON body, status, headers"""


class ReplicateRequest(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: ObjectKey
    force: bool = False


class OnDemand:
    """Answers the requests of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._work: ReplicateObject | None = None

    def __call__(self, method: str, body: bytes) -> Answer:
        if method != "POST":
            return error(405, "method", f"{PATH} takes POST, not {method}", {"Allow": "POST"})
        try:
            request = ReplicateRequest.model_validate_json(body)
        except ValidationError as wrong:
            problems = "; ".join(sentences(wrong))[:_SAID_CHARACTERS]
            return error(400, "malformed", f'want {{"key": "a/b.jpg"}}: {problems}')
        root = self._instance.settings.source_prefix
        key = request.key.decode()
        if not key.startswith(root):
            return error(400, "outside", f"{key!r} lies outside the job's root {root!r}")
        try:
            work = self._work = self._work or self._instance.app().replicate
            return answer(key, runtime.run(work(request.key, request.force)))
        except ObjectError as failure:
            self._instance.log.warning("not replicated", key=key, reason=failure.reason, why=str(failure))
            return refusal(failure.reason, str(failure), failure.retry_after)
        except OutOfService as outage:
            log = self._instance.log
            log.warning("not replicated", key=key, reason=outage.reason, party=outage.party, why=str(outage))
            return refusal(outage.reason, f"{outage}; what came of {key!r} is not on record: {_ASK_AGAIN}")
        except Busy as busy:
            self._instance.log.info("put off", key=key, reason=str(busy))
            return error(503, "busy", str(busy), {"Retry-After": str(RETRY_SECONDS)})
        except Exception as bug:
            self._instance.log.error("not replicated", error=bug, key=key, reason="unexpected")
            return error(500, "unexpected", "the log says what happened")


def answer(key: str, ended: Entry | None) -> Answer:
    """How a copy ended, as an HTTP answer."""
    if ended is None:
        return {"key": key, "outcome": Outcome.IN_FLIGHT.value}, 202, {}
    if ended.outcome is Outcome.UNSUPPORTED:
        return error(422, Outcome.UNSUPPORTED.value, ended.reason)
    fields: Mapping[str, object] = {
        "key": key,
        "outcome": str(ended.outcome),
        "etag": ended.etag,
        "size": ended.size,
        "generation": str(ended.generation),
        "crc32c": ended.crc32c,
        "proof": ended.proof,
    }
    return dict(fields), 201 if ended.outcome is Outcome.COPIED else 200, {}


def refusal(reason: Reason, message: str, retry_after: float | None = None) -> Answer:
    """What went wrong, as an HTTP answer, with what to do in a field of its own. retry_after: the seconds of patience
    that a service asked for.
    """
    wait = {"Retry-After": str(round(retry_after or RETRY_SECONDS))} if reason.status == 503 else {}
    body, status, headers = error(reason.status, reason.value, message.replace(f"; {reason.advice}", ""), wait)
    advice = _SPELLING if reason is Reason.GONE else reason.advice
    return {"error": {**body["error"], "advice": advice}}, status, headers


def error(status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """An error as JSON. reason: a short, stable word."""
    return {"error": {"reason": reason, "message": message}}, status, headers or {}
