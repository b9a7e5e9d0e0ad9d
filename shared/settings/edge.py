"""The way out of S3: through CloudFront, directly, or by the price."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from shared.settings.choices import CdnAuth, PolicyHash, Route, StaleEdgePolicy
from shared.settings.fields import SECRET_VERSION, Origin, Pairs


class EdgeSettings(BaseModel):
    """The way out of S3: through CloudFront, directly, or by the price."""

    route: Route = Field(
        default=Route.CLOUDFRONT,
        description="`cloudfront`, `direct` to S3, or `cheapest`: each object by the way that costs less "
        "(docs/cost.md)",
    )
    cdn_url: Origin | None = Field(
        default=None, description="`https://…` of the distribution; needed unless the route is direct"
    )
    cdn_path_map: Pairs = Field(
        default=(),
        description="`old=new,old=new`, replaced in the keys wherever they occur, for a distribution whose paths "
        "differ from the keys; percent-encode `,` and `=`",
    )
    cdn_auth: CdnAuth = Field(
        default=CdnAuth.SIGV4,
        description="`sigv4`: signed for S3, sent to a distribution that passes all but Host on; `signed-url`: a "
        "CloudFront custom policy; `public`",
    )
    cdn_key_pair_id: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9]+$", description="id of the CloudFront public key, for `signed-url`"
    )
    cdn_private_key_secret: str | None = Field(
        default=None,
        pattern=SECRET_VERSION,
        description="`projects/P/secrets/S/versions/V` with its private key in PEM form, RSA or ECDSA P-256",
    )
    cdn_policy_seconds: float = Field(
        default=7200,
        ge=1200,
        description="how long a signed policy is good for; a new one is signed when half of that is left",
    )
    cdn_policy_hash: PolicyHash = Field(
        default=PolicyHash.SHA1, description="`SHA1` or `SHA256`: what CloudFront verifies a policy's signature with"
    )
    stale_edge: StaleEdgePolicy = Field(
        default=StaleEdgePolicy.DIRECT,
        description="`direct` reads from S3 what the CDN serves stale, `fail` fails that key",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.route is not Route.DIRECT and self.cdn_url is None:
            raise ValueError("CDN_URL is missing: set it, or set ROUTE=direct")
        if self.cdn_auth is CdnAuth.SIGNED_URL:
            needed = ("cdn_key_pair_id", "cdn_private_key_secret")
            missing = [name.upper() for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"CDN_AUTH=signed-url needs {' and '.join(missing)}")
        return self
