"""Values that the google provider checks in its own code, where no schema shows them: as its sources list them, in
google/services/*/resource_*.go, and where those leave it to the service, as the resource's page does.

Each attribute is named by its path, blocks in one another joined by dots.
https://github.com/hashicorp/terraform-provider-google (read at e03b7622)
"""

from collections.abc import Iterator
from typing import Any

from tests.terraform.plans import resources

POLICIES = {"ABANDON", "DELETE", "PREVENT"}

ALLOWED: dict[str, dict[str, set[str]]] = {
    "google_cloud_scheduler_job": {},
    "google_cloudfunctions2_function": {
        "build_config.runtime": {"python311", "python312", "python313"},
        "deletion_policy": POLICIES,
        "service_config.direct_vpc_egress": {"VPC_EGRESS_ALL_TRAFFIC", "VPC_EGRESS_PRIVATE_RANGES_ONLY"},
        "service_config.available_cpu": {"1", "2", "4"},
        "service_config.ingress_settings": {"ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"},
    },
    "google_firestore_database": {
        "app_engine_integration_mode": {"ENABLED", "DISABLED"},
        "concurrency_mode": {"OPTIMISTIC", "PESSIMISTIC", "OPTIMISTIC_WITH_ENTITY_GROUPS"},
        "delete_protection_state": {
            "DELETE_PROTECTION_STATE_UNSPECIFIED", "DELETE_PROTECTION_ENABLED", "DELETE_PROTECTION_DISABLED",
        },
        "deletion_policy": POLICIES,
        "point_in_time_recovery_enablement": {"POINT_IN_TIME_RECOVERY_ENABLED", "POINT_IN_TIME_RECOVERY_DISABLED"},
        "type": {"FIRESTORE_NATIVE", "DATASTORE_MODE"},
    },
    "google_firestore_index": {
        "fields.order": {"ASCENDING", "DESCENDING"},
        "query_scope": {"COLLECTION", "COLLECTION_GROUP", "COLLECTION_RECURSIVE"},
    },
    "google_logging_metric": {
        "metric_descriptor.metric_kind": {"DELTA", "GAUGE", "CUMULATIVE"},
        "metric_descriptor.value_type": {"BOOL", "INT64", "DOUBLE", "STRING", "DISTRIBUTION", "MONEY"},
    },
    "google_monitoring_alert_policy": {
        "combiner": {"AND", "OR", "AND_WITH_MATCHING_RESOURCE"},
        "documentation.mime_type": {"text/markdown"},
        "severity": {"CRITICAL", "ERROR", "WARNING"},
    },
    "google_monitoring_notification_channel": {"type": {"email"}},
    "google_project_iam_custom_role": {"stage": {"ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP"}},
    "google_storage_bucket": {
        "deletion_policy": POLICIES,
        "lifecycle_rule.action.storage_class": {
            "STANDARD", "MULTI_REGIONAL", "REGIONAL", "NEARLINE", "COLDLINE", "ARCHIVE",
        },
        "lifecycle_rule.action.type": {"Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"},
        "public_access_prevention": {"inherited", "enforced"},
        "storage_class": {"STANDARD", "MULTI_REGIONAL", "REGIONAL", "NEARLINE", "COLDLINE", "ARCHIVE"},
    },
}  # fmt: skip

RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "google_cloudfunctions2_function": {
        "service_config.max_instance_request_concurrency": (1, 1000),
        "service_config.timeout_seconds": (1, 3600),
    },
    "google_pubsub_subscription": {
        "ack_deadline_seconds": (10, 600),
        "dead_letter_policy.max_delivery_attempts": (5, 100),
        "message_retention_duration": (600, 31 * 86_400),
        "retry_policy.maximum_backoff": (0, 600),
        "retry_policy.minimum_backoff": (0, 600),
    },
}
"""Least and most; a duration is in seconds, written as "600s"."""


def wrong(plan: dict[str, Any]) -> list[str]:
    """What a plan, as `terraform show -json` writes it, sets to a value that the provider would refuse."""
    found = []
    for resource in resources(plan):
        kind, address, values = resource.kind, resource.address, resource.values
        for path, allowed in ALLOWED.get(kind, {}).items():
            found += [f"{address}: {path} = {value}" for value in at(values, path) if value not in allowed]
        for path, (least, most) in RANGES.get(kind, {}).items():
            numbers = [(value, float(str(value).removesuffix("s"))) for value in at(values, path)]
            found += [f"{address}: {path} = {value}" for value, number in numbers if not least <= number <= most]
    return found


def at(values: object, path: str) -> Iterator[Any]:
    """The values that are set at a path, through every block on the way."""
    if isinstance(values, list):
        for item in values:
            yield from at(item, path)
    elif isinstance(values, dict):
        name, _, rest = path.partition(".")
        value = values.get(name)
        if rest:
            yield from at(value, rest)
        elif value not in (None, ""):
            yield value
