# Several jobs in one state: one more job is one more entry. `terraform apply` in this folder makes them all.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }
}

# CloudFront and IAM are global, so one provider does for buckets of every region. A job that follows events, or manages its bucket's
# policy, needs one of the bucket's region: an alias (provider "aws" { alias = "eu" … }) and a module of its own with
# providers = { aws = aws.eu }, as for_each takes one provider for all. Without it the plan is refused.
provider "aws" {
  region = "us-east-1"
}

provider "google" {
  project = var.project
}

variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
  default     = "my-project"
}

locals {
  jobs = {
    photos = {
      region             = "us-east4"
      source_bucket      = { name = "my-photos", region = "us-east-1" }
      destination_bucket = { name = "my-photos-copy", location = "us-east4" }
    }
    videos = {
      region             = "europe-west1"
      source_bucket      = { name = "my-videos", region = "eu-west-1", prefix = "2026/" }
      destination_bucket = { name = "my-videos-copy", location = "EU", prefix = "" }
    }
  }
}

module "jobs" {
  for_each = local.jobs
  source   = "../../modules/job"

  project            = var.project
  job                = each.key
  region             = each.value.region
  source_bucket      = each.value.source_bucket
  destination_bucket = each.value.destination_bucket
  labels             = { team = "storage" }
}

output "jobs" {
  description = "What to type for each job: start, run, force, verify, watch."
  value       = { for name, job in module.jobs : name => { for key in ["start", "run", "force", "verify", "watch", "quota"] : key => job[key] } }
}
