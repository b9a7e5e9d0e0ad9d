"""From an HTTP answer to an error that says who answered what, and what to do. `rules.py` has the rules."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape

from shared.domain.errors import ObjectError
from shared.domain.reasons import Party, Scope
from shared.domain.text import writable
from shared.http.rules import RULES

_CODE = re.compile(r"<Code>([A-Za-z0-9.]+)</Code>")
_DETAILS = re.compile(r"<Details>(.*?)</Details>", re.DOTALL)
"""What tells errors of Cloud Storage's XML API apart whose message is always the same."""

_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_REASON = re.compile(r'"reason"\s*:\s*"([A-Za-z.]+)"')
_READ_BYTES = 64 * 1024
"""As much of an error's body as is parsed."""

_READ_CHARACTERS = 1000
"""As much of a code or a message in JSON as is read."""

MOST_WAIT_SECONDS = 3600.0
"""What an answer may ask for: longer, nobody would ever ask it again."""

_SHOWN_CHARACTERS = 200
"""As much of an answer's own words as an error repeats."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Makes errors of one party's answers. writes: whether it was asked to write."""

    party: Party
    writes: bool = False

    def __call__(
        self, asked: str, status: int, headers: Mapping[str, str], body: bytes = b"", now: float | None = None
    ) -> ObjectError:
        """The error for a failed request. asked: what for, a phrase that names the key and no secret. now: epoch
        seconds, for a Retry-After that is a date where the answer has no date itself.
        """
        code, message = code_and_message(body)
        kind = next(rule.error for rule in RULES if rule.fits(self.party, self.writes, status, code, message))
        text = f"{asked}: HTTP {status} {code or message[:_SHOWN_CHARACTERS]}".rstrip()
        region = headers.get("x-amz-bucket-region")
        if status in (301, 307, 400) and region:
            text += f"; the bucket is in {region}"
        if not kind.reason.retryable or kind.reason.scope is Scope.EVERYBODY:
            text += f"; {kind.reason.advice}"
        wait = retry_after(headers, now) if status in (429, 503) else None
        return kind(text, party=self.party, status=status, code=code, asked=asked, retry_after=wait)


def code_and_message(body: bytes) -> tuple[str, str]:
    """The service's code and its message, of an error body in S3's XML, in the JSON API's form or in that of AWS's JSON
    protocol; "" for what it does not say. A HEAD's answer has no body. What is none of these is taken for the message
    as it stands.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html
    """
    text = body[:_READ_BYTES].decode(errors="replace")
    if text.lstrip().startswith("{"):
        try:
            said = json.loads(text)
            if "__type" in said:
                return _short(said["__type"]).rpartition("#")[2], _short(said.get("message", ""))
            error = said["error"]
            details = error.get("errors") or [{}]
            return _short(details[0].get("reason", "")), _short(error.get("message", ""))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            pass
    code = _CODE.search(text) or _REASON.search(text)
    message = _DETAILS.search(text) or _MESSAGE.search(text)
    return code.group(1) if code else "", unescape(message.group(1)) if message else text


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait that an answer asks for, None for none. It is a number of seconds, or a date, which is measured
    by the date of the answer itself, or else by now (epoch seconds).

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value), MOST_WAIT_SECONDS)
    until, since = _epoch(value), _epoch(headers.get("date", ""))
    since = since if since is not None else now
    if until is None or since is None:
        return None
    return min(max(0.0, until - since), MOST_WAIT_SECONDS)


def _epoch(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _short(value: object) -> str:
    """As much of what a body says as an error repeats, in text that can be written down."""
    return writable(str(value)[:_READ_CHARACTERS])
