# What the functions log becomes metrics; alerts are about what a person must look at; the dashboard is for the rest.

locals {
  logs = "resource.type=\"cloud_run_revision\" AND jsonPayload.job=\"${var.job}\""

  # Amounts in log lines, for charts and for the share of failures.
  metrics = merge({
    ended      = { message = "batch", value = "ended", unit = "1", what = "keys that ended" }
    failed     = { message = "batch", value = "failed", unit = "1", what = "keys that failed" }
    copied     = { message = "batch", value = "copied", unit = "1", what = "objects copied" }
    bytes      = { message = "batch", value = "bytes", unit = "By", what = "bytes copied" }
    mismatches = { message = "mismatch", value = null, unit = "1", what = "keys that a comparison found to differ" }
    }, local.follows ? {
    events-age    = { message = "events followed", value = "oldest_seconds", unit = "s", what = "age of a run's oldest event when it was read" }
    events-lag    = { message = "batch", value = "lag_seconds", unit = "s", what = "from an event to its copy, the slowest of each batch" }
    events-missed = { message = "changes counted", value = "missed", unit = "1", what = "changes that events had missed" }
  } : {})

  # A metric in PromQL, and the resource that it is of, which must be said where a metric can be of several:
  # https://cloud.google.com/monitoring/promql/promql-mapping
  series = {
    for name, metric in local.metrics :
    name => "logging_googleapis_com:user_${replace("${var.job}/${name}", "/[^a-zA-Z0-9]/", "_")}${metric.value != null ? "_sum" : ""}{monitored_resource=\"cloud_run_revision\"}"
  }
  lags          = local.follows ? replace(local.series["events-lag"], "_sum{", "_bucket{") : ""
  services      = "monitored_resource=\"cloud_run_revision\", service_name=~\"${join("|", [for function in google_cloudfunctions2_function.this : function.name])}\""
  subscriptions = "monitored_resource=\"pubsub_subscription\", subscription_id=~\"${join("|", [for subscription in google_pubsub_subscription.function : subscription.name])}\""
  database      = "{monitored_resource=\"firestore.googleapis.com/Database\", database_id=\"${google_firestore_database.state.name}\"}"
  buckets       = join("|", [for name in [local.destination, google_storage_bucket.staging.name] : replace(name, ".", "[.]")])

  # Keys in an hour.
  hourly = { for name in ["ended", "failed"] : name => "(sum(increase(${local.series[name]}[1h])) or vector(0))" }

  # What both an alert and a chart look at.
  arriving     = "sum(increase(storage_googleapis_com:network_received_bytes_count{monitored_resource=\"gcs_bucket\", bucket_name=~\"${local.buckets}\"}[1d]))"
  dead_letters = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\", subscription_id=\"${google_pubsub_subscription.dead_letters.name}\"})"

  # What is true for a while, as PromQL.
  alerts = {
    dead-letters = {
      title = "dead letters", severity = "ERROR"
      query = "${local.dead_letters} > 0"
      help  = "Nobody could handle these messages. `bucket-transfer failures` shows them and why; `bucket-transfer redrive` sends again what a function can read by now, `bucket-transfer drop` takes the others away. Their keys are still open and are taken up by the next run."
    }
    egress = {
      title = "egress above budget", severity = "WARNING"
      query = "${local.arriving} > ${var.alerts.egress_gib_a_day * pow(2, 30)}"
      help  = "More arrived within a day than alerts.egress_gib_a_day. `bucket-transfer pause` stops the job (what has begun still ends); nothing is lost by it."
    }
    failure-share = {
      title = "failures", severity = "ERROR"
      query = "${local.hourly["failed"]} > ${var.alerts.failure_share} * ${local.hourly["ended"]} > 0"
      help  = "Too many keys failed within an hour. The run's report lists them with their reasons and what to do."
    }
  }

  # What happens once. A counter's first point has nothing before it to have increased from, so a single event would go unseen; the line
  # in the log itself tells: https://cloud.google.com/logging/docs/alerting/log-based-alerts
  events = merge({
    handed-back = {
      title = "messages handed back", severity = "ERROR"
      lines = "(jsonPayload.message=\"nacked\" OR jsonPayload.message=\"copying waits: this fails for every key\")"
      help  = "What fails here fails for every key: a side does not answer, refuses everybody, or a function cannot start. The line in the log says who and what to do; `bucket-transfer doctor` looks at all sides. Messages wait and come again, no key has failed by it, and copying goes on by itself."
    }
    malformed = {
      title = "message refused", severity = "ERROR"
      lines = "jsonPayload.message=\"malformed message\""
      help  = "A message could not be read; the line in the log says what is wrong in it, and it lies with the dead letters."
    }
    mismatch = {
      title = "both sides differ", severity = "WARNING"
      lines = "jsonPayload.message=\"mismatch\""
      help  = "A comparison found keys that differ; they are copied again by themselves. The run's report lists them."
    }
    run-ceiling = {
      title = "ceiling reached", severity = "WARNING"
      lines = "jsonPayload.message=\"a ceiling is reached\""
      help  = "A run has published as much as its ceiling allows, and left the rest. `bucket-transfer ceiling` shows the ceilings; the next run goes on there."
    }
    run-cut-short = {
      title = "run cut short", severity = "ERROR"
      lines = "((jsonPayload.message=\"run ended\" AND jsonPayload.reason=\"stalled\") OR jsonPayload.message=\"a range has stopped\")"
      help  = "A run left keys that were not listed or not copied: nobody worked on it any more, or S3 or Cloud Storage refused. The line in the log says which; `bucket-transfer runs` shows the run. The next run takes up what is left."
    }
    }, local.follows ? {
    events-late = {
      title = "events late", severity = "WARNING"
      lines = "(jsonPayload.message=\"events lag behind\" OR (jsonPayload.message=\"batch\" AND jsonPayload.lag_seconds>${local.late_seconds}) OR jsonPayload.message=\"events cannot be followed\" OR jsonPayload.message=\"an event that nobody can read\")"
      help  = "S3's events or their copies come late, cannot be read from their queue, or are none. The line in the log says which. Nothing is lost by it: the scheduled delta copies what events do not tell of."
    }
    events-missed = {
      title = "events missed", severity = "WARNING"
      lines = "(jsonPayload.message=\"changes counted\" AND jsonPayload.missed>0)"
      help  = "A listing found changes that no event had told of in time, and copied them. Its report says how many; the log of the lister, whether events were followed all the time."
    }
  } : {})

  # Title, unit, and PromQL.
  charts = concat([
    ["Batches that wait to be copied", "1", "sum(pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\", subscription_id=~\"${google_pubsub_subscription.function["transfer"].name}|${google_pubsub_subscription.function["first"].name}\"})"],
    ["Oldest message (s)", "s", "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local.subscriptions}})"],
    ["Throughput (bytes a second)", "By/s", "sum(rate(${local.series["bytes"]}[5m]))"],
    ["Objects a second", "1/s", "sum(rate(${local.series["copied"]}[5m]))"],
    ["Failures", "1", "sum(increase(${local.series["failed"]}[5m]))"],
    ["Keys that differ", "1", "sum(increase(${local.series["mismatches"]}[5m]))"],
    ["Dead letters", "1", local.dead_letters],
    ["Latency of an invocation, 95 % (ms)", "ms", "histogram_quantile(0.95, sum by (le, service_name) (rate(run_googleapis_com:request_latencies_bucket{${local.services}}[5m])))"],
    ["Instances", "1", "sum by (service_name) (run_googleapis_com:container_instance_count{${local.services}})"],
    ["Cost: instance seconds", "s", "sum by (service_name) (rate(run_googleapis_com:container_billable_instance_time{${local.services}}[5m]))"],
    ["Cost: documents written and read a second", "1/s", "sum(rate(firestore_googleapis_com:document_write_ops_count${local.database}[5m])) + sum(rate(firestore_googleapis_com:document_read_ops_count${local.database}[5m]))"],
    ["Cost: bytes arriving a day", "By", local.arriving],
    ], local.follows ? [
    ["Events: to the copy, the slowest of a batch, median (s)", "s", "histogram_quantile(0.5, sum by (le) (rate(${local.lags}[5m])))"],
    ["Events: to the copy, the slowest of a batch, 99 % (s)", "s", "histogram_quantile(0.99, sum by (le) (rate(${local.lags}[5m])))"],
    ["Events: the oldest in the queue when it was read (s)", "s", "sum(increase(${local.series["events-age"]}[15m])) / sum(increase(${replace(local.series["events-age"], "_sum{", "_count{")}[15m]))"],
    ["Events: changes missed", "1", "sum(increase(${local.series["events-missed"]}[1h]))"],
  ] : [])
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  project         = var.project
  name            = "${var.job}/${each.key}"
  description     = each.value.what
  filter          = "${local.logs} AND jsonPayload.message=\"${each.value.message}\""
  value_extractor = each.value.value != null ? "EXTRACT(jsonPayload.${each.value.value})" : null

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = each.value.value != null ? "DISTRIBUTION" : "INT64"
    unit         = each.value.unit
    display_name = "${var.job}: ${each.value.what}"
  }

  # Said here, because the service would choose them otherwise, and each plan would take them away again.
  dynamic "bucket_options" {
    for_each = each.value.value != null ? [1] : []

    content {
      exponential_buckets {
        growth_factor      = each.value.unit == "s" ? 1.5 : 4
        num_finite_buckets = each.value.unit == "s" ? 40 : 24
        scale              = each.value.unit == "s" ? 0.125 : 1
      }
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alerts.emails)

  project      = var.project
  display_name = "${var.job}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  user_labels  = local.labels

  depends_on = [time_sleep.apis]
}

# A metric exists once its first point is written, so a policy may not ask whether it does.
resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  project               = var.project
  display_name          = "${var.job}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = local.labels
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "0s"
      evaluation_interval       = "300s"
      disable_metric_validation = true
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

resource "google_monitoring_alert_policy" "event" {
  for_each = local.events

  project               = var.project
  display_name          = "${var.job}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = local.labels
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.title

    condition_matched_log {
      filter = "${local.logs} AND ${each.value.lines}"
    }
  }

  documentation {
    content   = each.value.help
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = "3600s"
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project
  dashboard_json = jsonencode({
    displayName = "${var.job}: S3 to Cloud Storage"
    mosaicLayout = {
      columns = 48
      tiles = [
        # The service leaves a position of zero out when it answers, and each plan would add it again.
        for place, chart in local.charts : merge(place % 2 > 0 ? { xPos = 24 } : {}, place > 1 ? { yPos = floor(place / 2) * 16 } : {}, {
          width                                                         = 24
          height                                                        = 16
          widget = {
            title = chart[0]
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = chart[2], unitOverride = chart[1] }
              }]
            }
          }
        })
      ]
    }
  })

  depends_on = [google_logging_metric.this]
}
