# The role that the functions take with their Google identities. AWS knows accounts.google.com by itself, so no provider is made and
# no key exists. `aud` is the number of the service account that Google signed for (the token's azp), `oaud` the audience that the
# function named, `sub` the number again:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif

locals {
  role_audience = "s3-to-gcs/${var.job}"
  identities    = [for name in keys(local.functions) : google_service_account.this[name].unique_id]
  bucket_arn    = "arn:${data.aws_partition.this.partition}:s3:::${var.source_bucket.name}"

  # A policy of IAM may hold no character beyond Latin-1; what of a prefix is not ASCII is a wildcard there, so the right is wider than the
  # prefix. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html (PolicyDocument)
  objects_arn = "${local.bucket_arn}/${replace(var.source_bucket.prefix, "/[^ -~]+/", "*")}*"
}

data "aws_partition" "this" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = local.identities
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = [local.role_audience]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = local.identities
    }
  }
}

# Without ListBucket S3 answers 403 where there is no object, which looks like a missing right.
data "aws_iam_policy_document" "read" {
  statement {
    sid       = "List"
    actions   = concat(["s3:ListBucket"], var.source_bucket.versions ? ["s3:ListBucketVersions"] : [])
    resources = [local.bucket_arn]
  }

  statement {
    sid = "Read"
    actions = concat(
      ["s3:GetObject"],
      var.source_bucket.versions ? ["s3:GetObjectVersion"] : [],
      var.comparison.restore_tier != null ? ["s3:RestoreObject"] : [],
    )
    resources = [local.objects_arn]
  }

  dynamic "statement" {
    for_each = var.source_bucket.kms_key_arn != null ? [var.source_bucket.kms_key_arn] : []

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "functions" {
  count = var.source_bucket.credentials == "role" ? 1 : 0

  name                 = "${local.unique}_s3-to-gcs"
  description          = "Read s3://${var.source_bucket.name} from Google Cloud for ${var.job}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
  tags                 = local.labels
}

resource "aws_iam_role_policy" "read" {
  count = var.source_bucket.credentials == "role" ? 1 : 0

  name   = "read-${var.job}"
  role   = aws_iam_role.functions[0].id
  policy = data.aws_iam_policy_document.read.json
}
