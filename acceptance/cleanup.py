"""Takes away what a trial wrote: below its own prefix, on both sides, and nothing else."""

from acceptance.judge import folders
from acceptance.trial import Trial


class NotEmpty(Exception):
    """Something lies where a trial wants to write: it touches nothing then."""


def must_be_empty(trial: Trial) -> None:
    """Raises NotEmpty unless nothing lies below the prefix on either side, so that all there later is the trial's."""
    given = trial.services.settings
    if _keys(trial):
        raise NotEmpty(f"s3://{given.source_bucket}/{trial.prefix} is not empty")
    for folder in folders(trial):
        if any(trial.services.gcs.list_blobs(given.destination_bucket, prefix=folder, max_results=1)):
            raise NotEmpty(f"gs://{given.destination_bucket}/{folder} is not empty")


def clean(trial: Trial) -> str:
    """Delete them; a sentence that says how many."""
    given, keys, copies = trial.services.settings, 0, 0
    for key in _keys(trial):
        trial.services.s3.delete_object(Bucket=given.source_bucket, Key=key)
        keys += 1
    for folder in folders(trial):
        for blob in trial.services.gcs.list_blobs(given.destination_bucket, prefix=folder):
            blob.delete()
            copies += 1
    return (
        f"deleted {keys} objects below s3://{given.source_bucket}/{trial.prefix} and {copies} copies of them; the "
        f"runs' reports stay, and what the ledger knows of them until `bucket-transfer forget {trial.prefix}`"
    )


def _keys(trial: Trial) -> list[str]:
    """The keys below the prefix. An empty prefix would be the whole bucket."""
    if not trial.prefix.endswith("/"):
        raise ValueError(f"{trial.prefix!r} is no folder of a trial")
    pages = trial.services.s3.get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=trial.services.settings.source_bucket, Prefix=trial.prefix)
    return [str(item["Key"]) for page in found for item in page.get("Contents", [])]
