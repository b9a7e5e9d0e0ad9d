# CloudFront and IAM are global; the region matters for a bucket policy that is managed here, and is the source bucket's.

provider "aws" {
  region = var.source_bucket.region
}

provider "google" {
  project = var.project
  region  = var.region
}
