# Containers only: a value in here would be in the state. Whoever has the secret adds a version by hand.

locals {
  uses_aws_secret = var.source_bucket.credentials == "secret"
  uses_cdn_secret = local.uses_cdn && var.cdn.auth == "signed-url"

  secrets = toset(concat(local.uses_aws_secret ? ["aws-credentials"] : [], local.uses_cdn_secret ? ["cdn-private-key"] : []))

  # Who reads what: everybody asks S3; only the transfer signs URLs, but every instance is built with all its ways.
  readers = merge([
    for secret in local.secrets : { for function in keys(local.functions) : "${function}/${secret}" => { function = function, secret = secret } }
  ]...)
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project   = var.project
  secret_id = "${var.job}-${each.key}"
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = local.readers

  project   = var.project
  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this[each.value.function].member
}
