# What is done, when, and with how much.

variable "comparison" {
  description = <<-EOT
    The verifier. after: which runs are followed by a comparison: initial, always or never. repair_passes: comparisons in
    a row while something is repaired. sum_depth: folders below the root that are summed up apart. reread_unproven: copy
    again what no checksum proves any more. metadata: find other headers and metadata, too. delete_extras: off, dry-run
    or on; copies of this job whose object is gone are deleted only if they are at most extra_share of its copies and were
    seen extra_grace_days ago. restore_tier: Bulk, Standard or Expedited has archived objects restored for restore_days.
  EOT
  type = object({
    after            = optional(string, "initial")
    repair_passes    = optional(number, 3)
    sum_depth        = optional(number, 1)
    reread_unproven  = optional(bool, false)
    metadata         = optional(bool, false)
    delete_extras    = optional(string, "off")
    extra_share      = optional(number, 0.01)
    extra_grace_days = optional(number, 7)
    restore_tier     = optional(string)
    restore_days     = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["initial", "always", "never"], var.comparison.after)
    error_message = "comparison.after is initial, always or never."
  }

  validation {
    condition     = contains(["off", "dry-run", "on"], var.comparison.delete_extras)
    error_message = "comparison.delete_extras is off, dry-run or on."
  }

  validation {
    condition     = var.comparison.extra_share > 0 && var.comparison.extra_share <= 1 && var.comparison.extra_grace_days >= 1
    error_message = "comparison.extra_share lies above 0 and is at most 1, comparison.extra_grace_days is 1 or more."
  }

  validation {
    condition     = var.comparison.restore_tier == null || contains(["Bulk", "Standard", "Expedited"], coalesce(var.comparison.restore_tier, "-"))
    error_message = "comparison.restore_tier is Bulk, Standard or Expedited; leave it out to restore nothing."
  }
}

variable "events" {
  description = <<-EOT
    Whether S3's events are followed between the deltas, so that a change is copied within seconds. way: eventbridge, for a
    bucket that sends its events there ($1 a million), or notification, straight into the queue. own_bucket_notification:
    set that at the bucket; it REPLACES the notifications that are there, so it is off, and what to set is an output.
    quiet_seconds: how long to wait for a first event each minute; 60 and more keep an instance. late_seconds: an alert
    beyond. alarm_actions: up to five SNS topics, in the bucket's region, that hear of it if nobody reads the queue or if
    events are put aside; without one these two alarms show in CloudWatch only.
  EOT
  type = object({
    follow                  = optional(bool, false)
    way                     = optional(string, "eventbridge")
    own_bucket_notification = optional(bool, false)
    quiet_seconds           = optional(number)
    late_seconds            = optional(number)
    alarm_actions           = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["eventbridge", "notification"], var.events.way)
    error_message = "events.way is eventbridge or notification."
  }

  # CloudWatch refuses a topic of another region ("Invalid region … specified"), and more than five:
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
  validation {
    condition = length(var.events.alarm_actions) <= 5 && alltrue([
      for arn in var.events.alarm_actions :
      can(regex("^arn:aws(-[a-z]+)*:sns:${var.source_bucket.region}:\\d{12}:[A-Za-z0-9_-]{1,256}([.]fifo)?$", arn))
    ])
    error_message = "events.alarm_actions are at most five ARNs of SNS topics in the bucket's region, like \"arn:aws:sns:${var.source_bucket.region}:111122223333:alerts\"."
  }
}

