# What begins by itself: a delta run and a comparison, once schedules.paused is false, and a look every few minutes for runs that have
# ended, which writes their reports and sends what follows from them; each minute a look for events, where they are followed. Nothing is sent before what receives it can work.

resource "google_cloud_scheduler_job" "this" {
  for_each = merge({
    delta  = { topic = "list", message = { scheduled = true }, schedule = var.schedules.delta }
    verify = { topic = "verify", message = { scheduled = true }, schedule = var.schedules.verify }
    close  = { topic = "verify", message = { close = true }, schedule = "*/2 * * * *" }
    }, local.follows ? {
    events = { topic = "list", message = { events = true, scheduled = true }, schedule = "* * * * *" }
  } : {})

  project   = var.project
  name      = "${var.job}-${each.key}"
  region    = var.region
  schedule  = each.value.schedule
  time_zone = var.schedules.time_zone
  paused    = var.schedules.paused && each.key != "close"

  pubsub_target {
    topic_name = google_pubsub_topic.this[each.value.topic].id
    data       = base64encode(jsonencode(each.value.message))
  }

  depends_on = [google_pubsub_subscription.dead_letters, google_pubsub_subscription.function, google_pubsub_subscription_iam_member.agent, time_sleep.ready]
}
