# Contradictory input fails at plan with a sentence that says what to set. Run on the variables alone, without resources and providers.

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
    cdn = { auth = "signed-url", url = "https://d111111abcdef8.cloudfront.net", public_key = "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n" }
  }
}

run "a_key_that_nobody_uses" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { public_key = "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n" }
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

run "an_alarm_that_tells_a_topic" {
  command = plan
  variables {
    events = { follow = true, alarm_actions = ["arn:aws:sns:us-east-1:111122223333:alerts"] }
  }
}

run "an_alarm_that_tells_a_topic_of_another_region" {
  command         = plan
  expect_failures = [var.events]
  variables {
    events = { follow = true, alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:alerts"] }
  }
}

run "an_alarm_that_tells_what_is_no_topic" {
  command         = plan
  expect_failures = [var.events]
  variables {
    events = { follow = true, alarm_actions = ["arn:aws:sns:us-east-1:111122223333:alerts", "storage-team@example.com"] }
  }
}

run "an_alarm_that_tells_a_subscription" {
  command         = plan
  expect_failures = [var.events]
  variables {
    events = { follow = true, alarm_actions = ["arn:aws:sns:us-east-1:111122223333:alerts:8a21d249-4329-4871-acc6-7be709c6ea7f"] }
  }
}

run "an_alarm_that_tells_more_topics_than_five" {
  command         = plan
  expect_failures = [var.events]
  variables {
    events = { follow = true, alarm_actions = [for name in ["a", "b", "c", "d", "e", "f"] : "arn:aws:sns:us-east-1:111122223333:${name}"] }
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

run "a_destination_that_cloud_storage_refuses" {
  command         = plan
  expect_failures = [var.destination_bucket]
  variables {
    destination_bucket = { name = "my-photos-on-google", location = "us-east4" }
  }
}

run "a_destination_with_a_component_that_is_too_long" {
  command         = plan
  expect_failures = [var.destination_bucket]
  variables {
    destination_bucket = { name = "a234567890123456789012345678901234567890123456789012345678901234", location = "us-east4" }
  }
}

run "a_destination_that_is_an_address" {
  command         = plan
  expect_failures = [var.destination_bucket]
  variables {
    destination_bucket = { name = "192.168.5.4", location = "us-east4" }
  }
}

run "a_destination_with_dots_is_fine" {
  command = plan
  variables {
    destination_bucket = { name = "photos.example.com", location = "us-east4" }
  }
}

run "a_prefix_with_a_blank_at_its_end" {
  command         = plan
  expect_failures = [var.destination_bucket]
  variables {
    destination_bucket = { name = "my-photos-copy", location = "us-east4", prefix = "new " }
  }
}

run "a_source_that_s3_refuses" {
  command         = plan
  expect_failures = [var.source_bucket]
  variables {
    source_bucket = { name = "my_photos", region = "us-east-1" }
  }
}

run "a_source_that_is_an_alias" {
  command         = plan
  expect_failures = [var.source_bucket]
  variables {
    source_bucket = { name = "photos-a1b2c3d4-s3alias", region = "us-east-1" }
  }
}

run "a_zone_for_a_region" {
  command         = plan
  expect_failures = [var.source_bucket]
  variables {
    source_bucket = { name = "my-photos", region = "us-east-1a" }
  }
}

run "dots_and_a_signature_by_path" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    source_bucket = { name = "photos.example.com", region = "us-east-1" }
  }
}

run "dots_straight_from_s3_are_fine" {
  command = plan
  variables {
    source_bucket = { name = "photos.example.com", region = "us-east-1" }
    cdn           = { route = "direct" }
  }
}

run "a_private_key_for_the_public_one" {
  command         = plan
  expect_failures = [var.cdn]
  variables {
    cdn = { auth = "signed-url", public_key = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n" }
  }
}

run "a_job_that_pubsub_refuses" {
  command         = plan
  expect_failures = [var.job]
  variables {
    job = "goog-photos"
  }
}

run "a_project_by_its_number" {
  command         = plan
  expect_failures = [var.project]
  variables {
    project = "123456789012"
  }
}

run "more_than_the_quota_holds" {
  command         = plan
  expect_failures = [var.quota]
  variables {
    scale = "petabyte"
    quota = { vcpu = 200 }
  }
}

run "more_memory_than_the_quota_holds" {
  command         = plan
  expect_failures = [var.quota]
  variables {
    functions = { transfer = { memory = "4Gi" } }
    quota     = { vcpu = 20, memory_gib = 40 }
  }
}

run "more_in_flight_than_the_memory_holds" {
  command         = plan
  expect_failures = [var.tuning]
  variables {
    tuning = { bytes_in_flight = 536870912 }
  }
}

run "less_memory_than_is_in_flight" {
  command         = plan
  expect_failures = [var.tuning]
  variables {
    functions = { transfer = { memory = "256Mi" } }
  }
}

run "more_in_flight_with_more_memory" {
  command = plan
  variables {
    functions = { transfer = { memory = "1Gi" } }
    tuning    = { bytes_in_flight = 536870912 }
  }
}

run "the_start_fits_a_new_project" {
  command = plan
  variables {
    quota = { vcpu = 20, memory_gib = 40 }
  }
}

run "a_scale_that_does_not_exist" {
  command         = plan
  expect_failures = [var.scale]
  variables {
    scale = "huge"
  }
}

run "more_memory_than_one_cpu_may_have" {
  command         = plan
  expect_failures = [var.functions]
  variables {
    functions = { verifier = { memory = "5Gi" } }
  }
}

run "memory_without_its_unit" {
  command         = plan
  expect_failures = [var.functions]
  variables {
    functions = { lister = { memory = "1024" } }
  }
}

run "a_key_elsewhere" {
  command         = plan
  expect_failures = [var.kms_key_name]
  variables {
    kms_key_name = { region = "projects/keys/locations/europe-west1/keyRings/ring/cryptoKeys/key" }
  }
}

run "a_key_for_the_multi_region_of_europe" {
  command = plan
  variables {
    region             = "europe-west1"
    destination_bucket = { name = "my-photos-copy", location = "EU" }
    kms_key_name       = { destination = "projects/keys/locations/europe/keyRings/ring/cryptoKeys/key" }
  }
}

run "a_key_where_there_is_no_cloud_kms" {
  command         = plan
  expect_failures = [var.kms_key_name]
  variables {
    region             = "europe-west1"
    destination_bucket = { name = "my-photos-copy", location = "EU" }
    kms_key_name       = { destination = "projects/keys/locations/eu/keyRings/ring/cryptoKeys/key" }
  }
}

run "a_label_in_capitals" {
  command         = plan
  expect_failures = [var.labels]
  variables {
    labels = { Team = "storage" }
  }
}

run "a_network_without_a_name" {
  command         = plan
  expect_failures = [var.network]
  variables {
    network = { tags = ["copies"] }
  }
}

run "a_larger_scale_asks_for_a_quota" {
  command         = plan
  expect_failures = [check.quota]
  variables {
    scale = "large"
  }
}
