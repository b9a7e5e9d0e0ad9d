"""What some settings can be."""

from enum import StrEnum


class Route(StrEnum):
    """The way an object's bytes take out of S3."""

    CLOUDFRONT = "cloudfront"
    DIRECT = "direct"
    CHEAPEST = "cheapest"


class CdnAuth(StrEnum):
    """How a request proves to the CDN that it may read."""

    SIGV4 = "sigv4"
    SIGNED_URL = "signed-url"
    PUBLIC = "public"


class PolicyHash(StrEnum):
    """What CloudFront verifies a policy's signature with."""

    SHA1 = "SHA1"
    SHA256 = "SHA256"


class UnsupportedNames(StrEnum):
    """What to do with keys that Cloud Storage refuses."""

    REPORT = "report"
    ENCODE = "encode"


class VerifyAfter(StrEnum):
    """Which runs are followed by a comparison of both sides."""

    INITIAL = "initial"
    ALWAYS = "always"
    NEVER = "never"


class StaleEdgePolicy(StrEnum):
    """What to do when the CDN serves another version than S3."""

    DIRECT = "direct"
    FAIL = "fail"
