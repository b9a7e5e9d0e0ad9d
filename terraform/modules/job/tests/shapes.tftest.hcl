# What is made, by the choices that shape it.

mock_provider "archive" {}
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_region" {
    defaults = { id = "us-east-1" }
  }
  mock_data "aws_partition" {
    defaults = { dns_suffix = "amazonaws.com", partition = "aws" }
  }
}
mock_provider "google" {}
mock_provider "time" {}

variables {
  project            = "my-project"
  region             = "us-east4"
  job                = "photos"
  source_bucket      = { name = "my-photos", region = "us-east-1" }
  destination_bucket = { name = "my-photos-copy", location = "us-east4" }
}

run "sigv4_leaves_the_bucket_as_it_is_and_keeps_no_key" {
  command = plan

  assert {
    condition     = length(aws_cloudfront_distribution.this) == 1 && length(aws_cloudfront_origin_access_control.this) == 0
    error_message = "the function's own signature must reach S3: no origin access control"
  }
  assert {
    condition = (
      aws_cloudfront_distribution.this[0].default_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
      && aws_cloudfront_distribution.this[0].default_cache_behavior[0].origin_request_policy_id == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    )
    error_message = "nothing may be cached, and all but Host must be passed on"
  }
  assert {
    condition = (
      length(aws_cloudfront_distribution.this[0].custom_error_response) == 10
      && alltrue([for kept in aws_cloudfront_distribution.this[0].custom_error_response : kept.error_caching_min_ttl == 0])
    )
    error_message = "CloudFront keeps no error"
  }
  assert {
    condition     = google_cloud_scheduler_job.this["delta"].paused && google_cloud_scheduler_job.this["verify"].paused
    error_message = "nothing is copied unasked"
  }
  assert {
    condition     = strcontains(output.start, "schedules = { paused = false }")
    error_message = "the output says how to start"
  }
  assert {
    condition = (
      google_firestore_database.state.delete_protection_state == "DELETE_PROTECTION_ENABLED"
      && google_storage_bucket.destination[0].deletion_policy == "PREVENT" && google_storage_bucket.reports.deletion_policy == "PREVENT"
    )
    error_message = "what cannot be made again is protected"
  }
  assert {
    condition     = google_cloudfunctions2_function.this["transfer"].service_config[0].max_instance_count == 10 && local.needed.vcpu == 18
    error_message = "a new project's quota holds it"
  }
  assert {
    condition     = length(google_secret_manager_secret.this) == 0 && length(aws_iam_role.functions) == 1
    error_message = "a role needs no secret"
  }
  assert {
    condition     = length(aws_s3_bucket_policy.source) == 0 && output.bucket_policy_statement == null
    error_message = "the bucket's policy is nobody's business here"
  }
  assert {
    condition     = toset(keys(google_cloudfunctions2_function.this)) == toset(["lister", "transfer", "verifier"])
    error_message = "three functions"
  }
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"])
    error_message = "only the queue may reach the functions"
  }
}

run "signed_url_reads_as_cloudfront_and_only_for_signed_urls" {
  command = plan
  variables {
    cdn = { auth = "signed-url", public_key = "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----" }
  }

  assert {
    condition     = length(aws_cloudfront_origin_access_control.this) == 1 && length(aws_cloudfront_key_group.this) == 1
    error_message = "origin access control and key group"
  }
  assert {
    condition     = aws_cloudfront_public_key.this[0].encoded_key == "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n"
    error_message = "a key without a new line at its end would be replaced by each apply"
  }
  assert {
    condition     = aws_cloudfront_distribution.this[0].default_cache_behavior[0].origin_request_policy_id == null
    error_message = "x-amz-checksum-mode may not reach S3 while nobody knows whether CloudFront signs it"
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret.this)) == toset(["cdn-private-key"])
    error_message = "a container for the private key"
  }
  assert {
    condition     = length(aws_s3_bucket_policy.source) == 0
    error_message = "a bucket's policy is not replaced unless that is asked for"
  }
}

run "a_bucket_policy_that_is_asked_for" {
  command = plan
  variables {
    cdn           = { auth = "public" }
    source_bucket = { name = "my-photos", region = "us-east-1", manage_policy = true }
  }

  assert {
    condition     = length(aws_s3_bucket_policy.source) == 1 && length(aws_cloudfront_key_group.this) == 0
    error_message = "the policy lets CloudFront read"
  }
}

run "a_bucket_policy_by_a_provider_of_another_region" {
  command         = plan
  expect_failures = [aws_s3_bucket_policy.source]
  variables {
    cdn           = { auth = "public" }
    source_bucket = { name = "my-photos", region = "eu-west-1", manage_policy = true }
  }
}

