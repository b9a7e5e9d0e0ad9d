"""Prints docs/settings.md from the settings themselves: `python -m local.settings_page > docs/settings.md`."""

from pydantic_core import PydanticUndefined

from shared.settings import Settings

MEANING = {
    "google_cloud_project": "project of the topics and of Firestore",
    "job": "names the job's documents; one project can hold several jobs",
    "firestore_database": "the Firestore database",
    "source_bucket": "the S3 bucket",
    "source_prefix": "the root of the job; nothing outside it is read",
    "aws_region": "region of the S3 bucket",
    "aws_endpoint_url_s3": "only for a local stack",
    "aws_role_arn": "role that is taken with the function's Google identity, so that there is no AWS key to keep",
    "aws_role_audience": "whom the identity token is meant for; the role's trust policy names it as `oaud`",
    "aws_credentials_secret": "`projects/P/secrets/S/versions/V` with `access_key_id` and `secret_access_key` as JSON; "
    "without it botocore's own chain is used",
    "requester_pays": "say with every request to S3 that its sender pays",
    "route": "`cloudfront`, `direct` to S3, or `cheapest`: each object by the way that costs less at the prices below",
    "cdn_url": "`https://…` of the distribution; needed unless the route is direct",
    "cdn_path_map": "`old=new,old=new`, replaced in the keys wherever they occur, for a distribution whose paths "
    "differ from the keys; percent-encode `,` and `=`",
    "cdn_auth": "`sigv4`: signed for S3, sent to a distribution that passes all but Host on; `signed-url`: a "
    "CloudFront custom policy; `public`",
    "cdn_key_pair_id": "id of the CloudFront public key, for `signed-url`",
    "cdn_private_key_secret": "`projects/P/secrets/S/versions/V` with its RSA private key in PEM form",
    "cdn_policy_seconds": "how long a signed policy is good for; a new one is signed when half of that is left",
    "cdn_policy_hash": "`SHA1` or `SHA256`: what CloudFront verifies a policy's signature with",
    "stale_edge": "`direct` reads from S3 what the CDN serves stale, `fail` fails that key",
    "price_s3_egress_gb": "dollars for a GB out of S3, for `cheapest`",
    "price_cdn_egress_gb": "dollars for a GB out of CloudFront",
    "price_cdn_10k_requests": "dollars for 10,000 HTTPS requests to CloudFront",
    "destination_bucket": "the Cloud Storage bucket",
    "destination_prefix": "in the place of the source prefix, empty for the root; without it keys stay as they are",
    "storage_class_map": "`STANDARD_IA=NEARLINE,GLACIER_IR=COLDLINE` and so on, from S3's classes to Cloud Storage's; "
    "what is not named gets the bucket's default",
    "unsupported_names": "keys that Cloud Storage refuses: `report` them, or `encode` them under `.s3-names/`",
    "staging_bucket": "where large objects are put together: in the destination's location, without soft delete",
    "large_bytes": "larger objects are copied in parts, each by an invocation of its own",
    "part_bytes": "size of such a part; larger where there would be more than 10,000",
    "list_topic": "where the lister's messages come from",
    "transfer_topic": "where batches go",
    "verify_topic": "where the verifier's messages come from",
    "dead_letter_topic": "where messages go that nobody can read",
    "include": "globs of keys to copy, `,` between them; `*` is any text without a slash, `**` any text, `?` one "
    "character, `[a-z]` and `[!a-z]` a set; percent-encode `,`. Without it all",
    "exclude": "globs of keys to leave out",
    "least_bytes": "smaller objects are left out",
    "most_bytes": "larger objects are left out",
    "modified_after": "objects last modified before this are left out; RFC 3339 with a time zone",
    "modified_before": "objects last modified at this time or later are left out",
    "source_storage_classes": "S3 storage classes to copy, `,` between them; without it all",
    "report_bucket": "where each run's manifest and report are put, in a folder of its own; without it there are none",
    "pulse_seconds": "how often an instance says which run it works on, and what it has copied since",
    "verify_after": "which runs are followed by a comparison of their prefix: `initial`, a prefix's first one; "
    "`always`, each that copied something; `never`",
    "repair_passes": "comparisons in a row, as long as each one repairs something",
    "delete_extras": "copies that belong to no object: `off` leaves them, `dry-run` says what would be deleted, `on` "
    "deletes what every guard lets go (docs/design.md)",
    "extra_share": "if more than this share of all copies belongs to no object, none is deleted",
    "extra_grace_seconds": "how long ago a comparison must have seen such a copy before it may be deleted",
    "ceiling_objects": "the most objects that one run may publish, unless `manage ceilings` says otherwise",
    "ceiling_bytes": "the same, in bytes",
    "restore_tier": "`Bulk`, `Standard` or `Expedited`: comparisons ask S3 to restore archived objects, which are "
    "copied once that is done; without it nothing is restored",
    "restore_days": "days that restored objects stay readable",
    "sum_depth": "how many folders below the root the verifier sums up apart, in documents of their own",
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
        default = "**required**" if required else f"`{field.default}`" if field.default not in (None, "", ()) else ""
        lines.append(f"| `{name.upper()}` | {default} | {MEANING[name]} |")
    clients = (
        "`STORAGE_EMULATOR_HOST`, `PUBSUB_EMULATOR_HOST`, `FIRESTORE_EMULATOR_HOST`, `SECRET_MANAGER_EMULATOR_HOST`"
    )
    lines += ["", f"Besides, the client libraries' own variables point to a local stack: {clients}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
