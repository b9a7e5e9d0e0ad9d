"""The bucket behind the edge: the edge's own right to read it, and what it adds to a request and to an answer.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_SIGNATURE = frozenset({"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})


_VIA = "1.1 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"


def request_id() -> str:
    """What CloudFront tells one request from another by: 56 characters."""
    return f"{secrets.token_urlsafe(40)}=="


def answer_headers(identity: str) -> dict[str, str]:
    """What every answer of the edge carries."""
    return {"Via": _VIA, "X-Amz-Cf-Id": identity, "X-Amz-Cf-Pop": "LCL1-P1"}


@dataclass(frozen=True, slots=True)
class Origin:
    """base: URL of the bucket, without a slash at its end. credentials: what the edge signs with, None where the
    viewers' own signatures have to do. The signature is botocore's: an edge that signed with the project's code would
    believe its mistakes. custom: a custom origin, as a bucket with dots in its name needs it, is sent X-Amz-Cf-Id like
    any web server; S3 finds it unsigned and refuses what the viewer has signed. At an S3 origin it is between AWS.
    """

    base: str
    credentials: Credentials | None = None
    custom: bool = False

    def headers(self, method: str, url: str, viewers: Mapping[str, str], identity: str) -> dict[str, str]:
        """The headers of a request to the origin. identity: of the request. A signature of the viewer's gives way to
        the edge's own, which covers what else there is of x-amz- headers.
        """
        added = {"Via": ", ".join(filter(None, (viewers.get("Via"), _VIA)))}
        if self.custom:
            added["X-Amz-Cf-Id"] = identity
        viewers = {**viewers, **added}
        if self.credentials is None:
            return viewers
        kept = {name: value for name, value in viewers.items() if name.lower() not in _SIGNATURE}
        amz = {name: value for name, value in kept.items() if name.lower().startswith("x-amz-")}
        request = AWSRequest(method, url, headers=amz)
        S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        return {**kept, **dict(request.headers.items())}
