# The distribution that objects are read through. Nothing is cached: every object is read once, and a cached one could be old.
#
#   sigv4        the request is signed for S3 by the function and passed on, all but its Host: the bucket stays as it is
#   signed-url   CloudFront reads as itself (origin access control) and serves only URLs signed with the key; of the reader's headers
#                only those go on that CloudFront passes by itself (Range, If-Match), unless cdn.pass_x_amz says otherwise
#   public       the same, and serves everybody who knows the distribution's name

locals {
  uses_cdn  = var.cdn.route != "direct"
  makes_cdn = local.uses_cdn && var.cdn.url == null
  signs_url = local.makes_cdn && var.cdn.auth == "signed-url"
  own_read  = local.makes_cdn && var.cdn.auth != "sigv4"

  cdn_name        = var.cdn.domain != null ? var.cdn.domain.name : one(aws_cloudfront_distribution.this[*].domain_name)
  cdn_url         = local.uses_cdn ? coalesce(var.cdn.url, local.makes_cdn ? "https://${local.cdn_name}" : null) : null
  cdn_key_pair_id = local.signs_url ? aws_cloudfront_public_key.this[0].id : var.cdn.key_pair_id

  # The bucket's own name, also with dots, makes it an origin of the kind S3. To any other CloudFront adds X-Amz-Cf-Id, and S3 refuses
  # x-amz- headers that are not signed: https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_OriginRequestPolicy.html
  origin_host = "${var.source_bucket.name}.s3.${var.source_bucket.region}.${data.aws_partition.this.dns_suffix}"

  # What CloudFront keeps of errors, 10 s each unless told otherwise, whatever the cache policy says; 416 it never keeps.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
  # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CustomErrorResponse.html
  kept_errors = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504]

  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
  caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
  all_but_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

  policy_statement = {
    Sid       = "ReadByCloudFront"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = "s3:GetObject"
    Resource  = local.objects_arn
    Condition = { StringEquals = { "AWS:SourceArn" = one(aws_cloudfront_distribution.this[*].arn) } }
  }
}

resource "aws_cloudfront_origin_access_control" "this" {
  count = local.own_read ? 1 : 0

  name                              = "${local.unique}_s3-to-gcs"
  description                       = "${var.job}: CloudFront reads the bucket as itself"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_public_key" "this" {
  count = local.signs_url ? 1 : 0

  name_prefix = "${local.unique}_"
  # As CloudFront gives it back, with one new line at its end; otherwise each plan would replace it.
  encoded_key = "${trimspace(var.cdn.public_key)}\n"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "this" {
  count = local.signs_url ? 1 : 0

  name  = "${local.unique}_s3-to-gcs"
  items = [aws_cloudfront_public_key.this[0].id]
}

resource "aws_cloudfront_distribution" "this" {
  count = local.makes_cdn ? 1 : 0

  comment         = "${var.job}: s3://${var.source_bucket.name} to Google Cloud Storage"
  enabled         = true
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.cdn.price_class
  tags            = local.labels
  aliases         = var.cdn.domain != null ? [var.cdn.domain.name] : []

  origin {
    origin_id                = "s3"
    domain_name              = local.origin_host
    origin_access_control_id = one(aws_cloudfront_origin_access_control.this[*].id)
  }

  # A key that was missing or refused a moment ago is asked for again.
  dynamic "custom_error_response" {
    for_each = local.kept_errors

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  default_cache_behavior {
    target_origin_id         = "s3"
    allowed_methods          = ["GET", "HEAD"]
    cached_methods           = ["GET", "HEAD"]
    cache_policy_id          = local.caching_disabled
    origin_request_policy_id = !local.own_read || var.cdn.pass_x_amz ? local.all_but_host : null
    compress                 = false
    viewer_protocol_policy   = "https-only"
    trusted_key_groups       = local.signs_url ? [aws_cloudfront_key_group.this[0].id] : null
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn            = try(var.cdn.domain.certificate_arn, null)
    cloudfront_default_certificate = var.cdn.domain == null
    minimum_protocol_version       = var.cdn.domain == null ? "TLSv1" : "TLSv1.2_2021"
    ssl_support_method             = var.cdn.domain == null ? null : "sni-only"
  }
}

resource "aws_s3_bucket_policy" "source" {
  count = local.own_read && var.source_bucket.manage_policy ? 1 : 0

  bucket = var.source_bucket.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [local.policy_statement] })

  lifecycle {
    precondition {
      condition     = data.aws_region.this.id == var.source_bucket.region
      error_message = "source_bucket.manage_policy: the aws provider is in ${data.aws_region.this.id} and the bucket in ${var.source_bucket.region}; pass the module a provider of that region, or add the statement to the bucket's policy yourself."
    }
  }
}

data "aws_region" "this" {}
