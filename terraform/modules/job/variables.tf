# What a job is called, who may what, and what surrounds it. The others: variables_data.tf, variables_work.tf.

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

variable "deletion_protection" {
  description = "Whether `terraform destroy`, or a change that would replace them, is refused for the Firestore database, the destination and the reports."
  type        = bool
  default     = true
  nullable    = false
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

  # What Cloud Storage calls EU is europe at Cloud KMS, which has no "eu": https://cloud.google.com/kms/docs/locations
  # https://github.com/terraform-google-modules/terraform-google-bootstrap/pull/354
  validation {
    condition = alltrue([
      for name, location in { destination = var.destination_bucket.location, region = var.region } :
      try(lower(split("/", var.kms_key_name[name])[3]) == (lower(location) == "eu" ? "europe" : lower(location)), true)
    ])
    error_message = "kms_key_name.*: a key must lie where the data does: destination in destination_bucket.location (europe for EU), region in region."
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
    throughput to Cloud Storage. subnetwork: in `region`, with two addresses for each instance (a /25 for scale start, a
    /22 for large, a /21 for petabyte), Private Google Access and, for private-ranges-only, DNS that leads googleapis.com
    to private.googleapis.com; what goes to AWS then leaves without it. egress all-traffic sends that through the
    network, too, which needs a NAT and is billed.
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

variable "region" {
  description = "Where the functions, the queue and Firestore are; best near the destination."
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
