# One job. Several in one state: examples/several-jobs.

module "job" {
  source = "./modules/job"

  alerts              = var.alerts
  cdn                 = var.cdn
  comparison          = var.comparison
  deletion_protection = var.deletion_protection
  destination_bucket  = var.destination_bucket
  events              = var.events
  filters             = var.filters
  functions           = var.functions
  job                 = var.job
  kms_key_name        = var.kms_key_name
  labels              = var.labels
  network             = var.network
  project             = var.project
  quota               = var.quota
  region              = var.region
  replicate_callers   = var.replicate_callers
  scale               = var.scale
  schedules           = var.schedules
  source_bucket       = var.source_bucket
  tuning              = var.tuning
}
