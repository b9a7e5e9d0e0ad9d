# The memory: a database of the job's own, the indexes that its queries need and no others (an entry costs storage, and one of a field that
# only grows holds writes to 500 a second), and what Firestore takes away by itself once nobody has touched it for 180 days.
# A single field is indexed only where a query asks by it alone: "*" exempts the other fields of a collection and what lies in them;
# composite indexes keep their fields. https://firebase.google.com/docs/firestore/query-data/index-overview#single-field_index_exemptions
# https://firebase.google.com/docs/firestore/best-practices#hotspots
#
# The file is in the format of Firebase's own tool; the embedded Firestore reads it, too, and refuses queries that it does not serve.

locals {
  firestore = jsondecode(file("${path.module}/../../firestore.indexes.json"))

  indexes = {
    for index in local.firestore.indexes :
    "${index.collectionGroup}: ${join(", ", index.fields[*].fieldPath)}" => index
  }
}

resource "google_firestore_database" "state" {
  project                           = var.project
  name                              = "job-${var.job}"
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  app_engine_integration_mode       = "DISABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = local.deletion_policy
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_DISABLED"

  depends_on = [time_sleep.apis]
}

resource "google_firestore_index" "this" {
  for_each = local.indexes

  project     = var.project
  database    = google_firestore_database.state.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields

    content {
      field_path = fields.value.fieldPath
      order      = fields.value.order
    }
  }
}

resource "google_firestore_field" "this" {
  for_each = { for field in local.firestore.fieldOverrides : "${field.collectionGroup}.${field.fieldPath}" => field }

  project    = var.project
  database   = google_firestore_database.state.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes

      content {
        order       = indexes.value.order
        query_scope = indexes.value.queryScope
      }
    }
  }

  dynamic "ttl_config" {
    for_each = each.value.ttl ? [1] : []

    content {}
  }
}

# Of this database only: https://cloud.google.com/firestore/native/docs/conditional-access
resource "google_project_iam_member" "state" {
  for_each = local.functions

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.this[each.key].member

  condition {
    title      = "${var.job}-memory"
    expression = "resource.name == \"projects/${var.project}/databases/${google_firestore_database.state.name}\""
  }
}