variable "filters" {
  description = "What a job leaves out: globs of keys, sizes in bytes, RFC 3339 times, S3 storage classes to keep."
  type = object({
    include         = optional(list(string), [])
    exclude         = optional(list(string), [])
    least_bytes     = optional(number, 0)
    most_bytes      = optional(number)
    modified_after  = optional(string)
    modified_before = optional(string)
    storage_classes = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.filters.most_bytes == null || var.filters.least_bytes <= coalesce(var.filters.most_bytes, 0)
    error_message = "filters.least_bytes is above filters.most_bytes, so every object would be left out."
  }
}

variable "functions" {
  description = <<-EOT
    Size of each function where it is not that of `scale`: memory (in Mi or Gi), max_instances, concurrency (messages an
    instance handles at a time).
  EOT
  type = object({
    lister = optional(object({
      memory        = optional(string)
      max_instances = optional(number)
      concurrency   = optional(number)
    }), {})
    transfer = optional(object({
      memory        = optional(string)
      max_instances = optional(number)
      concurrency   = optional(number)
    }), {})
    verifier = optional(object({
      memory        = optional(string)
      max_instances = optional(number)
      concurrency   = optional(number)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for size in values(var.functions) :
      coalesce(size.max_instances, 1) >= 1 && coalesce(size.concurrency, 1) >= 1 && coalesce(size.concurrency, 1) <= 1000
    ])
    error_message = "functions.*.max_instances is 1 or more, functions.*.concurrency is 1 to 1000."
  }

  validation {
    condition     = alltrue([for size in values(var.functions) : can(regex("^[1-9][0-9]*(Mi|Gi)$", coalesce(size.memory, "1Gi")))])
    error_message = "functions.*.memory is a number with Mi or Gi, like \"512Mi\"."
  }

  # https://cloud.google.com/run/docs/configuring/services/memory-limits
  validation {
    condition = alltrue([
      for size in values(var.functions) :
      try(tonumber(regex("^[0-9]+", size.memory)) * (endswith(size.memory, "Gi") ? 1024 : 1) <= 4096, true)
    ])
    error_message = "functions.*.memory: an instance has one vCPU, with which Cloud Run gives it 4 GiB at the most."
  }
}

variable "quota" {
  description = <<-EOT
    What the project may take of `region`, as IAM & Admin > Quotas shows it for the Cloud Run Admin API: vcpu ("Total CPU
    allocation, in milli vCPU", divided by 1000), memory_gib ("Total memory allocation"). Said here, a plan that would be
    refused at deploy is refused before.
  EOT
  type = object({
    vcpu       = optional(number)
    memory_gib = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = local.needed.vcpu <= coalesce(var.quota.vcpu, local.needed.vcpu)
    error_message = "The three functions may take ${local.needed.vcpu} vCPU together and quota.vcpu is ${coalesce(var.quota.vcpu, 0)}: choose a smaller scale, lower functions.*.max_instances, or have the quota raised first: https://console.cloud.google.com/iam-admin/quotas?service=run.googleapis.com"
  }

  validation {
    condition     = local.needed.memory_gib <= coalesce(var.quota.memory_gib, local.needed.memory_gib)
    error_message = "The three functions may take ${local.needed.memory_gib} GiB together and quota.memory_gib is ${coalesce(var.quota.memory_gib, 0)}: choose a smaller scale, lower functions.*.max_instances or memory, or have the quota raised first: https://console.cloud.google.com/iam-admin/quotas?service=run.googleapis.com"
  }
}

variable "scale" {
  description = <<-EOT
    How many instances the functions may have. start: 4 listers, 10 transfers, 4 verifiers, which a new project's quota
    of 20 vCPU holds. large: 40, 120, 40, for a quota of 200 vCPU. petabyte: 100, 300, 100, which move a petabyte in a day
    in simulation and need 500 vCPU: have the quota raised before.
  EOT
  type        = string
  default     = "start"
  nullable    = false

  validation {
    condition     = contains(["start", "large", "petabyte"], var.scale)
    error_message = "scale is start, large or petabyte."
  }
}

variable "schedules" {
  description = "When runs begin, as cron in `time_zone`. delta lists what is new or changed, verify compares everything. paused: no run begins by itself, which is so until you say otherwise."
  type = object({
    delta     = optional(string, "0 * * * *")
    verify    = optional(string, "30 3 * * *")
    time_zone = optional(string, "Etc/UTC")
    paused    = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for cron in [var.schedules.delta, var.schedules.verify] : length(split(" ", cron)) == 5])
    error_message = "schedules.delta and schedules.verify are cron with five fields, like \"0 * * * *\"."
  }

  validation {
    condition = alltrue([
      for cron in [var.schedules.delta, var.schedules.verify] : !can(regex("^(\\*|\\*/[1-9]|\\*/1[0-4]?)$", split(" ", cron)[0]))
    ])
    error_message = "A schedule overlaps itself: a run would begin while the last one is still being closed; leave 15 minutes or more between two."
  }

  validation {
    condition     = var.schedules.delta != var.schedules.verify
    error_message = "schedules.delta and schedules.verify are the same: a comparison beside a run finds half of its objects in flight; move one of them."
  }
}

variable "tuning" {
  description = "What seldom needs to be touched; docs/settings.md has the meaning of each, by the same name in capitals."
  type = object({
    batch_bytes            = optional(number)
    budget_seconds         = optional(number)
    bytes_in_flight        = optional(number)
    ceiling_bytes          = optional(number)
    ceiling_dollars        = optional(number)
    ceiling_objects        = optional(number)
    in_flight_life_seconds = optional(number)
    keys_per_message       = optional(number)
    large_bytes            = optional(number)
    lease_seconds          = optional(number)
    log_level              = optional(string)
    max_attempts           = optional(number)
    objects_in_flight      = optional(number)
    part_bytes             = optional(number)
    heartbeat_seconds      = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = coalesce(var.tuning.bytes_in_flight, local.bytes_in_flight) <= local.room_in_flight
    error_message = "An instance of the transfer has ${local.functions.transfer.memory} of memory, 256 MiB of it for itself, and would hold ${coalesce(var.tuning.bytes_in_flight, local.bytes_in_flight)} bytes of objects: raise functions.transfer.memory, or lower tuning.bytes_in_flight."
  }
}
