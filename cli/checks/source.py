"""The S3 bucket: may it be listed and read, by whom is it paid, what time is it there, and what stands before it."""

import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import requests
from botocore.exceptions import BotoCoreError, ClientError

from cli.checks.finding import Finding, failed, ok, warning
from shared.clients import S3Client
from shared.settings import CdnAuth, Route, Settings

MOST_SKEW = 900.0
"""Seconds that S3 bears: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, RequestTimeTooSkewed"""

_SOME_SKEW = 60.0
_EDGE_SECONDS = 10

_MENDS = {
    "AccessDenied": "the bucket's policy or yours denies it; REQUESTER_PAYS=true if the bucket makes the requester pay",
    "NoSuchBucket": "check SOURCE_BUCKET",
    "PermanentRedirect": "set AWS_REGION to the bucket's region",
    "AuthorizationHeaderMalformed": "set AWS_REGION to the bucket's region",
    "IllegalLocationConstraintException": "set AWS_REGION to the bucket's region",
    "InvalidAccessKeyId": "check your own AWS credentials (aws sts get-caller-identity)",
    "SignatureDoesNotMatch": "check your own AWS credentials (aws sts get-caller-identity)",
    "ExpiredToken": "sign in to AWS again",
    "RequestTimeTooSkewed": "set this machine's clock",
    "KMS.DisabledException": "enable the KMS key that encrypts the object",
}


def source(client: S3Client, given: Settings) -> tuple[list[Finding], str | None]:
    """What the bucket says, and a key of it that can be read."""
    payer = {"RequestPayer": "requester"} if given.requester_pays else {}
    bucket = given.source_bucket
    try:
        told = client.list_objects_v2(Bucket=bucket, Prefix=given.source_prefix, MaxKeys=1, **payer)
    except (ClientError, BotoCoreError) as error:
        return [failed("source: list", *_said(error))], None
    found = [clock(told, time.time())]
    listed = told.get("Contents", ())
    if not listed:
        text = f"s3://{bucket}/{given.source_prefix} can be listed, and holds nothing"
        return [*found, warning("source: list", text, "check SOURCE_PREFIX")], None
    found.append(ok("source: list", f"s3://{bucket}/{given.source_prefix} can be listed"))
    key, size = listed[0]["Key"], listed[0]["Size"]
    try:
        span = {"Range": "bytes=0-0"} if size else {}
        client.get_object(Bucket=bucket, Key=key, IfMatch=listed[0]["ETag"], **span, **payer)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidObjectState":
            text = f"the first object, {key!r}, is archived, so no read was tried"
            return [*found, warning("source: read", text, "restore it, or look at `bucket-transfer plan`")], None
        return [*found, failed("source: read", *_said(error))], None
    except BotoCoreError as error:
        return [*found, failed("source: read", *_said(error))], None
    return [*found, ok("source: read", f"{key!r} can be read, by your own credentials")], key


def _said(error: Exception) -> tuple[str, str]:
    """In the service's words, and what to do."""
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    return str(error), _MENDS.get(code, "check AWS_REGION, the network, and your own AWS credentials")


def clock(told: dict[str, Any], now: float) -> Finding:
    """How far this machine's clock is from S3's; the functions have clocks of their own."""
    date = told["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    if not date:
        return warning("clock", "S3 did not say what time it is", "")
    skew = now - parsedate_to_datetime(date).timestamp()
    text = f"this machine's clock is off by {abs(skew):.0f} s"
    if abs(skew) >= MOST_SKEW:
        return failed("clock", text, "set it: S3 refuses what is off by 15 minutes")
    return ok("clock", text) if abs(skew) < _SOME_SKEW else warning("clock", text, "set it")


def edge(given: Settings, key: str | None) -> Finding:
    """Does the distribution answer, and refuse whom it should? Nothing is signed here: only the functions' identity can
    show that what they sign is let in.
    """
    if given.route is Route.DIRECT or given.cdn_url is None:
        return ok("edge", "the route is direct: no distribution is asked")
    if key is None:
        return warning("edge", "was not asked, for want of a key that can be read", "")
    url = f"{given.cdn_url}/{quote(key, safe='/~')}"
    try:
        answer = requests.get(url, headers={"Range": "bytes=0-0"}, timeout=_EDGE_SECONDS, stream=True)
    except requests.RequestException as error:
        return failed("edge", f"{given.cdn_url} does not answer: {error}", "check CDN_URL, and that it is deployed")
    with answer:
        return judged_edge(given.cdn_auth, answer.status_code)


def judged_edge(auth: CdnAuth, status: int) -> Finding:
    """What it means that an unsigned request for a key that exists is answered so."""
    served = status in (200, 206)
    if auth is CdnAuth.PUBLIC:
        if served:
            return ok("edge", "serves the source to everybody, as CDN_AUTH=public says")
        return failed("edge", f"answers {status}, and CDN_AUTH=public", "give CloudFront's origin access the bucket")
    if served:
        text = "serves the source to whoever asks, without a signature"
        return failed("edge", text, "restrict the distribution: everybody can read the bucket through it")
    if status in (400, 401, 403):
        return ok("edge", f"answers, and refuses what is not signed ({status})")
    return failed("edge", f"answers {status} for a key that exists", "look at the distribution's origin and behaviours")
