# Where objects go, where large ones are put together, and where reports are written.

locals {
  destination = var.destination_bucket.create ? google_storage_bucket.destination[0].name : var.destination_bucket.name

  # Regions are named with a hyphen; several of them (US, EU, NAM4) without. https://cloud.google.com/storage/docs/locations
  replicates = !strcontains(var.destination_bucket.location, "-")

  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  # deleting: overwriting needs the right to delete, too, so the transfer has both.
  # https://cloud.google.com/storage/docs/access-control/iam-roles
  bucket_roles = merge(
    {
      "transfer/destination" = { bucket = local.destination, role = "roles/storage.objectUser", function = "transfer" }
      "verifier/destination" = { bucket = local.destination, role = "roles/storage.objectViewer", function = "verifier" }
      "transfer/staging"     = { bucket = google_storage_bucket.staging.name, role = "roles/storage.objectUser", function = "transfer" }
      "transfer/staging-bucket" = {
        bucket = google_storage_bucket.staging.name, role = "roles/storage.legacyBucketReader", function = "transfer"
      }
      "lister/reports"   = { bucket = google_storage_bucket.reports.name, role = "roles/storage.objectUser", function = "lister" }
      "verifier/reports" = { bucket = google_storage_bucket.reports.name, role = "roles/storage.objectUser", function = "verifier" }
    },
    var.comparison.delete_extras == "on" ? {
      "verifier/extras" = { bucket = local.destination, role = google_project_iam_custom_role.delete_extras[0].id, function = "verifier" }
    } : {},
  )
}

resource "google_storage_bucket" "destination" {
  count = var.destination_bucket.create ? 1 : 0

  project                     = var.project
  name                        = var.destination_bucket.name
  location                    = var.destination_bucket.location
  storage_class               = var.destination_bucket.storage_class
  labels                      = local.labels
  force_destroy               = false
  deletion_policy             = local.deletion_policy
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  dynamic "encryption" {
    for_each = var.kms_key_name.destination[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  versioning {
    enabled = var.destination_bucket.versioning
  }

  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [time_sleep.apis]
}

# In the destination's location, so that a finished object is moved without its bytes being copied; what lies here for a week was
# given up. Soft delete would bill every large object for another week.
resource "google_storage_bucket" "staging" {
  project                     = var.project
  name                        = "${local.unique}_staging"
  location                    = var.destination_bucket.location
  labels                      = local.labels
  force_destroy               = true
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  dynamic "encryption" {
    for_each = var.kms_key_name.destination[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  dynamic "lifecycle_rule" {
    for_each = ["AbortIncompleteMultipartUpload", "Delete"]

    content {
      condition {
        age = 7
      }
      action {
        type = lifecycle_rule.value
      }
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_storage_bucket" "reports" {
  project                     = var.project
  name                        = "${local.unique}_reports"
  location                    = var.destination_bucket.location
  labels                      = local.labels
  force_destroy               = false
  deletion_policy             = local.deletion_policy
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  dynamic "encryption" {
    for_each = var.kms_key_name.destination[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  lifecycle_rule {
    condition {
      age = 30
    }
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_project_iam_custom_role" "delete_extras" {
  count = var.comparison.delete_extras == "on" ? 1 : 0

  project     = var.project
  role_id     = replace("${var.job}_delete_extras", "-", "_")
  title       = "${var.job}: delete extras"
  description = "Take away copies that belong to no object"
  permissions = ["storage.objects.delete"]
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = local.bucket_roles

  bucket = each.value.bucket
  role   = each.value.role
  member = google_service_account.this[each.value.function].member
}

check "nearness" {
  assert {
    condition     = local.replicates || lower(var.destination_bucket.location) == lower(var.region)
    error_message = "The functions are in ${var.region} and the destination in ${var.destination_bucket.location}: every byte crosses between the two, which Google charges for ($0.02 a GiB and more, https://cloud.google.com/storage/pricing#network-buckets), and no bill here has it. Set region to the destination's, unless that is meant."
  }
}
