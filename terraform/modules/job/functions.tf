# The three functions, each from an archive of main.py, requirements.lock and shared/, whose hash is in its object's name: a
# change of the code is a new object, and so a new revision.

locals {
  root = "${path.module}/../../.."
  # without what people's tools alone import: its libraries are not installed here
  files = setsubtract(fileset(local.root, "shared/**/*.{py,json,html,css,js}"), ["shared/clients.py"])

  egress = { all-traffic = "VPC_EGRESS_ALL_TRAFFIC", private-ranges-only = "VPC_EGRESS_PRIVATE_RANGES_ONLY" }
}

data "archive_file" "function" {
  for_each = local.functions

  type             = "zip"
  output_path      = "${path.root}/.build/${local.unique}-${each.key}.zip"
  output_file_mode = "0644"

  dynamic "source" {
    for_each = merge(
      { "main.py" = "functions/${each.key}/main.py", "requirements.txt" = "requirements.lock" },
      { for name in local.files : name => name },
    )

    content {
      filename = source.key
      content  = file("${local.root}/${source.value}")
    }
  }
}

# No rule deletes from here by age: what is live must not go. An archive goes when another takes its place.
resource "google_storage_bucket" "code" {
  project                     = var.project
  name                        = "${local.unique}_code"
  location                    = var.region
  labels                      = local.labels
  force_destroy               = true
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  dynamic "encryption" {
    for_each = var.kms_key_name.region[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_storage_bucket_object" "function" {
  for_each = local.functions

  bucket = google_storage_bucket.code.name
  name   = "${each.key}-${data.archive_file.function[each.key].output_sha256}.zip"
  source = data.archive_file.function[each.key].output_path

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "builder_code" {
  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.this["builder"].member
}

# https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions
resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  project     = var.project
  name        = "${var.job}-${each.key}"
  location    = var.region
  description = google_service_account.this[each.key].display_name
  labels      = local.labels

  build_config {
    runtime         = "python313"
    entry_point     = each.key
    service_account = google_service_account.this["builder"].id

    source {
      storage_source {
        bucket = google_storage_bucket.code.name
        object = google_storage_bucket_object.function[each.key].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.this[each.key].email
    available_cpu                    = "1"
    available_memory                 = each.value.memory
    timeout_seconds                  = 600
    max_instance_count               = each.value.max_instances
    max_instance_request_concurrency = each.value.concurrency
    all_traffic_on_latest_revision   = true
    ingress_settings = (
      each.key == "transfer" && length(var.replicate_callers) > 0 ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    )
    environment_variables = merge(local.environment, { THREADS = tostring(each.value.concurrency) })
    direct_vpc_egress     = var.network != null ? local.egress[var.network.egress] : null

    dynamic "direct_vpc_network_interface" {
      for_each = var.network[*]

      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }
  }

  # A version may ask what no index serves yet: Firestore refuses that until the index is built, and no run would end.
  depends_on = [google_firestore_field.this, google_firestore_index.this, time_sleep.builder]
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.functions

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.this["invoker"].member
}

resource "google_cloud_run_v2_service_iam_member" "replicate" {
  for_each = toset(var.replicate_callers)

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this["transfer"].name
  role     = "roles/run.invoker"
  member   = each.key
}
