"""What no schema and no value shows: how the parts of a plan belong together, as the services want it.

Each rule yields a sentence for every fault that it finds. terraform/README.md says where each was read.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from tests.terraform.plans import Resource, awaited, configured, queries, resources, selectors

Plan = dict[str, Any]
Rule = Callable[[Plan], Iterator[str]]

NEW_PROJECT_VCPU = 20
NEW_PROJECT_INSTANCES = 10
KEPT_ERRORS = {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
"""https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CustomErrorResponse.html, but 416, which is not kept."""

RUNTIMES = {
    "python310": date(2026, 10, 4), "python311": date(2027, 10, 24), "python312": date(2028, 10, 2), "python313": date(2029, 10, 10),
}  # fmt: skip
"""When Google deprecates a runtime: https://docs.cloud.google.com/run/docs/runtimes/function-runtimes"""

SENDERS = ("google_cloud_scheduler_job.this", "google_pubsub_subscription.function")
LABELLED = {
    "aws_cloudfront_distribution": "tags", "aws_cloudwatch_metric_alarm": "tags", "aws_iam_role": "tags", "google_cloudfunctions2_function": "labels",
    "google_monitoring_alert_policy": "user_labels", "google_monitoring_notification_channel": "user_labels",
    "google_pubsub_subscription": "labels", "google_pubsub_topic": "labels", "google_secret_manager_secret": "labels",
    "google_storage_bucket": "labels",
}  # fmt: skip

ACCOUNT_WIDE = {
    "aws_cloudfront_key_group": "name", "aws_cloudfront_origin_access_control": "name", "aws_cloudfront_public_key": "name_prefix",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_iam_role": "name", "google_storage_bucket": "name",
}  # fmt: skip
"""Names that others can have taken: in an AWS account, or anywhere."""


ELSEWHERE = {"google_service_account_iam_member", "google_storage_bucket_iam_member", "google_storage_bucket_object"}
"""They are where what they belong to is."""


def size(plan: Plan) -> Iterator[str]:
    """1. What is started with fits a new project."""
    if plan["variables"].get("scale", {"value": "start"})["value"] != "start":
        return
    sizes = [item.values["service_config"][0]["max_instance_count"] for item in functions(plan)]
    if sum(sizes) > NEW_PROJECT_VCPU * len(sizes) // 3 or max(sizes) > NEW_PROJECT_INSTANCES:
        yield f"instances: {sizes} are more than a new project may have"


def errors(plan: Plan) -> Iterator[str]:
    """3. CloudFront keeps no error."""
    for item in resources(plan, "aws_cloudfront_distribution"):
        kept = {error["error_code"]: error["error_caching_min_ttl"] for error in item.values["custom_error_response"]}
        if set(kept) != KEPT_ERRORS or any(ttl != 0 for ttl in kept.values()):
            yield f"{item.address}: errors are kept: {kept}"


def origin(plan: Plan) -> Iterator[str]:
    """3. An origin is S3's own, which gets no header besides."""
    for item in resources(plan, "aws_cloudfront_distribution"):
        for one in item.values["origin"]:
            if one["custom_origin_config"] or not re.search(r"\.s3\.[a-z0-9-]+\.amazonaws\.com$", one["domain_name"]):
                yield f"{item.address}: {one['domain_name']} is no S3 origin"


def public_key(plan: Plan) -> Iterator[str]:
    """3. A key is written as CloudFront gives it back."""
    for item in resources(plan, "aws_cloudfront_public_key"):
        if not re.fullmatch(r"-----BEGIN.*-----\n", item.values["encoded_key"], re.DOTALL):
            yield f"{item.address}: the key does not end with a new line, or not with one"


def unsigned(plan: Plan) -> Iterator[str]:
    """4. What an origin access control may not sign is not passed on."""
    if not resources(plan, "aws_cloudfront_origin_access_control"):
        return
    for item in resources(plan, "aws_cloudfront_distribution"):
        if item.values["default_cache_behavior"][0]["origin_request_policy_id"]:
            yield f"{item.address}: passes x-amz-checksum-mode on, which may not be signed"


