"""Mistakes that are planted, and what must be said of each. `file` is in the module of a job unless it has a folder."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    file: str
    right: str
    wrong: str
    found: str


SCHEMA = {
    "what others wait for": [
        Mistake(
            "buckets.tf",
            "uniform_bucket_level_access = true",
            'uniform_bucket_level_access = "sometimes"',
            'Inappropriate value for attribute "uniform_bucket_level_access"',
        ),
        Mistake(
            "aws_cdn.tf",
            "viewer_protocol_policy   =",
            "viewer_protocol          =",
            '"viewer_protocol" is not expected',
        ),
        Mistake(
            "aws_role.tf",
            "max_session_duration = 3600",
            "max_session_duration = 60",
            "expected max_session_duration to be in the range",
        ),
        Mistake("secrets.tf", "time_sleep.apis", "time_sleep.api", '"time_sleep" "api" has not been declared'),
    ],
    "functions": [
        Mistake(
            "functions.tf", "max_instance_count  ", "max_instances_count ", '"max_instances_count" is not expected'
        ),
    ],
    "subscriptions": [
        Mistake("pubsub.tf", "minimum_backoff", "minimal_backoff", '"minimal_backoff" is not expected'),
        Mistake("pubsub.tf", "  dead_letter_policy {", "  dead_letters {", '"dead_letters" are not expected'),
    ],
    "the last": [
        Mistake("scheduler.tf", "    topic_name = ", "    topic      = ", '"topic" is not expected'),
    ],
}
"""`terraform validate` names each; what waits for a resource with a mistake is not looked at, so there are several lots."""

VALUES = [
    Mistake("functions.tf", '"ALLOW_INTERNAL_ONLY"', '"ALLOW_INTERNAL"', "ingress_settings = ALLOW_INTERNAL"),
    Mistake(
        "functions.tf",
        '"VPC_EGRESS_PRIVATE_RANGES_ONLY"',
        '"PRIVATE_RANGES_ONLY"',
        "direct_vpc_egress = PRIVATE_RANGES_ONLY",
    ),
    Mistake(
        "buckets.tf",
        '"AbortIncompleteMultipartUpload"\n    }',
        '"AbortMultipartUpload"\n    }',
        "action.type = AbortMultipartUpload",
    ),
    Mistake(
        "pubsub.tf",
        "ack_deadline_seconds       = 600",
        "ack_deadline_seconds       = 900",
        "ack_deadline_seconds = 900",
    ),
    Mistake("firestore.tf", '"FIRESTORE_NATIVE"', '"NATIVE"', "type = NATIVE"),
    Mistake("monitoring.tf", '"OR"', '"ANY"', "combiner = ANY"),
]
"""All at once, with the plan of a petabyte: `values.wrong` finds each."""

HELD = [
    Mistake(
        "pubsub.tf", "kms_key_name = var.kms_key_name.region", "kms_key_name = null", 'topic.this["list"].kms_key_name'
    ),
    Mistake(
        "functions.tf", "for_each = var.network[*]", "for_each = []", "service_config.direct_vpc_network_interface"
    ),
    Mistake("buckets.tf", "for_each = var.kms_key_name.destination[*]", "for_each = []", "destination[0].encryption"),
    Mistake("aws_cdn.tf", "count = local.signs_url ? 1 : 0", "count = 2", "aws_cloudfront_public_key: 2, and not 1"),
]
"""With VALUES: the plan of a petabyte is no longer what its inventory says."""

RULES = [
    Mistake("sizes.tf", "transfer = 10,", "transfer = 300,", "1. size: instances"),
    Mistake("aws_cdn.tf", "error_caching_min_ttl = 0", "error_caching_min_ttl = 10", "3. errors:"),
    Mistake(
        "aws_cdn.tf",
        '"${var.source_bucket.name}.s3.${var.source_bucket.region}',
        '"s3.${var.source_bucket.region}',
        "3. origin:",
    ),
    Mistake("aws_cdn.tf", '"${trimspace(var.cdn.public_key)}\\n"', "trimspace(var.cdn.public_key)", "3. public_key:"),
    Mistake("aws_cdn.tf", "!local.own_read || var.cdn.pass_x_amz ?", "true ?", "4. unsigned:"),
    Mistake(
        "functions.tf", "google_firestore_index.this, ", "", "5. order: google_cloudfunctions2_function.this: does"
    ),
    Mistake(
        "pubsub.tf",
        "depends_on = [time_sleep.ready]",
        "depends_on = []",
        "5. order: google_pubsub_subscription.function:",
    ),
    Mistake("functions.tf", ", time_sleep.builder]", "]", "the builder's rights to settle"),
    Mistake("pubsub.tf", "depends_on = [time_sleep.agent]", "depends_on = []", "does not wait for Pub/Sub's agent"),
    Mistake("variables_work.tf", "optional(bool, true)\n  })", "optional(bool, false)\n  })", "5. unasked:"),
    Mistake(
        "functions.tf",
        '  dynamic "encryption" {',
        '  lifecycle_rule {\n    condition {\n      age = 30\n    }\n    action {\n      type = "Delete"\n    }\n  }\n  dynamic "encryption" {',
        "6. lasting: module.job.google_storage_bucket.code: takes live code away",
    ),
    Mistake(
        "settings.tf", ' if value != null && try(tostring(value), "") != ""', " if value != null", "empty settings: ["
    ),
    Mistake(
        "monitoring.tf", "for_each = each.value.value != null ? [1] : []", "for_each = []", "without buckets of its own"
    ),
    Mistake("monitoring.tf", "place % 2 > 0 ? { xPos = 24 } : {}", "{ xPos = place % 2 * 24 }", "positions of zero"),
    Mistake(
        "monitoring.tf", "disable_metric_validation = true", "disable_metric_validation = false", "may not exist yet"
    ),
    Mistake(
        "monitoring.tf",
        '{monitored_resource=\\"cloud_run_revision\\"}"\n',
        '"\n',
        '7. alerts: module.job.google_monitoring_alert_policy.this["failure-share"]: of which resource?',
    ),
    Mistake(
        "monitoring.tf",
        'subscription_id=~\\"${join("|", [for subscription in google_pubsub_subscription.function : subscription.name])}\\"',
        'subscription_id=~\\"${var.job}-.*\\"',
        "matches other jobs, too",
    ),
    Mistake(
        "monitoring.tf",
        '    notification_rate_limit {\n      period = "3600s"\n    }\n',
        "",
        "an alert on a line must limit its rate",
    ),
    Mistake(
        "monitoring.tf", 'lines = "jsonPayload.message=\\"mismatch\\""', 'lines = "true"', "nobody is told of: mismatch"
    ),
    Mistake("monitoring.tf", 'jsonPayload.message=\\"nacked\\" OR ', "", "nobody is told of: nacked"),
    Mistake(
        "aws_role.tf", '"${local.unique}_s3-to-gcs"', '"${var.job}-s3-to-gcs"', "8. names: module.job.aws_iam_role"
    ),
    Mistake(
        "buckets.tf",
        '"${local.unique}_staging"',
        '"${var.project}-${var.job}-staging"',
        "google_storage_bucket.staging: my-project",
    ),
    Mistake("monitoring.tf", "  project         = var.project\n", "", "8. place: module.job.google_logging_metric"),
    Mistake("versions.tf", "terraform {", 'provider "google" {\n  project = "other"\n}\n\nterraform {', "8. thin:"),
    Mistake(
        "pubsub.tf", "labels       = local.labels", "labels       = {}", "9. labels: module.job.google_pubsub_topic"
    ),
    Mistake("buckets.tf", 'var.deletion_protection ? "PREVENT" : "DELETE"', '"DELETE"', "9. protected:"),
    Mistake("../../versions.tf", '"~> 8.7"', '">= 6.50"', "10. versions: google"),
    Mistake("functions.tf", '"python313"', '"python310"', "11. runtime:"),
]
"""All at once, with the plan of the example and a signed-url distribution: `rules.faults` finds each."""

INPUT = [
    Mistake("sizes.tf", "|| var.quota.vcpu != null", "|| true", "a_larger_scale_asks_for_a_quota"),
    Mistake("variables_work.tf", "local.needed.vcpu <= coalesce", "0 <= coalesce", "more_than_the_quota_holds"),
    Mistake(
        "variables_work.tf", "local.needed.memory_gib <= coalesce", "0 <= coalesce", "more_memory_than_the_quota_holds"
    ),
    Mistake("sizes.tf", "transfer = 10,", "transfer = 100,", "the_start_fits_a_new_project"),
    Mistake(
        "variables_data.tf",
        '!can(regex("^goog|g[o0][o0]g[l1]e", var.destination_bucket.name))',
        'var.destination_bucket.name != ""',
        "a_destination_that_cloud_storage_refuses",
    ),
    Mistake(
        "variables.tf", '!can(regex("^goog|g[o0][o0]g[l1]e", var.job))', 'var.job != ""', "a_job_that_pubsub_refuses"
    ),
    Mistake(
        "variables_data.tf",
        '&& var.cdn.auth == "sigv4" &&',
        '&& var.cdn.auth == "none" &&',
        "dots_and_a_signature_by_path",
    ),
    Mistake("variables.tf", '"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"', '".*"', "a_project_by_its_number"),
    Mistake(
        "variables_work.tf",
        ":sns:${var.source_bucket.region}:",
        ":sns:[^:]+:",
        "an_alarm_that_tells_a_topic_of_another_region",
    ),
    Mistake(
        "variables_work.tf", "length(var.events.alarm_actions) <= 5 &&", "", "an_alarm_that_tells_more_topics_than_five"
    ),
    Mistake("variables_data.tf", '"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"', '".*"', "a_source_that_s3_refuses"),
]
"""Each alone, on the variables alone: the run of this name fails."""
