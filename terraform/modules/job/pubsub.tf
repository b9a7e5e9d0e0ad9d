# Four topics with a push subscription of our own each, and one for what nobody could handle. The subscription that an Eventarc
# trigger would make exposes neither deadline nor backoff nor dead letters.

locals {
  # Who publishes what: the lister goes on on its own topic, hands out batches, and asks for a comparison; and so on.
  # Whichever of lister and verifier sees that a run of events has ended asks the lister to sort its batches.
  publishers = {
    lister   = ["list", "transfer", "first", "verify", "dead-letters"]
    transfer = ["transfer", "first", "dead-letters"]
    verifier = ["verify", "list", "transfer", "dead-letters"]
  }

  # Whom each subscription pushes to. What somebody waits for goes to the transfer by a topic of its own, past a run of billions that
  # waits in the other; the function knows its batches by the subscription, which is named as the topic.
  pushes = merge(
    { for function, size in local.functions : function => { function = function, topic = size.topic } },
    { first = { function = "transfer", topic = "first" } },
  )

  publishing = merge([
    for function, topics in local.publishers : { for topic in topics : "${function}/${topic}" => { function = function, topic = topic } }
  ]...)
}

resource "google_pubsub_topic" "this" {
  for_each = toset(["list", "transfer", "first", "verify", "dead-letters"])

  project      = var.project
  name         = "${var.job}-${each.key}"
  labels       = local.labels
  kms_key_name = var.kms_key_name.region

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.apis]
}

resource "google_pubsub_topic_iam_member" "function" {
  for_each = local.publishing

  project = var.project
  topic   = google_pubsub_topic.this[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.this[each.value.function].member
}

# The longest deadline there is, which is what an invocation's budget is cut to: https://cloud.google.com/pubsub/quotas
resource "google_pubsub_subscription" "function" {
  for_each = local.pushes

  project                    = var.project
  name                       = "${var.job}-${each.key}"
  topic                      = google_pubsub_topic.this[each.value.topic].id
  labels                     = local.labels
  ack_deadline_seconds       = 600
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.this["invoker"].email
      audience              = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this["dead-letters"].id
    max_delivery_attempts = 20
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [time_sleep.ready]
}

# Dead letters wait here until somebody looks; a topic without a subscription would drop them.
resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "${var.job}-dead-letters"
  topic                      = google_pubsub_topic.this["dead-letters"].id
  labels                     = local.labels
  ack_deadline_seconds       = 600
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub's agent is made when the project first uses Pub/Sub, and a right for an account that does not exist is refused.
# https://cloud.google.com/iam/docs/service-agents
resource "time_sleep" "agent" {
  create_duration = "60s"

  depends_on = [google_pubsub_topic.this]
}

# What dead-lettering needs: https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions
resource "google_pubsub_topic_iam_member" "agent" {
  project = var.project
  topic   = google_pubsub_topic.this["dead-letters"].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent

  depends_on = [time_sleep.agent]
}

resource "google_pubsub_subscription_iam_member" "agent" {
  for_each = google_pubsub_subscription.function

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# What signing push requests needs: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
resource "google_service_account_iam_member" "agent" {
  service_account_id = google_service_account.this["invoker"].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent

  depends_on = [time_sleep.agent]
}
