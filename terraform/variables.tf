variable "alerts" {
  description = <<-EOT
    Who is told, and when. emails: addresses; without one alerts only show in the console. egress_gib_a_day: of bytes
    arriving at the destination. failure_share: of the keys that ended within an hour.
  EOT
  type = object({
    emails           = optional(list(string), [])
    egress_gib_a_day = optional(number, 10240)
    failure_share    = optional(number, 0.01)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alerts.failure_share > 0 && var.alerts.failure_share <= 1
    error_message = "alerts.failure_share is a share of the keys: set it above 0 and at most 1."
  }

  validation {
    condition     = var.alerts.egress_gib_a_day > 0
    error_message = "alerts.egress_gib_a_day must be above 0; every day would be over budget."
  }
}

variable "cdn" {
  description = <<-EOT
    The way out of S3. route: cloudfront, direct, or cheapest (each object by the way that costs less). price_list: what
    differs from the published prices, as JSON (docs/cost.md); prices: dollars that a contract gives for every unit.
    auth: how a request proves that it may read: sigv4, signed-url (needs public_key) or public. url: of a distribution
    that exists; none is made then, and signed-url needs its key_pair_id. path_map: replacements in the keys, old = new.
    stale_edge: direct or fail. price_class: of the distribution that is made. domain: a name of its own, with its
    certificate (ACM, us-east-1), which lets the TLS floor be 1.2.
  EOT
  type = object({
    route          = optional(string, "cloudfront")
    auth           = optional(string, "sigv4")
    url            = optional(string)
    path_map       = optional(map(string), {})
    key_pair_id    = optional(string)
    public_key     = optional(string)
    policy_seconds = optional(number, 7200)
    policy_hash    = optional(string, "SHA1")
    stale_edge     = optional(string, "direct")
    price_class    = optional(string, "PriceClass_100")
    domain = optional(object({
      name            = string
      certificate_arn = string
    }))
    price_list = optional(string)
    prices = optional(object({
      s3_egress_gb     = optional(number)
      cdn_egress_gb    = optional(number)
      cdn_10k_requests = optional(number)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.cdn.price_list == null || can(keys(jsondecode(var.cdn.price_list)))
    error_message = "cdn.price_list is a JSON object: jsonencode({ … }), or file(\"prices.json\")."
  }

  validation {
    condition     = contains(["cloudfront", "direct", "cheapest"], var.cdn.route)
    error_message = "cdn.route is cloudfront, direct or cheapest."
  }

  validation {
    condition     = contains(["sigv4", "signed-url", "public"], var.cdn.auth)
    error_message = "cdn.auth is sigv4, signed-url or public."
  }

  validation {
    condition = (
      var.cdn.auth != "signed-url" || var.cdn.route == "direct"
      || (var.cdn.url == null ? var.cdn.public_key != null : var.cdn.key_pair_id != null)
    )
    error_message = "cdn.auth = \"signed-url\" needs a key: set cdn.public_key (PEM), or for a distribution of your own cdn.key_pair_id."
  }

  validation {
    condition     = var.cdn.auth == "signed-url" || (var.cdn.public_key == null && var.cdn.key_pair_id == null)
    error_message = "cdn.public_key and cdn.key_pair_id are for cdn.auth = \"signed-url\": set that, or leave the keys out."
  }

  validation {
    condition     = var.cdn.route != "direct" || (var.cdn.url == null && var.cdn.domain == null)
    error_message = "cdn.route = \"direct\" uses no distribution: leave cdn.url and cdn.domain out, or choose another route."
  }

  validation {
    condition     = var.cdn.url == null || startswith(coalesce(var.cdn.url, "-"), "https://")
    error_message = "cdn.url begins with https://."
  }

  validation {
    condition     = contains(["SHA1", "SHA256"], var.cdn.policy_hash) && contains(["direct", "fail"], var.cdn.stale_edge)
    error_message = "cdn.policy_hash is SHA1 or SHA256, cdn.stale_edge is direct or fail."
  }

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.cdn.price_class)
    error_message = "cdn.price_class is PriceClass_100, PriceClass_200 or PriceClass_All."
  }

  validation {
    condition     = var.cdn.policy_seconds >= 1200
    error_message = "cdn.policy_seconds must be 1200 or more: a policy must outlast an invocation."
  }
}

variable "comparison" {
  description = <<-EOT
    The verifier. after: which runs are followed by a comparison: initial, always or never. repair_passes: comparisons in
    a row while something is repaired. sum_depth: folders below the root that are summed up apart. delete_extras: off,
    dry-run or on; what is at the destination and not at the source goes only if it is at most extra_share of all and was
    seen extra_grace_days ago. restore_tier: Bulk, Standard or Expedited has archived objects restored for restore_days.
  EOT
  type = object({
    after            = optional(string, "initial")
    repair_passes    = optional(number, 3)
    sum_depth        = optional(number, 1)
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

variable "destination_bucket" {
  description = <<-EOT
    Where objects go. create: false to use a bucket that exists; its location must be said all the same, because the
    staging bucket must lie there, too. prefix: stands in the place of the source's, "" for the root; without it keys stay as they are.
    storage_class_map: S3's class = Cloud Storage's. unsupported_names: report or encode.
  EOT
  type = object({
    name              = string
    location          = string
    create            = optional(bool, true)
    storage_class     = optional(string, "STANDARD")
    storage_class_map = optional(map(string), {})
    prefix            = optional(string)
    unsupported_names = optional(string, "report")
    versioning        = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = var.destination_bucket.name != var.source_bucket.name
    error_message = "destination_bucket.name and source_bucket.name are the same: say which of the two is which."
  }

  validation {
    condition = alltrue([
      for class in concat([var.destination_bucket.storage_class], values(var.destination_bucket.storage_class_map)) :
      contains(["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"], class)
    ])
    error_message = "Cloud Storage's classes are STANDARD, NEARLINE, COLDLINE and ARCHIVE."
  }

  validation {
    condition     = contains(["report", "encode"], var.destination_bucket.unsupported_names)
    error_message = "destination_bucket.unsupported_names is report or encode."
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
    Size of the three functions. transfer: 300 instances move a petabyte in a day; Cloud Run's default quota may be lower.
    concurrency: messages an instance handles at a time.
  EOT
  type = object({
    lister = optional(object({
      memory        = optional(string, "1Gi")
      max_instances = optional(number, 100)
      concurrency   = optional(number, 8)
    }), {})
    transfer = optional(object({
      memory        = optional(string, "512Mi")
      max_instances = optional(number, 300)
      concurrency   = optional(number, 4)
    }), {})
    verifier = optional(object({
      memory        = optional(string, "1Gi")
      max_instances = optional(number, 100)
      concurrency   = optional(number, 8)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name, size in var.functions : size.max_instances >= 1 && size.concurrency >= 1 && size.concurrency <= 1000])
    error_message = "functions.*.max_instances is 1 or more, functions.*.concurrency is 1 to 1000."
  }
}

variable "job" {
  description = "Names everything that is made, so that one project can hold several jobs, each with a state of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.job))
    error_message = "job is 3 to 20 lower-case letters, digits and hyphens, begins with a letter and ends with no hyphen."
  }
}

variable "project" {
  description = "The Google Cloud project, which must exist and have billing."
  type        = string
}

variable "region" {
  description = "Where the functions, the queue and the memory are; best near the destination."
  type        = string
}

variable "replicate_callers" {
  description = "Who may ask for single objects at /v1/replicate, as IAM members. Without any, the function is reachable from the queue only."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setintersection(var.replicate_callers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "replicate_callers: everybody could copy at your cost; name users, groups or service accounts."
  }
}

variable "schedules" {
  description = "When runs begin, as cron in `time_zone`. delta lists what is new or changed, verify compares everything. paused: no run begins by itself."
  type = object({
    delta     = optional(string, "0 * * * *")
    verify    = optional(string, "30 3 * * *")
    time_zone = optional(string, "Etc/UTC")
    paused    = optional(bool, false)
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

variable "source_bucket" {
  description = <<-EOT
    Where objects come from. prefix: nothing outside it is read. credentials: role (taken with the functions' Google
    identities, no key anywhere) or secret (keys that somebody puts into Secret Manager). kms_key_arn: of a bucket
    encrypted with SSE-KMS. versions: also allow reading by version. manage_policy: write the bucket policy that signed-url
    and public distributions need; it REPLACES the bucket's own, so it is off, and the statement is an output.
  EOT
  type = object({
    name           = string
    region         = string
    prefix         = optional(string, "")
    credentials    = optional(string, "role")
    kms_key_arn    = optional(string)
    manage_policy  = optional(bool, false)
    requester_pays = optional(bool, false)
    versions       = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = contains(["role", "secret"], var.source_bucket.credentials)
    error_message = "source_bucket.credentials is role or secret."
  }

  validation {
    condition     = !endswith(var.source_bucket.name, "--x-s3")
    error_message = "source_bucket.name is a directory bucket, which does not list in the order of its keys; everything here needs that."
  }
}

variable "tuning" {
  description = "What seldom needs to be touched; docs/settings.md has the meaning of each, by the same name in capitals."
  type = object({
    batch_bytes            = optional(number)
    budget_seconds         = optional(number)
    bytes_in_flight        = optional(number)
    ceiling_bytes          = optional(number)
    ceiling_objects        = optional(number)
    in_flight_life_seconds = optional(number)
    keys_per_message       = optional(number)
    large_bytes            = optional(number)
    lease_seconds          = optional(number)
    log_level              = optional(string)
    max_attempts           = optional(number)
    objects_in_flight      = optional(number)
    part_bytes             = optional(number)
    pulse_seconds          = optional(number)
  })
  default  = {}
  nullable = false
}
