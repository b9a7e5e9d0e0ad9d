# From where, by which way, to where.

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
