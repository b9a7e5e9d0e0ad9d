"""What the job pays, where it is not what is published."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from shared.pricing.catalog import Prices, read
from shared.pricing.egress import BYTES_CDN, BYTES_DIRECT, REQUESTS_CDN


def _price_list(text: str) -> str:
    """JSON, or the path of a file with it; a wrong list stops the start, not a run midway."""
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"is neither JSON nor a file that can be read: {error}") from None
    read(text)
    return text


PriceList = Annotated[str, AfterValidator(_price_list)]


class PriceSettings(BaseModel):
    """What the job pays, where it is not what is published."""

    prices: PriceList = Field(
        default="{}",
        description="what differs from the published price list, as JSON or the path of a file with it (docs/cost.md)",
    )
    price_s3_egress_gb: float | None = Field(
        default=None,
        ge=0,
        description="dollars that a contract gives for every GB out of S3; without it the list's tiers",
    )
    price_cdn_egress_gb: float | None = Field(
        default=None, ge=0, description="the same for a GB out of CloudFront; without it the list's tiers"
    )
    price_cdn_10k_requests: float | None = Field(
        default=None, ge=0, description="the same for 10,000 HTTPS requests to CloudFront"
    )

    def prices_at(self, aws_region: str) -> Prices:
        """The prices as this job pays them for a bucket in an AWS region."""
        own = {
            BYTES_DIRECT: self.price_s3_egress_gb,
            BYTES_CDN: self.price_cdn_egress_gb,
            REQUESTS_CDN: self.price_cdn_10k_requests,
        }
        return read(self.prices).at(aws_region).agreed(own)
