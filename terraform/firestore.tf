# The memory: a database of the job's own, the indexes that its queries need, and exemptions for what must not be indexed.

locals {
  # What is never asked for: large, or only growing, which holds writes to an indexed field to 500 a second.
  # https://firebase.google.com/docs/firestore/best-practices#hotspots
  exempted = {
    ledger   = ["table", "detail", "published_at", "attempt"]
    parts    = ["digests", "crc64nvme"]
    pulses   = ["progress"]
    ranges   = ["message", "fences", "sums", "ended_at"]
    rejected = ["problems", "at"]
    runs     = ["message", "started_at", "ended_at"]
    uploads  = ["opened_at"]
  }

  # History that Firestore takes away by itself once it is 180 days old (KEPT_SECONDS in shared/adapters/firestore_runs.py).
  expiring = toset(["ranges", "rejected", "runs"])

  # Sums are asked for five fields at a time, and every group needs an index (shared/adapters/firestore_tallies.py).
  outcomes = ["copied", "unchanged", "in_flight", "filtered", "unsupported", "archived", "failed"]
  filters  = ["include", "exclude", "size", "modified", "storage_class"]
  verdicts = [
    "same", "missing", "size_differs", "checksum_differs", "etag_differs", "unproven", "extra", "unsupported", "archived", "in_flight",
  ]
  tallies = {
    for field, names in { filters = local.filters, listed = ["listed"], outcomes = local.outcomes, verdicts = local.verdicts } :
    field => chunklist(flatten([for name in names : ["${field}.${name}.keys", "${field}.${name}.bytes"]]), 5)
  }
  sums = concat(
    [for fields in local.tallies["outcomes"] : { collection = "ledger", fields = concat(["run"], fields) }],
    flatten([for name, groups in local.tallies : [for fields in groups : { collection = "ranges", fields = concat(["run"], fields) }]]),
  )

  # A field is descending where it ends in " desc".
  indexes = {
    for index in concat(local.sums, [
      { collection = "extras", fields = ["run", "since"] },
      { collection = "ledger", fields = ["first", "keys"] },
      { collection = "ledger", fields = ["level", "first"] },
      { collection = "ledger", fields = ["shared", "last"] },
      { collection = "ledger", fields = ["run", "open"] },
      { collection = "ledger", fields = ["run", "outcomes.failed.keys"] },
      { collection = "pulses", fields = ["run", "at desc"] },
      { collection = "ranges", fields = ["run", "state"] },
      { collection = "ranges", fields = ["run", "stopped"] },
    ]) : "${index.collection}: ${join(", ", index.fields)}" => index
  }
}

resource "google_firestore_database" "memory" {
  name                              = "job-${var.job}"
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  app_engine_integration_mode       = "DISABLED"
  delete_protection_state           = "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_DISABLED"

  depends_on = [google_project_service.this]
}

resource "google_firestore_index" "this" {
  for_each = local.indexes

  database    = google_firestore_database.memory.name
  collection  = each.value.collection
  query_scope = "COLLECTION"

  dynamic "fields" {
    for_each = each.value.fields

    content {
      field_path = trimsuffix(fields.value, " desc")
      order      = endswith(fields.value, " desc") ? "DESCENDING" : "ASCENDING"
    }
  }
}

resource "google_firestore_field" "exempted" {
  for_each = merge([for collection, fields in local.exempted : { for field in fields : "${collection}.${field}" => { collection = collection, field = field } }]...)

  database   = google_firestore_database.memory.name
  collection = each.value.collection
  field      = each.value.field

  index_config {}
}

resource "google_firestore_field" "expiring" {
  for_each = local.expiring

  database   = google_firestore_database.memory.name
  collection = each.key
  field      = "expires_at"

  index_config {}
  ttl_config {}
}

# Of this database only: https://cloud.google.com/firestore/native/docs/conditional-access
resource "google_project_iam_member" "memory" {
  for_each = local.functions

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.this[each.key].member

  condition {
    title      = "${var.job}-memory"
    expression = "resource.name == \"projects/${var.project}/databases/${google_firestore_database.memory.name}\""
  }
}
