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
  description = "The functions' settings, for `make manage`."
  value       = local.environment
}

output "force" {
  description = "Run a prefix now; {\"prefix\": …, \"force\": true} copies even what is unchanged."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.this["list"].name} --project=${var.project} --message='{\"prefix\": \"${var.source_bucket.prefix}some/prefix/\"}'"
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
  value       = "gcloud scheduler jobs run ${google_cloud_scheduler_job.this["delta"].name} --project=${var.project} --location=${var.region}"
}

output "secrets" {
  description = "Secrets that wait for a value; add it with this command, the value on standard input."
  value       = { for name, secret in google_secret_manager_secret.this : name => "gcloud secrets versions add ${secret.secret_id} --project=${var.project} --data-file=-" }
}

output "verify" {
  description = "Compare both sides now."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.this["verify"].name} --project=${var.project} --message='{}'"
}

output "watch" {
  description = "What the functions say."
  value       = "gcloud logging tail 'jsonPayload.job=\"${var.job}\"' --project=${var.project}"
}
