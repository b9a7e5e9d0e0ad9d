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
    auth: how a request proves that it may read: sigv4, signed-url (needs public_key, RSA 2048 or ECDSA P-256) or public.
    url: of a distribution that exists; none is made then, and signed-url needs its key_pair_id. path_map: replacements
    in the keys, old = new. stale_edge: direct or fail. price_class: of the distribution that is made. domain: a name of
    its own, with its certificate (ACM, us-east-1), which lets the TLS floor be 1.2. pass_x_amz: whether a distribution
    for signed-url or public passes the reader's x-amz-checksum-mode on to S3; nobody has said yet whether CloudFront
    signs it, and S3 answers 403 to what is not signed, so turn it on only where a live run has shown that it works.
  EOT
  type = object({
    route          = optional(string, "cloudfront")
    auth           = optional(string, "sigv4")
    url            = optional(string)
    path_map       = optional(map(string), {})
    key_pair_id    = optional(string)
    public_key     = optional(string)
    pass_x_amz     = optional(bool, false)
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
    condition     = var.cdn.public_key == null || can(regex("^\\s*-----BEGIN PUBLIC KEY-----\\s[A-Za-z0-9+/=\\s]+-----END PUBLIC KEY-----\\s*$", var.cdn.public_key))
    error_message = "cdn.public_key is a public key in PEM form, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----: `openssl pkey -in key.pem -pubout` prints it."
  }

  validation {
    condition     = !(strcontains(var.source_bucket.name, ".") && var.cdn.auth == "sigv4" && var.cdn.route != "direct")
    error_message = "source_bucket.name has dots, and cdn.auth = \"sigv4\" would sign for it by path, for which CloudFront needs a custom origin, to which it adds a header that is not signed, which S3 refuses: set cdn.auth = \"signed-url\", or cdn.route = \"direct\"."
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

variable "deletion_protection" {
  description = "Whether `terraform destroy`, or a change that would replace them, is refused for the memory, the destination and the reports."
  type        = bool
  default     = true
  nullable    = false
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

  # https://cloud.google.com/storage/docs/buckets#naming
  validation {
    condition = alltrue([
      can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", var.destination_bucket.name)),
      alltrue([for part in split(".", var.destination_bucket.name) : length(part) >= 1 && length(part) <= 63]),
      !can(regex("^\\d+\\.\\d+\\.\\d+\\.\\d+$", var.destination_bucket.name)),
    ])
    error_message = "destination_bucket.name: Cloud Storage takes 3 to 63 lower-case letters, digits, hyphens and underscores, first and last a letter or digit; with dots 222, 63 between two of them."
  }

  validation {
    condition     = !can(regex("^goog|g[o0][o0]g[l1]e", var.destination_bucket.name))
    error_message = "destination_bucket.name: Cloud Storage refuses names that begin with goog or hold google, or what looks like it."
  }

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
    condition     = alltrue([for prefix in [var.destination_bucket.prefix, var.source_bucket.prefix] : prefix == null || trimspace(coalesce(prefix, "-")) == coalesce(prefix, "-")])
    error_message = "source_bucket.prefix and destination_bucket.prefix: the functions take blanks at the ends of a setting away, so a prefix cannot begin or end with one."
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
}

variable "job" {
  description = "Names everything that is made, so that one project can hold several jobs, each with a state of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.job))
    error_message = "job is 3 to 20 lower-case letters, digits and hyphens, begins with a letter and ends with no hyphen."
  }

  # https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names, https://cloud.google.com/storage/docs/buckets#naming
  validation {
    condition     = !can(regex("^goog|g[o0][o0]g[l1]e", var.job))
    error_message = "job names topics and buckets, and Google refuses names that begin with goog or hold google, or what looks like it."
  }
}

variable "kms_key_name" {
  description = <<-EOT
    Keys of your own (projects/P/locations/L/keyRings/R/cryptoKeys/K) for what is made: destination, of a key in
    destination_bucket.location, for the destination, staging and report buckets; region, of a key in `region`, for the
    code bucket and the topics. The services' agents must be allowed to use them before.
  EOT
  type = object({
    destination = optional(string)
    region      = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name in values(var.kms_key_name) : name == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", name))
    ])
    error_message = "kms_key_name.*: write keys in full, projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }

  validation {
    condition = alltrue([
      for name, location in { destination = var.destination_bucket.location, region = var.region } :
      try(lower(split("/", var.kms_key_name[name])[3]) == lower(location), true)
    ])
    error_message = "kms_key_name.*: a key must lie where the data does: destination in destination_bucket.location, region in region."
  }
}

variable "labels" {
  description = "Labels (on AWS: tags) of everything that is made, besides `job`."
  type        = map(string)
  default     = {}
  nullable    = false

  # https://cloud.google.com/resource-manager/docs/labels-overview#requirements
  validation {
    condition = alltrue([
      for name, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", name)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "labels: names and values are up to 63 lower-case letters, digits, hyphens and underscores, and a name begins with a letter."
  }
}

variable "network" {
  description = <<-EOT
    A network of yours through which the functions reach Google's services (Direct VPC egress), which Google names for
    throughput to Cloud Storage. subnetwork: in `region`, a /26 or larger, with Private Google Access and, for
    private-ranges-only, DNS that leads googleapis.com to private.googleapis.com; what goes to AWS then leaves without
    it. egress all-traffic sends that through the network, too, which needs a NAT and is billed.
  EOT
  type = object({
    network    = optional(string)
    subnetwork = optional(string)
    tags       = optional(list(string))
    egress     = optional(string, "private-ranges-only")
  })
  default = null

  validation {
    condition     = var.network == null || try(var.network.network != null || var.network.subnetwork != null, false)
    error_message = "network: name a network, a subnetwork or both."
  }

  validation {
    condition     = contains(["all-traffic", "private-ranges-only"], try(var.network.egress, "private-ranges-only"))
    error_message = "network.egress is private-ranges-only or all-traffic."
  }
}

variable "project" {
  description = "The Google Cloud project, which must exist and have billing."
  type        = string

  # https://cloud.google.com/resource-manager/docs/creating-managing-projects
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is the project's id (not its name or number): 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }

  validation {
    condition     = !can(regex("^goog|g[o0][o0]g[l1]e", var.project))
    error_message = "project is part of the names of buckets, and Cloud Storage refuses names that begin with goog or hold google, or what looks like it."
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

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  validation {
    condition = alltrue([
      can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.source_bucket.name)),
      !can(regex("[.][.]|^\\d+\\.\\d+\\.\\d+\\.\\d+$|^(xn--|sthree-|amzn-s3-demo-)|(\\.mrap|--table-s3)$", var.source_bucket.name)),
    ])
    error_message = "source_bucket.name: S3 takes 3 to 63 lower-case letters, digits, dots and hyphens, first and last a letter or digit, and keeps some beginnings and ends for itself."
  }

  validation {
    condition     = !can(regex("(-s3alias|--ol-s3)$", var.source_bucket.name))
    error_message = "source_bucket.name is the alias of an access point, for which rights are written otherwise: name the bucket itself."
  }

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-\\d$", var.source_bucket.region))
    error_message = "source_bucket.region is an AWS region, like \"us-east-1\"."
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