def order(plan: Plan) -> Iterator[str]:
    """5. Nothing is sent before what receives it can work; a build waits for its rights, a right for its account, a
    version for the indexes that its queries need.
    """
    written = {item["address"] for item in configured(plan) if item["mode"] == "managed"}
    rights = {name for name in written if "_iam_" in name and "custom_role" not in name}
    after = rights - {"google_pubsub_subscription_iam_member.agent", "google_cloud_run_v2_service_iam_member.replicate"}
    firestore = {name for name in written if name.startswith("google_firestore_")}
    source = {"aws_cloudfront_distribution.this", "aws_iam_role_policy.read", "google_cloudfunctions2_function.this"}
    for sender in SENDERS:
        missing = (after | firestore | source | {"time_sleep.ready"}) - awaited(plan, sender)
        if missing:
            yield f"{sender}: does not wait for {', '.join(sorted(missing))}"
    if "google_pubsub_subscription.function" not in awaited(plan, SENDERS[0]):
        yield f"{SENDERS[0]}: does not wait for its subscription"
    function = "google_cloudfunctions2_function.this"
    if "time_sleep.builder" not in awaited(plan, function):
        yield f"{function}: does not wait for the builder's rights to settle"
    if missing := firestore - awaited(plan, function):
        yield f"{function}: does not wait for {', '.join(sorted(missing))}"
    for name in sorted(name for name in rights if name.endswith(".agent")):
        if "time_sleep.agent" not in awaited(plan, name):
            yield f"{name}: does not wait for Pub/Sub's agent"


def unasked(plan: Plan) -> Iterator[str]:
    """5. Nothing is copied before somebody says so."""
    if not plan["variables"].get("schedules", {"value": {}})["value"].get("paused", True):
        return
    for item in resources(plan, "google_cloud_scheduler_job"):
        if not item.values["paused"] and not item.values["name"].endswith("-close"):
            yield f"{item.address}: begins by itself"


def lasting(plan: Plan) -> Iterator[str]:
    """6. A second apply has nothing to do, also after 30 days."""
    for item in resources(plan, "google_storage_bucket"):
        for rule in item.values["lifecycle_rule"] if item.values["name"].endswith("_code") else []:
            yield f"{item.address}: takes live code away: {rule['action']}"
    for item in functions(plan):
        empty = [
            name
            for name, value in (item.values["service_config"][0]["environment_variables"] or {}).items()
            if not value
        ]
        if empty:
            yield f"{item.address}: empty settings: {empty}"
    for item in resources(plan, "google_logging_metric"):
        if item.values["metric_descriptor"][0]["value_type"] == "DISTRIBUTION" and not item.values["bucket_options"]:
            yield f"{item.address}: a distribution without buckets of its own"
    for item in resources(plan, "google_monitoring_dashboard"):
        tiles = json.loads(item.values["dashboard_json"])["mosaicLayout"]["tiles"]
        if any(tile.get("xPos") == 0 or tile.get("yPos") == 0 for tile in tiles):
            yield f"{item.address}: positions of zero"


def alerts(plan: Plan) -> Iterator[str]:
    """7. Alerts fire: on metrics that do not exist yet, on single lines, on this job only."""
    others = [f"{item.values['name']}-2" for item in (*functions(plan), *resources(plan, "google_pubsub_subscription"))]
    others += [item.values["name"].replace("-", "-2-", 1) for item in functions(plan)]
    for item in resources(plan, "google_monitoring_alert_policy"):
        (condition,) = item.values["conditions"]
        for metric in condition["condition_prometheus_query_language"]:
            if not metric["disable_metric_validation"]:
                yield f"{item.address}: asks for a metric that may not exist yet"
            if re.search(r"mismatch|stalled|stopped|malformed", metric["query"]):
                yield f"{item.address}: counts what happens once"
        if condition["condition_matched_log"] and not item.values["alert_strategy"][0]["notification_rate_limit"]:
            yield f"{item.address}: an alert on a line must limit its rate"
    for place, query in queries(plan):
        for labels in selectors(query):
            if "monitored_resource" not in labels:
                yield f"{place}: of which resource? {query}"
            for name in ("service_name", "subscription_id"):
                if name in labels and any(re.fullmatch(labels[name], other) for other in others):
                    yield f"{place}: {name} matches other jobs, too"


