# What the project needs before anything else: its APIs, and an identity for each part.

locals {
  # No project's name and no job's holds an underscore, so no other pair of the two makes the same name: in Cloud Storage, which has one
  # name space for everybody, and in an AWS account that serves several projects.
  unique = "${var.project}_${var.job}"
  labels = merge(var.labels, { job = var.job })

  apis = [
    "artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "cloudscheduler", "firestore", "iam", "iamcredentials", "logging",
    "monitoring", "pubsub", "run", "secretmanager", "storage",
  ]

  agent_domain = "iam.gserviceaccount.com"
  number       = data.google_project.this.number
  pubsub_agent = "serviceAccount:service-${local.number}@gcp-sa-pubsub.${local.agent_domain}"
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "this" {
  for_each = toset(local.apis)

  project            = var.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

# An API that was switched on a moment ago still answers that it is off.
resource "time_sleep" "apis" {
  create_duration = "60s"

  depends_on = [google_project_service.this]
}

# One identity a function; `builder` makes their images, `invoker` is what Pub/Sub shows to them.
resource "google_service_account" "this" {
  for_each = {
    builder  = "builds the functions"
    invoker  = "is shown by Pub/Sub to the functions"
    lister   = "lists the source"
    transfer = "copies objects"
    verifier = "compares both sides"
  }

  project      = var.project
  account_id   = "${var.job}-${each.key}"
  display_name = "${var.job}: ${each.value}"

  depends_on = [time_sleep.apis]
}

# https://cloud.google.com/functions/docs/securing/build-custom-sa
resource "google_project_iam_member" "builder" {
  project = var.project
  role    = "roles/cloudbuild.builds.builder"
  member  = google_service_account.this["builder"].member
}

# A right takes effect within minutes, and a build that begins before fails:
# https://cloud.google.com/iam/docs/access-change-propagation
resource "time_sleep" "builder" {
  create_duration = "120s"

  depends_on = [google_project_iam_member.builder, google_storage_bucket_iam_member.builder_code]
}

# Everything that a function needs is there, and every right has had its time: what sends messages waits for this.
resource "time_sleep" "ready" {
  create_duration = "120s"

  depends_on = [
    aws_cloudfront_distribution.this,
    aws_iam_role_policy.events,
    aws_iam_role_policy.read,
    aws_s3_bucket_policy.source,
    aws_sqs_queue_policy.events,
    google_cloud_run_v2_service_iam_member.invoker,
    google_project_iam_member.state,
    google_pubsub_topic_iam_member.agent,
    google_pubsub_topic_iam_member.function,
    google_secret_manager_secret_iam_member.function,
    google_service_account_iam_member.agent,
    google_storage_bucket_iam_member.function,
  ]
}
