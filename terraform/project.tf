# What the project needs before anything else: its APIs, and an identity for each part.

locals {
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

# One identity a function; `builder` makes their images, `invoker` is what Pub/Sub shows to them.
resource "google_service_account" "this" {
  for_each = {
    builder  = "builds the functions"
    invoker  = "is shown by Pub/Sub to the functions"
    lister   = "lists the source"
    transfer = "copies objects"
    verifier = "compares both sides"
  }

  account_id   = "${var.job}-${each.key}"
  display_name = "${var.job}: ${each.value}"

  depends_on = [google_project_service.this]
}

# https://cloud.google.com/functions/docs/securing/build-custom-sa
resource "google_project_iam_member" "builder" {
  project = var.project
  role    = "roles/cloudbuild.builds.builder"
  member  = google_service_account.this["builder"].member
}
