# The three functions, each from an archive of main.py, requirements.txt and shared/, whose hash is in its object's name: a
# change of the code is a new object, and so a new revision.

locals {
  root  = "${path.module}/.."
  files = fileset(local.root, "shared/**/*.{py,json}")

  # memory: what an instance holds of objects at a time leaves room for the interpreter and its libraries (about 180 MiB).
  functions = {
    lister   = merge(var.functions.lister, { topic = "list" })
    transfer = merge(var.functions.transfer, { topic = "transfer" })
    verifier = merge(var.functions.verifier, { topic = "verify" })
  }
}

data "archive_file" "function" {
  for_each = local.functions

  type             = "zip"
  output_path      = "${path.root}/.build/${var.job}-${each.key}.zip"
  output_file_mode = "0644"

  dynamic "source" {
    for_each = merge(
      { "main.py" = "functions/${each.key}/main.py", "requirements.txt" = "requirements.txt" },
      { for name in local.files : name => name },
    )

    content {
      filename = source.key
      content  = file("${local.root}/${source.value}")
    }
  }
}

resource "google_storage_bucket" "code" {
  name                        = "${var.project}-${var.job}-code"
  location                    = var.region
  force_destroy               = true
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  lifecycle_rule {
    condition {
      age = 30
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_object" "function" {
  for_each = local.functions

  bucket = google_storage_bucket.code.name
  name   = "${each.key}-${data.archive_file.function[each.key].output_sha256}.zip"
  source = data.archive_file.function[each.key].output_path
}

resource "google_storage_bucket_iam_member" "builder_code" {
  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.this["builder"].member
}

# https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions
resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  name        = "${var.job}-${each.key}"
  location    = var.region
  description = google_service_account.this[each.key].display_name

  build_config {
    runtime         = "python311"
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
  }

  depends_on = [google_project_iam_member.builder, google_storage_bucket_iam_member.builder_code]
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.functions

  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.this["invoker"].member
}

resource "google_cloud_run_v2_service_iam_member" "replicate" {
  for_each = toset(var.replicate_callers)

  location = var.region
  name     = google_cloudfunctions2_function.this["transfer"].name
  role     = "roles/run.invoker"
  member   = each.key
}
