# The queue of the bucket's events, where they are followed: with dead letters, encrypted, for this bucket only, and in its region.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions

locals {
  follows  = var.events.follow
  bridged  = local.follows && var.events.way == "eventbridge"
  notified = local.follows && var.events.way == "notification"

  # Beyond which an event or its copy is late: EVENTS_LATE_SECONDS, and its default.
  late_seconds = coalesce(var.events.late_seconds, 900)

  # What to set at the bucket, where this module may not: it replaces whatever notifications are there.
  notification = local.bridged ? jsonencode({ EventBridgeConfiguration = {} }) : jsonencode({
    QueueConfigurations = [for queue in aws_sqs_queue.events : { QueueArn = queue.arn, Events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] }]
  })
}

data "aws_caller_identity" "this" {
  count = local.notified ? 1 : 0
}

resource "aws_sqs_queue" "events_dead_letters" {
  count = local.follows ? 1 : 0

  name                      = "${local.unique}_s3-events-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.labels
}

# visibility: longer than one batch of events takes, as short as the delay may be that a killed instance costs. Five receives: what
# nobody can read is put aside after as many minutes.
resource "aws_sqs_queue" "events" {
  count = local.follows ? 1 : 0

  name                       = "${local.unique}_s3-events"
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 5
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.events_dead_letters[0].arn, maxReceiveCount = 5 })
  sqs_managed_sse_enabled    = true
  tags                       = local.labels
  visibility_timeout_seconds = 60

  # S3 notifies queues of its own region only, a rule hears the events of its own, and the lister signs for it.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  lifecycle {
    precondition {
      condition     = data.aws_region.this.id == var.source_bucket.region
      error_message = "events.follow: the aws provider is in ${data.aws_region.this.id} and the bucket in ${var.source_bucket.region}, whose events reach no queue there; pass the module a provider of that region."
    }
  }
}

# Nothing but that queue may put messages aside here; nobody else may send any, as there is no policy that allows it.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html (RedriveAllowPolicy)
resource "aws_sqs_queue_redrive_allow_policy" "events" {
  count = local.follows ? 1 : 0

  queue_url            = aws_sqs_queue.events_dead_letters[0].id
  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [aws_sqs_queue.events[0].arn] })
}

data "aws_iam_policy_document" "events_queue" {
  count = local.follows ? 1 : 0

  statement {
    sid       = "Send"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.events[0].arn]

    principals {
      type        = "Service"
      identifiers = [local.bridged ? "events.amazonaws.com" : "s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.bridged ? aws_cloudwatch_event_rule.events[0].arn : local.bucket_arn]
    }

    dynamic "condition" {
      for_each = data.aws_caller_identity.this

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value.account_id]
      }
    }
  }

  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.events[0].arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "events" {
  count = local.follows ? 1 : 0

  queue_url = aws_sqs_queue.events[0].id
  policy    = data.aws_iam_policy_document.events_queue[0].json
}

resource "aws_cloudwatch_event_rule" "events" {
  count = local.bridged ? 1 : 0

  name        = "${local.unique}_s3-events"
  description = "Objects of s3://${var.source_bucket.name} that were created or deleted, for ${var.job}"
  tags        = local.labels

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created", "Object Deleted"]
    detail = merge(
      { bucket = { name = [var.source_bucket.name] } },
      var.source_bucket.prefix == "" ? {} : { object = { key = [{ prefix = var.source_bucket.prefix }] } },
    )
  })
}

resource "aws_cloudwatch_event_target" "events" {
  count = local.bridged ? 1 : 0

  rule = aws_cloudwatch_event_rule.events[0].name
  arn  = aws_sqs_queue.events[0].arn
}

resource "aws_s3_bucket_notification" "events" {
  count = local.follows && var.events.own_bucket_notification ? 1 : 0

  bucket      = var.source_bucket.name
  eventbridge = local.bridged

  dynamic "queue" {
    for_each = local.notified ? aws_sqs_queue.events : []

    content {
      queue_arn     = queue.value.arn
      events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
      filter_prefix = var.source_bucket.prefix
    }
  }

  depends_on = [aws_sqs_queue_policy.events]
}

data "aws_iam_policy_document" "events" {
  count = local.follows ? 1 : 0

  statement {
    sid       = "Follow"
    actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.events[0].arn]
  }
}

resource "aws_iam_role_policy" "events" {
  count = local.follows && var.source_bucket.credentials == "role" ? 1 : 0

  name   = "follow-${var.job}"
  role   = aws_iam_role.functions[0].id
  policy = data.aws_iam_policy_document.events[0].json
}
