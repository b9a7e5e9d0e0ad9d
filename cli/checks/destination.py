"""The Cloud Storage buckets: what would keep copies from being written, replaced or put together, and a probe."""

import uuid
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client
from requests.exceptions import RequestException

from cli.checks.finding import Finding, failed, ok, warning
from cli.output import in_days
from shared.settings import Settings

_PROBE = b"bucket-transfer doctor"
_ERRORS = (GoogleAPICallError, GoogleAuthError, RequestException)
_DAY = 86_400

Resource = dict[str, Any]
"""A bucket as the JSON API describes it: https://cloud.google.com/storage/docs/json_api/v1/buckets#resource"""


def destination(client: Client, given: Settings) -> list[Finding]:
    """All buckets of the job on this side."""
    found: list[Finding] = []
    resources: dict[str, Resource] = {}
    named = {"DESTINATION_BUCKET": given.destination_bucket, "STAGING_BUCKET": given.staging_bucket}
    if given.report_bucket is not None:
        named["REPORT_BUCKET"] = given.report_bucket
    for setting, name in named.items():
        try:
            resources[setting] = dict(client.get_bucket(name)._properties)
        except _ERRORS as error:
            found.append(
                failed(setting, f"gs://{name} cannot be looked at: {error}", f"check {setting}, and your rights")
            )
    if "DESTINATION_BUCKET" in resources:
        found += judged("DESTINATION_BUCKET", resources["DESTINATION_BUCKET"])
        found.append(probe(client, given.destination_bucket, given.mapping.destination_prefix.decode()))
    if "STAGING_BUCKET" in resources:
        found += judged("STAGING_BUCKET", resources["STAGING_BUCKET"])
        found += judged_staging(resources["STAGING_BUCKET"], resources.get("DESTINATION_BUCKET"))
    if "REPORT_BUCKET" in resources:
        found.append(ok("REPORT_BUCKET", f"gs://{given.report_bucket} is there"))
    return found


def judged(setting: str, bucket: Resource) -> list[Finding]:
    """What keeps objects in a bucket from being written, replaced or deleted, or makes that dear."""
    found = []
    seconds = int(bucket.get("retentionPolicy", {}).get("retentionPeriod", 0))
    if seconds:
        text = f"a retention policy keeps every object for {in_days(seconds / _DAY)}: no copy can be replaced before"
        found.append(failed(setting, text, "take the policy away until the copying has ended"))
    if bucket.get("defaultEventBasedHold"):
        found.append(failed(setting, "every new object is held, so no copy can be replaced", "unset the default hold"))
    if bucket.get("billing", {}).get("requesterPays"):
        found.append(failed(setting, "the bucket makes the requester pay", "it must not: turn that off"))
    kept = int(bucket.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
    if kept:
        text = f"soft delete keeps, and bills, whatever is replaced or deleted for {in_days(kept / _DAY)}"
        found.append(warning(setting, text, "turn it off where that is not wanted"))
    if bucket.get("hierarchicalNamespace", {}).get("enabled"):
        text = "a hierarchical namespace makes a folder of every prefix; this project was not tried on one"
        found.append(warning(setting, text, "use a bucket without it"))
    return found or [ok(setting, "nothing keeps objects from being written or replaced")]


def judged_staging(staging: Resource, target: Resource | None) -> list[Finding]:
    """What large objects need besides."""
    found = []
    if target is not None and (here := staging.get("location")) != (there := target.get("location")):
        text = (
            f"lies in {here}, and the destination in {there}: large objects would be copied across, and billed for it"
        )
        found.append(failed("STAGING_BUCKET", text, "make it where the destination is"))
    actions = {rule.get("action", {}).get("type") for rule in staging.get("lifecycle", {}).get("rule", ())}
    missing = [name for name in ("AbortIncompleteMultipartUpload", "Delete") if name not in actions]
    if missing:
        text = (
            f"has no lifecycle rule {' and none '.join(missing)}: what a killed copy leaves behind is billed for ever"
        )
        found.append(warning("STAGING_BUCKET", text, "add them, with an age of 7 days"))
    return found or [ok("STAGING_BUCKET", "lies with the destination, and cleans up after itself")]


def probe(client: Client, bucket: str, prefix: str) -> Finding:
    """Write, read and delete an object that nobody else has."""
    check, name = "destination: probe", f"{prefix}.bucket-transfer-probe-{uuid.uuid4()}"
    blob = client.bucket(bucket).blob(name)
    try:
        blob.upload_from_string(_PROBE, content_type="text/plain", if_generation_match=0)
    except PreconditionFailed as error:
        return failed(check, f"gs://{bucket}/{name} is there already: {error}", "try again")
    except _ERRORS as error:
        return failed(check, f"gs://{bucket} cannot be written: {error}", "check your rights on the bucket")
    try:
        same = blob.download_as_bytes() == _PROBE
        blob.delete(if_generation_match=blob.generation)
    except _ERRORS as error:
        mend = "check your rights on the bucket, and delete it by hand"
        return failed(check, f"gs://{bucket}/{name} was written, and cannot be read or deleted: {error}", mend)
    if not same:
        return failed(check, f"gs://{bucket}/{name} was read with other bytes", "do not use this bucket, and report it")
    return ok(check, f"gs://{bucket} was written, read and cleared, by your own credentials")