def events(plan: Plan) -> Iterator[str]:
    """7. What happens once is told by its line in the log."""
    policies = resources(plan, "google_monitoring_alert_policy")
    lines = " ".join(
        log["filter"] for item in policies for log in item.values["conditions"][0]["condition_matched_log"]
    )
    for message in (
        "run ended",
        "a range has stopped",
        "a ceiling is reached",
        "mismatch",
        "malformed message",
        "nacked",
    ):
        if f'jsonPayload.message="{message}"' not in lines:
            yield f"nobody is told of: {message}"


def names(plan: Plan) -> Iterator[str]:
    """8. No other project and no other job makes the same name."""
    kept = {item.address for item in resources(plan) if item.name == "destination"}
    project = plan["variables"]["project"]["value"]
    for kind, attribute in ACCOUNT_WIDE.items():
        for item in resources(plan, kind):
            given = item.values[attribute]
            job = next(one.values["labels"]["job"] for one in functions(plan) if one.module == item.module)
            if item.address not in kept and not given.startswith(f"{project}_{job}_"):
                yield f"{item.address}: {given} could be another's"
            if kind == "google_storage_bucket" and not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", given):
                yield f"{item.address}: {given} is no name of a bucket"


def thin(plan: Plan) -> Iterator[str]:
    """8. Providers are configured by who calls the module, never within it."""
    for name, config in plan["configuration"]["provider_config"].items():
        if config.get("module_address") and config.get("expressions"):
            yield f"{name}: a provider within the module"


def place(plan: Plan) -> Iterator[str]:
    """8. A job is in its own project, whatever the provider's is."""
    project = plan["variables"]["project"]["value"]
    for item in resources(plan):
        if item.kind.startswith("google_") and item.kind not in ELSEWHERE and item.values.get("project") != project:
            yield f"{item.address}: is in the provider's project"


def labels(plan: Plan) -> Iterator[str]:
    """9. Everything that can be labelled names its job."""
    for kind, attribute in LABELLED.items():
        for item in resources(plan, kind):
            if "job" not in (item.values[attribute] or {}):
                yield f"{item.address}: no label says of which job it is"


def protected(plan: Plan) -> Iterator[str]:
    """9. What cannot be made again is not taken away by a slip."""
    if not plan["variables"].get("deletion_protection", {"value": True})["value"]:
        return
    for item in resources(plan):
        if (
            item.kind == "google_firestore_database"
            and item.values["delete_protection_state"] != "DELETE_PROTECTION_ENABLED"
        ):
            yield f"{item.address}: may be deleted"
        if (
            item.kind == "google_storage_bucket"
            and item.name in ("destination", "reports")
            and item.values["deletion_policy"] != "PREVENT"
        ):
            yield f"{item.address}: may be deleted"


def versions(plan: Plan) -> Iterator[str]:
    """10. Providers of today."""
    wanted = {"archive": "~> 2.7", "aws": ">= 5.100.0, < 7.0.0", "google": "~> 8.7", "time": "~> 0.13"}
    for name, config in plan["configuration"]["provider_config"].items():
        constraint = config.get("version_constraint")
        if constraint and constraint != wanted[name.rpartition(":")[2]]:
            yield f"{name}: {constraint}"


def runtime(plan: Plan) -> Iterator[str]:
    """11. A runtime that is cared for two more years."""
    for item in functions(plan):
        chosen = item.values["build_config"][0]["runtime"]
        if RUNTIMES.get(chosen, date.min).year < date.today().year + 2:
            yield f"{item.address}: {chosen} ends too soon"


def functions(plan: Plan) -> list[Resource]:
    return resources(plan, "google_cloudfunctions2_function")


RULES: tuple[Rule, ...] = (
    size, errors, origin, public_key, unsigned, order, unasked, lasting, alerts, events, names, thin, place, labels, protected, versions, runtime,
)  # fmt: skip


def faults(plan: Plan) -> list[str]:
    """Every fault of a plan, with the number of its point in front."""
    return [f"{(rule.__doc__ or '').split('.')[0]}. {rule.__name__}: {fault}" for rule in RULES for fault in rule(plan)]
