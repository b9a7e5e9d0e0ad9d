# What the functions log becomes metrics; alerts are about what a person must look at; the dashboard is for the rest.

locals {
  logs = "resource.type=\"cloud_run_revision\" AND jsonPayload.job=\"${var.job}\""

  # Counted log lines. value: a field to add up instead.
  metrics = {
    ended      = { message = "batch", value = "ended", unit = "1", what = "keys that ended" }
    failed     = { message = "batch", value = "failed", unit = "1", what = "keys that failed" }
    copied     = { message = "batch", value = "copied", unit = "1", what = "objects copied" }
    bytes      = { message = "batch", value = "bytes", unit = "By", what = "bytes copied" }
    mismatches = { message = "mismatch", value = null, unit = "1", what = "keys that a comparison found to differ" }
    stalled    = { message = "run ended", value = null, unit = "1", what = "runs that stalled", more = "jsonPayload.reason=\"stalled\"" }
    stopped    = { message = "a range has stopped", value = null, unit = "1", what = "stretches of a run that stopped early" }
    malformed  = { message = "malformed message", value = null, unit = "1", what = "messages that nobody could read" }
  }

  series = { for name, metric in local.metrics : name => "logging_googleapis_com:user_${replace("${var.job}/${name}", "/[^a-zA-Z0-9]/", "_")}" }

  # Amounts of a metric over a time, as PromQL.
  amounts = {
    for name, metric in local.metrics :
    name => "sum(increase(${local.series[name]}${metric.value != null ? "_sum" : ""}{monitored_resource=\"cloud_run_revision\"}[%s])) or vector(0)"
  }

  # What both an alert and a chart look at.
  arriving     = "sum(increase(storage_googleapis_com:network_received_bytes_count{monitored_resource=\"gcs_bucket\", bucket_name=~\"${local.destination}|${google_storage_bucket.staging.name}\"}[1d]))"
  dead_letters = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{subscription_id=\"${google_pubsub_subscription.dead_letters.name}\"})"

  alerts = {
    dead-letters = {
      title = "dead letters", severity = "ERROR"
      query = "${local.dead_letters} > 0"
      help  = "Nobody could handle these messages. `gcloud pubsub subscriptions pull ${google_pubsub_subscription.dead_letters.name}` shows them; the attributes say why. Their keys are still open and are taken up by the next run."
    }
    egress = {
      title = "egress above budget", severity = "WARNING"
      query = "${local.arriving} > ${var.alerts.egress_gib_a_day * pow(2, 30)}"
      help  = "More arrived within a day than alerts.egress_gib_a_day. `make manage ARGS=pause` stops the job; nothing is lost by it."
    }
    failure-share = {
      title = "failures", severity = "ERROR"
      query = "(${format(local.amounts["failed"], "1h")}) > ${var.alerts.failure_share} * (${format(local.amounts["ended"], "1h")}) > 0"
      help  = "Too many keys failed within an hour. The run's report lists them with their reasons and what to do."
    }
    mismatch = {
      title = "both sides differ", severity = "WARNING"
      query = "(${format(local.amounts["mismatches"], "1h")}) > 0"
      help  = "A comparison found keys that differ; they are copied again by themselves. The run's report lists them."
    }
    run-stalled = {
      title = "run stalled", severity = "ERROR"
      query = "(${format(local.amounts["stalled"], "1h")}) > 0 or (${format(local.amounts["stopped"], "1h")}) > 0"
      help  = "A run ended before every key was looked at. Look for errors in the log; the next run takes up what is left."
    }
  }

  # Title, unit, and PromQL.
  charts = [
    ["Batches that wait to be copied", "1", "sum(pubsub_googleapis_com:subscription_num_undelivered_messages{subscription_id=\"${google_pubsub_subscription.function["transfer"].name}\"})"],
    ["Oldest message (s)", "s", "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{subscription_id=~\"${var.job}-.*\"})"],
    ["Throughput (bytes a second)", "By/s", "sum(rate(${local.series["bytes"]}_sum{monitored_resource=\"cloud_run_revision\"}[5m]))"],
    ["Objects a second", "1/s", "sum(rate(${local.series["copied"]}_sum{monitored_resource=\"cloud_run_revision\"}[5m]))"],
    ["Failures", "1", "sum(increase(${local.series["failed"]}_sum{monitored_resource=\"cloud_run_revision\"}[5m]))"],
    ["Dead letters", "1", local.dead_letters],
    ["Latency of an invocation, 95 % (ms)", "ms", "histogram_quantile(0.95, sum by (le, service_name) (rate(run_googleapis_com:request_latencies_bucket{service_name=~\"${var.job}-.*\"}[5m])))"],
    ["Instances", "1", "sum by (service_name) (run_googleapis_com:container_instance_count{service_name=~\"${var.job}-.*\"})"],
    ["Cost: instance seconds", "s", "sum by (service_name) (rate(run_googleapis_com:container_billable_instance_time{service_name=~\"${var.job}-.*\"}[5m]))"],
    ["Cost: documents written and read a second", "1/s", "sum(rate(firestore_googleapis_com:document_write_ops_count{database_id=\"${google_firestore_database.memory.name}\"}[5m])) + sum(rate(firestore_googleapis_com:document_read_ops_count{database_id=\"${google_firestore_database.memory.name}\"}[5m]))"],
    ["Cost: bytes arriving a day", "By", local.arriving],
  ]
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  name            = "${var.job}/${each.key}"
  description     = each.value.what
  filter          = join(" AND ", compact([local.logs, "jsonPayload.message=\"${each.value.message}\"", try(each.value.more, "")]))
  value_extractor = each.value.value != null ? "EXTRACT(jsonPayload.${each.value.value})" : null

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = each.value.value != null ? "DISTRIBUTION" : "INT64"
    unit         = each.value.unit
    display_name = "${var.job}: ${each.value.what}"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alerts.emails)

  display_name = "${var.job}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  display_name          = "${var.job}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = "0s"
      evaluation_interval = "300s"
    }
  }

  documentation {
    content   = each.value.help
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_logging_metric.this]
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "${var.job}: S3 to Cloud Storage"
    mosaicLayout = {
      columns = 48
      tiles = [
        for place, chart in local.charts : {
          xPos   = place % 2 * 24
          yPos   = floor(place / 2) * 16
          width  = 24
          height = 16
          widget = {
            title = chart[0]
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = chart[2], unitOverride = chart[1] }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_logging_metric.this]
}