run "keys_in_place_of_the_role" {
  command = plan
  variables {
    source_bucket = { name = "my-photos", region = "us-east-1", credentials = "secret" }
  }

  assert {
    condition     = length(aws_iam_role.functions) == 0 && toset(keys(google_secret_manager_secret.this)) == toset(["aws-credentials"])
    error_message = "a container for the keys, and no role"
  }
  assert {
    condition     = length(google_secret_manager_secret_iam_member.function) == 3
    error_message = "each function reads the keys"
  }
}

run "straight_from_s3" {
  command = plan
  variables {
    cdn = { route = "direct" }
  }

  assert {
    condition     = length(aws_cloudfront_distribution.this) == 0 && output.cdn_url == null
    error_message = "no distribution"
  }
}

run "ones_own_distribution_and_bucket" {
  command = plan
  variables {
    cdn                = { url = "https://d111111abcdef8.cloudfront.net" }
    destination_bucket = { name = "there-already", location = "EU", create = false }
  }

  assert {
    condition     = length(aws_cloudfront_distribution.this) == 0 && length(google_storage_bucket.destination) == 0
    error_message = "what exists is used"
  }
  assert {
    condition     = output.cdn_url == "https://d111111abcdef8.cloudfront.net"
    error_message = "the distribution that was named"
  }
  assert {
    condition     = google_storage_bucket.staging.location == "EU"
    error_message = "the staging bucket lies where the destination does"
  }
}

run "a_bucket_with_dots_is_an_s3_origin" {
  command = plan
  variables {
    source_bucket = { name = "photos.example.com", region = "eu-west-1" }
    cdn           = { auth = "public", pass_x_amz = true }
  }

  assert {
    condition = (
      one(aws_cloudfront_distribution.this[0].origin).domain_name == "photos.example.com.s3.eu-west-1.amazonaws.com"
      && length(one(aws_cloudfront_distribution.this[0].origin).custom_origin_config) == 0
    )
    error_message = "to a custom origin CloudFront adds a header that S3 refuses"
  }
  assert {
    condition     = aws_cloudfront_distribution.this[0].default_cache_behavior[0].origin_request_policy_id == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    error_message = "pass_x_amz passes on all but Host"
  }
}

run "deletion_is_a_right_only_where_it_is_on" {
  command = plan
  variables {
    comparison = { delete_extras = "on" }
  }

  assert {
    condition     = google_project_iam_custom_role.delete_extras[0].permissions == toset(["storage.objects.delete"])
    error_message = "just the right to delete"
  }
  assert {
    condition     = contains(keys(google_storage_bucket_iam_member.function), "verifier/extras")
    error_message = "the verifier deletes"
  }
}

run "a_dry_run_deletes_nothing" {
  command = plan
  variables {
    comparison = { delete_extras = "dry-run" }
  }

  assert {
    condition     = length(google_project_iam_custom_role.delete_extras) == 0
    error_message = "no right to delete"
  }
}

run "who_asks_for_single_objects" {
  command = plan
  variables {
    replicate_callers = ["group:storage@example.com"]
  }

  assert {
    condition     = google_cloudfunctions2_function.this["transfer"].service_config[0].ingress_settings == "ALLOW_ALL"
    error_message = "the transfer is reachable"
  }
  assert {
    condition     = google_cloudfunctions2_function.this["lister"].service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "the others are not"
  }
}

run "started" {
  command = plan
  variables {
    schedules = { paused = false }
  }

  assert {
    condition     = alltrue([for schedule in google_cloud_scheduler_job.this : !schedule.paused])
    error_message = "each begins by itself"
  }
}

run "a_petabyte" {
  command = plan
  variables {
    scale = "petabyte"
    quota = { vcpu = 500, memory_gib = 400 }
  }

  assert {
    condition     = google_cloudfunctions2_function.this["transfer"].service_config[0].max_instance_count == 300 && local.needed.vcpu == 500 && local.needed.memory_gib == 350
    error_message = "as simulated"
  }
}

run "what_may_be_taken_away" {
  command = plan
  variables {
    deletion_protection = false
  }

  assert {
    condition     = google_firestore_database.state.delete_protection_state == "DELETE_PROTECTION_DISABLED" && google_firestore_database.state.deletion_policy == "DELETE"
    error_message = "destroy takes the memory, too"
  }
}

