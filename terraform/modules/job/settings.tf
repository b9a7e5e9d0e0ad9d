# The functions' environment: every setting of shared/settings/, and nothing else. What is null or empty is left out, and the
# function takes its own default. Only an empty DESTINATION_PREFIX has a meaning, the root, and is written as a blank, which the functions
# strip: an empty value in an environment would be missing from what the service answers, and a change at every plan.

locals {
  settings = {
    GOOGLE_CLOUD_PROJECT = var.project
    JOB                  = var.job
    FIRESTORE_DATABASE   = google_firestore_database.state.name

    SOURCE_BUCKET          = var.source_bucket.name
    SOURCE_PREFIX          = var.source_bucket.prefix
    AWS_REGION             = var.source_bucket.region
    AWS_ROLE_AUDIENCE      = local.role_audience
    AWS_CREDENTIALS_SECRET = local.uses_aws_secret ? "projects/${var.project}/secrets/${google_secret_manager_secret.this["aws-credentials"].secret_id}/versions/latest" : null
    REQUESTER_PAYS         = var.source_bucket.requester_pays

    ROUTE                  = var.cdn.route
    CDN_PATH_MAP           = local.pairs["cdn_path_map"]
    CDN_AUTH               = var.cdn.auth
    CDN_PRIVATE_KEY_SECRET = local.uses_cdn_secret ? "projects/${var.project}/secrets/${google_secret_manager_secret.this["cdn-private-key"].secret_id}/versions/latest" : null
    CDN_POLICY_SECONDS     = var.cdn.policy_seconds
    CDN_POLICY_HASH        = var.cdn.policy_hash
    STALE_EDGE             = var.cdn.stale_edge
    PRICES                 = local.replicates ? jsonencode(local.prices) : var.cdn.price_list
    PRICE_S3_EGRESS_GB     = var.cdn.prices.s3_egress_gb
    PRICE_CDN_EGRESS_GB    = var.cdn.prices.cdn_egress_gb
    PRICE_CDN_10K_REQUESTS = var.cdn.prices.cdn_10k_requests

    DESTINATION_BUCKET = local.destination
    DESTINATION_PREFIX = var.destination_bucket.prefix == "" ? " " : var.destination_bucket.prefix
    STORAGE_CLASS_MAP  = local.pairs["storage_class_map"]
    UNSUPPORTED_NAMES  = var.destination_bucket.unsupported_names
    STAGING_BUCKET     = google_storage_bucket.staging.name
    REPORT_BUCKET      = google_storage_bucket.reports.name
    LARGE_BYTES        = var.tuning.large_bytes
    PART_BYTES         = var.tuning.part_bytes

    LIST_TOPIC        = google_pubsub_topic.this["list"].name
    TRANSFER_TOPIC    = google_pubsub_topic.this["transfer"].name
    FIRST_TOPIC       = google_pubsub_topic.this["first"].name
    VERIFY_TOPIC      = google_pubsub_topic.this["verify"].name
    DEAD_LETTER_TOPIC = google_pubsub_topic.this["dead-letters"].name

    PUSH_SERVICE_ACCOUNT = "${google_service_account.this["invoker"].account_id}@${var.project}.iam.gserviceaccount.com" # known at plan

    INCLUDE                = join(",", [for glob in var.filters.include : replace(replace(glob, "%", "%25"), ",", "%2C")])
    EXCLUDE                = join(",", [for glob in var.filters.exclude : replace(replace(glob, "%", "%25"), ",", "%2C")])
    LEAST_BYTES            = var.filters.least_bytes
    MOST_BYTES             = var.filters.most_bytes
    MODIFIED_AFTER         = var.filters.modified_after
    MODIFIED_BEFORE        = var.filters.modified_before
    SOURCE_STORAGE_CLASSES = join(",", var.filters.storage_classes)

    VERIFY_AFTER        = var.comparison.after
    REPAIR_PASSES       = var.comparison.repair_passes
    SUM_DEPTH           = var.comparison.sum_depth
    REREAD_UNPROVEN     = var.comparison.reread_unproven
    COMPARE_METADATA    = var.comparison.metadata
    DELETE_EXTRAS       = var.comparison.delete_extras
    EXTRA_SHARE         = var.comparison.extra_share
    EXTRA_GRACE_SECONDS = var.comparison.extra_grace_days * 86400
    RESTORE_TIER        = var.comparison.restore_tier
    RESTORE_DAYS        = var.comparison.restore_days

    EVENTS_LATE_SECONDS  = var.events.late_seconds
    EVENTS_QUIET_SECONDS = var.events.quiet_seconds

    BATCH_BYTES            = var.tuning.batch_bytes
    BUDGET_SECONDS         = var.tuning.budget_seconds
    BYTES_IN_FLIGHT        = var.tuning.bytes_in_flight
    CEILING_BYTES          = var.tuning.ceiling_bytes
    CEILING_DOLLARS        = var.tuning.ceiling_dollars
    CEILING_OBJECTS        = var.tuning.ceiling_objects
    IN_FLIGHT_LIFE_SECONDS = var.tuning.in_flight_life_seconds
    KEYS_PER_MESSAGE       = var.tuning.keys_per_message
    LEASE_SECONDS          = var.tuning.lease_seconds
    LOG_LEVEL              = var.tuning.log_level
    MAX_ATTEMPTS           = var.tuning.max_attempts
    OBJECTS_IN_FLIGHT      = var.tuning.objects_in_flight
    HEARTBEAT_SECONDS      = var.tuning.heartbeat_seconds
  }

  # What the clouds answer is known after the apply only; whether it is set is known before, so that a plan shows the others.
  answers = merge(
    var.source_bucket.credentials == "role" ? { AWS_ROLE_ARN = aws_iam_role.functions[0].arn } : {},
    local.uses_cdn ? { CDN_URL = local.cdn_url } : {},
    local.follows ? { EVENTS_QUEUE_URL = aws_sqs_queue.events[0].url } : {},
    local.signs_url || var.cdn.key_pair_id != null ? { CDN_KEY_PAIR_ID = local.cdn_key_pair_id } : {},
  )

  # A dual- or multi-region asks more for a write than a region does, and for each byte: a bill must know where the destination is. What
  # cdn.price_list says of that itself stands. https://cloud.google.com/storage/pricing
  own_prices = jsondecode(coalesce(var.cdn.price_list, "{}"))
  prices     = merge(local.own_prices, { job = merge({ location = "multi-region" }, try(local.own_prices.job, {})) })

  # old=new,old=new, percent-encoded where the format has a meaning of its own for a character.
  pairs = {
    for name, map in { cdn_path_map = var.cdn.path_map, storage_class_map = var.destination_bucket.storage_class_map } :
    name => join(",", [for old, new in map : replace("${urlencode(old)}=${urlencode(new)}", "+", "%20")])
  }

  environment = merge({ for name, value in local.settings : name => tostring(value) if value != null && try(tostring(value), "") != "" }, local.answers)
}
