terraform {
  required_version = ">= 1.11"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

provider "aws" {
  region = var.source_bucket.region

  default_tags {
    tags = { job = var.job }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = { job = var.job }
}