run "a_network_labels_and_keys" {
  command = plan
  variables {
    labels  = { team = "storage" }
    network = { subnetwork = "functions" }
    kms_key_name = {
      destination = "projects/keys/locations/us-east4/keyRings/ring/cryptoKeys/data"
      region      = "projects/keys/locations/us-east4/keyRings/ring/cryptoKeys/queue"
    }
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.service_config[0].direct_vpc_egress == "VPC_EGRESS_PRIVATE_RANGES_ONLY" && one(function.service_config[0].direct_vpc_network_interface).subnetwork == "functions"
    ])
    error_message = "each function leaves by the network"
  }
  assert {
    condition     = google_storage_bucket.staging.labels == tomap({ job = "photos", team = "storage" }) && aws_iam_role.functions[0].tags == tomap({ job = "photos", team = "storage" })
    error_message = "labelled on both clouds"
  }
  assert {
    condition = (
      google_storage_bucket.destination[0].encryption[0].default_kms_key_name == var.kms_key_name.destination
      && google_storage_bucket.code.encryption[0].default_kms_key_name == var.kms_key_name.region
      && google_pubsub_topic.this["list"].kms_key_name == var.kms_key_name.region
    )
    error_message = "keys of one's own"
  }
}

run "events_by_a_provider_of_another_region" {
  command         = plan
  expect_failures = [aws_sqs_queue.events]
  variables {
    events        = { follow = true }
    source_bucket = { name = "my-photos", region = "eu-west-1" }
  }
}

run "another_region_is_no_matter_without_events" {
  command = plan
  variables {
    source_bucket = { name = "my-photos", region = "eu-west-1" }
  }

  assert {
    condition     = length(aws_sqs_queue.events) == 0
    error_message = "no queue"
  }
}

run "a_queue_that_nobody_reads_is_late_when_an_event_is" {
  command = plan
  variables {
    events    = { follow = true }
    schedules = { paused = false }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.events["unread"].threshold == 900
    error_message = "as late as EVENTS_LATE_SECONDS, where nobody says another"
  }
}

run "a_queue_that_nobody_reads_is_late_when_somebody_says_so" {
  command = plan
  variables {
    events    = { follow = true, late_seconds = 3600 }
    schedules = { paused = false }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.events["unread"].threshold == 3600
    error_message = "as late as late_seconds"
  }
}

run "a_queue_is_not_late_while_it_mends_itself" {
  command = plan
  variables {
    events    = { follow = true, late_seconds = 30 }
    schedules = { paused = false }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.events["unread"].threshold == 720
    error_message = "an instance that is ended is no reason to call anybody"
  }
}

run "nobody_reads_the_queue_in_a_pause" {
  command = plan
  variables {
    events    = { follow = true, late_seconds = 30 }
    schedules = { paused = true }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.events["unread"].threshold == 864000
    error_message = "in a pause events wait, until the queue would drop them"
  }
}

run "several_regions_have_prices_of_their_own" {
  command = plan
  variables {
    region             = "europe-west1"
    destination_bucket = { name = "my-photos-copy", location = "EU" }
    cdn                = { price_list = "{\"published\": \"2027-01-15\", \"job\": {\"plan\": \"pro\"}}" }
    kms_key_name       = { destination = "projects/keys/locations/europe/keyRings/ring/cryptoKeys/data" }
  }

  assert {
    condition     = jsondecode(output.environment["PRICES"]) == { published = "2027-01-15", job = { location = "multi-region", plan = "pro" } }
    error_message = "the bill of a multi-region, with what the job says itself"
  }
}

run "one_region_has_the_list_as_it_is" {
  command = plan

  assert {
    condition     = !contains(keys(output.environment), "PRICES")
    error_message = "nothing differs from the published list"
  }
}

run "functions_far_from_the_destination" {
  command         = plan
  expect_failures = [check.nearness]
  variables {
    region = "us-central1"
  }
}

run "a_prefix_that_no_policy_of_iam_can_hold" {
  command = plan
  variables {
    source_bucket = { name = "my-photos", region = "us-east-1", prefix = "写真/2026/" }
    events        = { follow = true }
  }

  assert {
    condition     = local.objects_arn == "arn:aws:s3:::my-photos/*/2026/*" && output.environment["SOURCE_PREFIX"] == "写真/2026/"
    error_message = "IAM refuses a policy with characters beyond Latin-1"
  }
  assert {
    condition     = alltrue([for text in [aws_iam_role.functions[0].description, aws_cloudwatch_event_rule.events[0].description] : can(regex("^[ -~]{1,256}$", text))])
    error_message = "neither may a role's description hold them, and a long prefix no rule's"
  }
}
