# Whether the queue of events is read, seen from outside: whoever should read it cannot tell of it once he is gone. Both metrics are
# SQS's own, sent each minute while the queue is active, at no charge:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html

locals {
  # How old an event may become before somebody must look. An instance that stands still and is ended holds up the queue for a minute
  # (the scheduler's), an invocation (600 s) and a minute (the visibility of what it had received), and then it mends itself. While the
  # schedules are paused nobody is to read: then it is four days before the queue drops its oldest.
  unread_seconds = var.schedules.paused ? 864000 : max(local.late_seconds, 720)

  # What three receivers in a row did not delete is no longer in the age, and has its age anew once it is put aside; so the one alarm tells
  # that nobody receives, the other that nobody deletes. No age is sent of an empty queue, hence notBreaching. A queue that nothing touches
  # falls silent after six hours, whatever lies in it: so what is put aside stays told until the metric itself says that it is gone.
  alarms = {
    unread = {
      metric  = "ApproximateAgeOfOldestMessage", above = local.unread_seconds, missing = "notBreaching"
      queue   = one(aws_sqs_queue.events[*].name)
      meaning = var.schedules.paused ? "The schedules are paused, and the bucket's oldest event that waits is dropped within four days. The first delta after the pause copies what it told of; a removal is found by a comparison only." : "Nobody has read the bucket's oldest event for so long: the lister does not run, is refused or behind, or the job is paused (bucket-transfer status, bucket-transfer doctor). The scheduled delta copies what events do not tell of."
    }
    put-aside = {
      metric  = "ApproximateNumberOfMessagesVisible", above = 0, missing = "ignore"
      queue   = one(aws_sqs_queue.events_dead_letters[*].name)
      meaning = "Events were received five times and never deleted: nobody can read them, or five invocations died. The scheduled delta copies what they told of; look at them, and purge the queue."
    }
  }
}

# Five minutes: a minute whose value does not come hides nothing.
resource "aws_cloudwatch_metric_alarm" "events" {
  for_each = { for name, alarm in local.alarms : name => alarm if local.follows }

  alarm_name          = "${local.unique}_s3-events-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = each.value.missing
  alarm_actions       = var.events.alarm_actions
  tags                = local.labels
}
