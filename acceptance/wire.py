"""One GET at a time, as the functions ask but without their client, so that the service's own answer is seen."""

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

import boto3

from acceptance.trial import Trial
from shared.aws.address import NOTHING, S3Address
from shared.aws.cloudfront import Access, SignedForS3
from shared.bootstrap.connecting import cdn_access
from shared.clock import SystemClock
from shared.domain.errors import SettingsError

_CODE = re.compile(rb"<Code>(\w+)</Code>")
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """headers: by names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> str:
        """Status and the error's code, as in "404 NoSuchKey"; "no code" for an error without one."""
        if self.status < 300:
            return str(self.status)
        found = _CODE.search(self.body)
        return f"{self.status} {found[1].decode() if found else 'no code'}"


async def accesses(trial: Trial) -> tuple[SignedForS3, Access | None]:
    """The ways to an object: straight to S3, and through the edge (None where the job does not read through one).

    Signed with this person's own AWS identity: only the functions can take their role.
    """
    given = trial.services.settings
    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise SettingsError("there are no AWS credentials in this shell: sign in, or set AWS_PROFILE")
    clock = SystemClock()
    address = S3Address.of(
        given.source_bucket, given.aws_region, given.aws_endpoint_url_s3, credentials, clock, given.requester_pays
    )
    return SignedForS3(address), await cdn_access(given, address, clock)


async def get(
    access: Access, key: str, headers: Mapping[str, str] = NOTHING, amz: Mapping[str, str] = NOTHING
) -> Reply:
    """GET a key. headers: unsigned ones. amz: x-amz- headers, which are signed where the way signs."""
    url, signed = await access.request(key.encode(), amz)
    return await fetch(url, {**signed, **headers})


async def fetch(url: str, headers: Mapping[str, str]) -> Reply:
    """GET a URL, whatever the answer's status is. Raises OSError if there is none."""
    return await asyncio.to_thread(_fetch, url, headers)


def _fetch(url: str, headers: Mapping[str, str]) -> Reply:
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())
