# What is made, by the choices that shape it.

mock_provider "archive" {}
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_partition" {
    defaults = { dns_suffix = "amazonaws.com", partition = "aws" }
  }
}
mock_provider "google" {}

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
    cdn = { auth = "signed-url", public_key = "-----BEGIN PUBLIC KEY-----" }
  }

  assert {
    condition     = length(aws_cloudfront_origin_access_control.this) == 1 && length(aws_cloudfront_key_group.this) == 1
    error_message = "origin access control and key group"
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

run "a_bucket_with_dots_is_addressed_by_path" {
  command = plan
  variables {
    source_bucket = { name = "photos.example.com", region = "eu-west-1" }
  }

  assert {
    condition = (
      one(aws_cloudfront_distribution.this[0].origin).domain_name == "s3.eu-west-1.amazonaws.com"
      && one(aws_cloudfront_distribution.this[0].origin).origin_path == "/photos.example.com"
    )
    error_message = "its own name would fail TLS"
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
