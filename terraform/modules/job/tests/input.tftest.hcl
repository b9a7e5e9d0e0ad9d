# Contradictory input fails at plan with a sentence that says what to set. `terraform test` needs no account: providers are mocked.

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

run "the_example_is_good" {
  command = plan
}

run "signed_url_without_a_key" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { auth = "signed-url" }
  }
}

run "signed_url_at_a_distribution_of_ones_own_without_the_id_of_the_key" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { auth = "signed-url", url = "https://d111111abcdef8.cloudfront.net", public_key = "PEM" }
  }
}

run "a_key_that_nobody_uses" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { public_key = "PEM" }
  }
}

run "a_distribution_for_the_direct_route" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { route = "direct", url = "https://d111111abcdef8.cloudfront.net" }
  }
}

run "a_route_that_does_not_exist" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { route = "cloud-front" }
  }
}

run "a_price_list_is_a_json_object" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { price_list = "[0.05]" }
  }
}

run "a_distribution_without_tls" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { url = "http://d111111abcdef8.cloudfront.net" }
  }
}

run "destination_and_source_are_one" {
  command         = plan
  expect_failures = [var.destination_bucket]
  variables {
    destination_bucket = { name = "my-photos", location = "us-east4" }
  }
}

run "a_storage_class_of_the_other_cloud" {
  command         = plan
  expect_failures = [var.destination_bucket]
  variables {
    destination_bucket = { name = "copies", location = "us-east4", storage_class_map = { GLACIER_IR = "GLACIER_IR" } }
  }
}

run "a_schedule_that_overlaps_itself" {
  command         = plan
  expect_failures = [var.schedules]
  variables {
    schedules = { delta = "*/5 * * * *" }
  }
}

run "every_minute" {
  command         = plan
  expect_failures = [var.schedules]
  variables {
    schedules = { verify = "* * * * *" }
  }
}

run "both_schedules_at_once" {
  command         = plan
  expect_failures = [var.schedules]
  variables {
    schedules = { delta = "0 3 * * *", verify = "0 3 * * *" }
  }
}

run "a_schedule_that_is_no_cron" {
  command         = plan
  expect_failures = [var.schedules]
  variables {
    schedules = { delta = "hourly" }
  }
}

run "every_quarter_of_an_hour_is_fine" {
  command = plan
  variables {
    schedules = { delta = "*/15 * * * *" }
  }
}

run "filters_that_leave_everything_out" {
  command         = plan
  expect_failures = [var.filters]
  variables {
    filters = { least_bytes = 2, most_bytes = 1 }
  }
}

run "a_name_that_is_too_long" {
  command         = plan
  expect_failures = [var.job]
  variables {
    job = "a-name-of-more-than-twenty"
  }
}

run "a_directory_bucket" {
  command         = plan
  expect_failures = [var.source_bucket]
  variables {
    source_bucket = { name = "fast--use1-az4--x-s3", region = "us-east-1" }
  }
}

run "everybody_may_copy" {
  command         = plan
  expect_failures = [var.replicate_callers]
  variables {
    replicate_callers = ["allUsers"]
  }
}

run "a_share_above_one" {
  command         = plan
  expect_failures = [var.alerts]
  variables {
    alerts = { failure_share = 5 }
  }
}

run "a_tier_that_does_not_exist" {
  command         = plan
  expect_failures = [var.comparison]
  variables {
    comparison = { restore_tier = "Fast" }
  }
}

run "no_instances" {
  command         = plan
  expect_failures = [var.functions]
  variables {
    functions = { transfer = { max_instances = 0 } }
  }
}
