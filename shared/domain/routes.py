"""The two ways an object's bytes take out of S3, as records, messages and reports name them."""

CLOUDFRONT = "cloudfront"

DIRECT = "direct"
"""Straight from S3: what the edge cannot serve, and every object of a job that asks for it."""
