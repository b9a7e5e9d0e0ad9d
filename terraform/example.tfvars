# Copy this file, change what is yours: terraform -chdir=terraform apply -var-file=../mine.tfvars
project = "my-project"
region  = "us-east4"
job     = "photos"

source_bucket = {
  name   = "my-photos"
  region = "us-east-1"
}

destination_bucket = {
  name     = "my-photos-copy"
  location = "us-east4"

  storage_class_map = {
    STANDARD_IA = "NEARLINE"
    GLACIER_IR  = "COLDLINE"
  }
}

alerts = {
  emails           = ["storage-team@example.com"]
  egress_gib_a_day = 2048
}
