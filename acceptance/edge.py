"""What the edge and S3 answer: checksums, errors, and what the edge keeps."""

import time

from acceptance.answers import Answer, judged, not_asked
from acceptance.messages import until
from acceptance.trial import Trial
from acceptance.wire import Reply, accesses, fetch, get
from shared.aws.address import CHECKSUMS
from shared.aws.cloudfront import Access
from shared.domain.archive import ARCHIVE_CLASSES
from shared.settings import CdnAuth

NO_EDGE = "this job reads S3 directly (ROUTE=direct)"
_ASKED_CASE = "size/10-KiB"
_KEPT_SECONDS = 2.0
"""An error that is seen for no longer is not kept: one question follows another within this time."""
_PATIENCE_SECONDS = 30.0
_OTHER_ETAG = '"00000000000000000000000000000000"'

_EXPECTED = {
    "a key that is not there": {"404 NoSuchKey"},
    "a range behind the end": {"416 InvalidRange"},
    "another version (If-Match)": {"412 PreconditionFailed"},
    "an archived object": {"403 InvalidObjectState"},
    "a signature that is wrong": {"403 SignatureDoesNotMatch"},
    "no signature": {"403 MissingKey"},
}
"""S3's: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


async def checksum_header(trial: Trial) -> Answer:
    """Does S3 tell its checksums through the edge, to who asks by x-amz-checksum-mode?"""
    _, edge = await accesses(trial)
    if edge is None:
        return not_asked(NO_EDGE)
    sigv4 = trial.services.settings.cdn_auth is CdnAuth.SIGV4
    if not trial.services.live and not sigv4:
        return not_asked(
            "what an origin access control signs only CloudFront knows; the local edge signs what we guess"
        )
    reply = await get(edge, trial.key(_ASKED_CASE), amz=CHECKSUMS)
    found = {name: value for name, value in reply.headers.items() if name.startswith("x-amz-checksum-")}
    seen = {"status": reply.told, **found}
    if reply.status != 200:
        return judged(False, f"{reply.told}: the header costs the whole answer", seen)
    if found:
        return judged(True, f"{', '.join(found)} came through the edge", seen)
    if sigv4:
        return judged(False, "200, but no checksum came", seen)
    return not_asked("the distribution does not pass the header on; cdn = { pass_x_amz = true } would ask", seen)


async def error_bodies(trial: Trial) -> Answer:
    """Which statuses and codes come, from S3 itself and through the edge?"""
    direct, edge = await accesses(trial)
    seen = {f"S3, {what}": reply.told for what, reply in (await _errors(trial, direct, signed=True)).items()}
    if edge is not None:
        signed = trial.services.settings.cdn_auth is CdnAuth.SIGV4
        seen |= {f"edge, {what}": reply.told for what, reply in (await _errors(trial, edge, signed)).items()}
    odd = {what: told for what, told in seen.items() if told not in _EXPECTED[what.partition(", ")[2]]}
    if odd:
        return judged(False, "; ".join(f"{what}: {told}" for what, told in odd.items()), seen)
    ways = "S3 and edge" if edge is not None else f"S3 ({NO_EDGE})"
    return judged(True, f"{len(seen)} errors of {ways}: each with the status and the code that is documented", seen)


async def _errors(trial: Trial, access: Access, signed: bool) -> dict[str, Reply]:
    there = trial.key(_ASKED_CASE)
    found = {
        "a key that is not there": await get(access, trial.key("edge/nothing")),
        "a range behind the end": await get(access, there, {"Range": "bytes=99999999-"}),
        "another version (If-Match)": await get(access, there, {"If-Match": _OTHER_ETAG}),
    }
    archived = next((case for case in trial.cases if case.extra.get("StorageClass") in ARCHIVE_CLASSES), None)
    if archived is not None:
        found["an archived object"] = await get(access, trial.key(archived.name))
    url, headers = await access.request(there.encode())
    if signed:
        forged = {
            name: f"{value[:-4]}0000" if name.lower() == "authorization" else value for name, value in headers.items()
        }
        found["a signature that is wrong"] = await fetch(url, forged)
    elif "?" in url:
        found["no signature"] = await fetch(url.partition("?")[0], headers)
    return found


async def kept_errors(trial: Trial) -> Answer:
    """Is a key that was missing a moment ago found once it is there?"""
    _, edge = await accesses(trial)
    if edge is None:
        return not_asked(NO_EDGE)
    s3, bucket, key = trial.services.s3, trial.services.settings.source_bucket, trial.key("edge/late")
    before = await get(edge, key)
    if before.status < 400:
        return judged(False, f"a key that is not there was answered with {before.told}")
    s3.put_object(Bucket=bucket, Key=key, Body=b"here now")
    began = time.monotonic()
    try:

        async def found() -> bool:
            return (await get(edge, key)).status == 200

        waited = await until(found, _PATIENCE_SECONDS, 0.5)
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
    seen = {"before": before.told, "seconds": f"{time.monotonic() - began:.1f}"}
    if waited is None:
        return judged(False, f"{before.told} is still answered after {_PATIENCE_SECONDS:.0f} s", seen)
    kept = waited > _KEPT_SECONDS
    return judged(not kept, f"{before.told} was answered for {waited:.1f} s after the key was there", seen)


async def kept_objects(trial: Trial) -> Answer:
    """Does the edge serve what was replaced?"""
    _, edge = await accesses(trial)
    if edge is None:
        return not_asked(NO_EDGE)
    s3, bucket, key = trial.services.s3, trial.services.settings.source_bucket, trial.key("edge/replaced")
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"old")
        first = await get(edge, key)
        s3.put_object(Bucket=bucket, Key=key, Body=b"new")
        second = await get(edge, key)
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
    told = "X-Cache: " + ", ".join(reply.headers.get("x-cache", "none") for reply in (first, second))
    fresh = (first.body, second.body) == (b"old", b"new")
    return judged(fresh, f"after a change the edge answers with the {'new' if fresh else 'OLD'} object ({told})")
