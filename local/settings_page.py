"""Prints docs/settings.md from the settings themselves: `python -m local.settings_page > docs/settings.md`."""

from pydantic_core import PydanticUndefined

from shared.config import Settings

MEANING = {
    "google_cloud_project": "project of the topics and of Firestore",
    "job": "names the job's documents; one project can hold several jobs",
    "firestore_database": "the Firestore database",
    "source_bucket": "the S3 bucket",
    "source_prefix": "the root of the job; nothing outside it is read",
    "aws_region": "region of the S3 bucket",
    "aws_endpoint_url_s3": "only for a local stack",
    "aws_credentials_secret": "`projects/P/secrets/S/versions/V` with `access_key_id` and `secret_access_key` as JSON; "
    "without it botocore's own chain is used",
    "route": "`cloudfront`, or `direct` to S3",
    "cdn_url": "`https://…` of the distribution; needed unless the route is direct",
    "cdn_auth": "`sigv4`: signed for S3, sent to a distribution that passes all but Host on; `signed-url`: a "
    "CloudFront custom policy; `public`",
    "cdn_key_pair_id": "id of the CloudFront public key, for `signed-url`",
    "cdn_private_key_secret": "`projects/P/secrets/S/versions/V` with its RSA private key in PEM form",
    "cdn_policy_seconds": "how long a signed policy is good for; a new one is signed when half of that is left",
    "stale_edge": "`direct` reads from S3 what the CDN serves stale, `fail` fails that key",
    "destination_bucket": "the Cloud Storage bucket",
    "destination_prefix": "stands in the place of the source prefix; without it keys stay as they are",
    "list_topic": "where the lister's messages come from",
    "transfer_topic": "where batches go",
    "verify_topic": "where the verifier's messages come from",
    "dead_letter_topic": "where messages go that nobody can read",
    "keys_per_message": "most keys in a batch",
    "batch_bytes": "most bytes in a batch of more than one key",
    "in_flight_life_seconds": "how long a published batch counts as being copied",
    "lease_seconds": "after this much silence another invocation may take over a range",
    "max_attempts": "messages a key is in before it has failed",
    "objects_in_flight": "most objects that one instance copies at a time",
    "bytes_in_flight": "about the most memory that one instance holds for bodies",
    "budget_seconds": "after this an invocation begins nothing new and hands on the rest",
    "log_level": "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
}


def page() -> str:
    """The page, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Environment variables of the three functions. All three read the same ones. Sizes in bytes, times in seconds.",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        required = field.default is PydanticUndefined
        default = "**required**" if required else f"`{field.default}`" if field.default not in (None, "") else ""
        lines.append(f"| `{name.upper()}` | {default} | {MEANING[name]} |")
    clients = (
        "`STORAGE_EMULATOR_HOST`, `PUBSUB_EMULATOR_HOST`, `FIRESTORE_EMULATOR_HOST`, `SECRET_MANAGER_EMULATOR_HOST`"
    )
    lines += ["", f"Besides, the client libraries' own variables point to a local stack: {clients}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
