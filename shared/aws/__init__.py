"""S3, CloudFront and AWS identities. The only room that knows their wire."""
