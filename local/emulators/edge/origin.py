"""The bucket behind the edge, and the edge's own right to read it: origin access control.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_SIGNATURE = frozenset({"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})


@dataclass(frozen=True, slots=True)
class Origin:
    """base: URL of the bucket, without a slash at its end. credentials: what the edge signs with, None where the
    viewers' own signatures have to do. The signature is botocore's: an edge that signed with the project's code would
    believe its mistakes.
    """

    base: str
    credentials: Credentials | None = None

    def headers(self, method: str, url: str, viewers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request to the origin. A signature of the viewer's gives way to the edge's own, which
        covers what else there is of x-amz- headers.
        """
        if self.credentials is None:
            return dict(viewers)
        kept = {name: value for name, value in viewers.items() if name.lower() not in _SIGNATURE}
        amz = {name: value for name, value in kept.items() if name.lower().startswith("x-amz-")}
        request = AWSRequest(method, url, headers=amz)
        S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        return {**kept, **dict(request.headers.items())}
