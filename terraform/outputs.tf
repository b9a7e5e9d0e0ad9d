output "bucket_policy_statement" {
  description = "What the source bucket's policy must say for the distribution to read it; null if it need not, or if it is managed here."
  value       = module.job.bucket_policy_statement
}

output "cdn_url" {
  description = "The distribution that is read through; null if there is none."
  value       = module.job.cdn_url
}

output "dashboard" {
  description = "Progress, throughput, failures, latency and what drives the cost."
  value       = module.job.dashboard
}

output "environment" {
  description = "The functions' settings, for `bucket-transfer`."
  value       = module.job.environment
}

output "events" {
  description = "What the bucket's notifications must say for its events to be followed, and what the keys of a secret must allow; null if events are not followed."
  value       = module.job.events
}

output "force" {
  description = "Run a prefix now; {\"prefix\": …, \"force\": true} copies even what is unchanged."
  value       = module.job.force
}

output "quota" {
  description = "What the functions may take together, and where to see whether the project may."
  value       = module.job.quota
}

output "reports" {
  description = "Where reports and manifests are."
  value       = module.job.reports
}

output "role_arn" {
  description = "The AWS role that the functions take; null if they use keys."
  value       = module.job.role_arn
}

output "run" {
  description = "Begin a delta run now."
  value       = module.job.run
}

output "secrets" {
  description = "Secrets that wait for a value; add it with this command, the value on standard input."
  value       = module.job.secrets
}

output "start" {
  description = "How copying begins: nothing begins by itself before you say so."
  value       = module.job.start
}

output "verify" {
  description = "Compare both sides now."
  value       = module.job.verify
}

output "watch" {
  description = "What the functions say."
  value       = module.job.watch
}
