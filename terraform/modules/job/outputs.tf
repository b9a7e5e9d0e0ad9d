output "bucket_policy_statement" {
  description = "What the source bucket's policy must say for the distribution to read it; null if it need not, or if it is managed here."
  value       = local.own_read && !var.source_bucket.manage_policy ? jsonencode(local.policy_statement) : null
}

output "cdn_url" {
  description = "The distribution that is read through; null if there is none."
  value       = local.cdn_url
}

output "dashboard" {
  description = "Progress, throughput, failures, latency and what drives the cost."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.this.id)}?project=${var.project}"
}

output "environment" {
  description = "The functions' settings, for `bucket-transfer`."
  value       = local.environment
}

output "events" {
  description = "What the bucket's notifications must say for its events to be followed, and what the keys of a secret must allow; null if events are not followed."
  value = local.follows ? {
    notification = var.events.own_bucket_notification ? null : local.notification
    policy       = var.source_bucket.credentials == "role" ? null : data.aws_iam_policy_document.events[0].json
  } : null
}

output "force" {
  description = "Copy a prefix anew now, even what is unchanged; without \"force\" only what is new or failed."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.this["list"].name} --project=${var.project} --message='{\"prefix\": \"${var.source_bucket.prefix}some/prefix/\", \"force\": true}'"
}

output "quota" {
  description = "What the functions may take together, and where to see whether the project may."
  value       = "${local.needed.vcpu} vCPU and ${local.needed.memory_gib} GiB in ${var.region}, as the Cloud Run Admin API's quotas of CPU and memory allocation: https://console.cloud.google.com/iam-admin/quotas?project=${var.project}&service=run.googleapis.com"
}

output "reports" {
  description = "Where reports and manifests are."
  value       = "gs://${google_storage_bucket.reports.name}/${var.job}/"
}

output "role_arn" {
  description = "The AWS role that the functions take; null if they use keys."
  value       = one(aws_iam_role.functions[*].arn)
}

output "run" {
  description = "Begin a delta run now."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.this["list"].name} --project=${var.project} --message='{}'"

  depends_on = [google_pubsub_subscription.function]
}

output "secrets" {
  description = "Secrets that wait for a value; add it with this command, the value on standard input."
  value       = { for name, secret in google_secret_manager_secret.this : name => "gcloud secrets versions add ${secret.secret_id} --project=${var.project} --data-file=-" }
}

output "start" {
  description = "How copying begins: nothing begins by itself before you say so."
  value = (
    var.schedules.paused
    ? "Nothing is copied yet. Once: the command of `run`. By the clock: set schedules = { paused = false } and apply again."
    : "By the clock: ${var.schedules.delta} (new and changed objects) and ${var.schedules.verify} (comparison), ${var.schedules.time_zone}. Now: the command of `run`."
  )
}

output "verify" {
  description = "Compare both sides now."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.this["verify"].name} --project=${var.project} --message='{}'"
}

output "watch" {
  description = "What the functions say."
  value       = "gcloud logging tail 'jsonPayload.job=\"${var.job}\"' --project=${var.project}"
}
