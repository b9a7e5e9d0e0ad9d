"""The Cloud Storage buckets, and how objects lie in them."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from shared.domain.parts import LEAST_PART_BYTES, MIB, MOST_PART_BYTES
from shared.settings.choices import UnsupportedNames
from shared.settings.fields import STORAGE_CLASSES, BucketName, Pairs


class DestinationSettings(BaseModel):
    """The Cloud Storage buckets, and how objects lie in them."""

    destination_bucket: BucketName = Field(description="the Cloud Storage bucket")
    destination_prefix: str | None = Field(
        default=None,
        description="in the place of the source prefix, empty for the root; without it keys stay as they are",
    )
    storage_class_map: Pairs = Field(
        default=(),
        description="`STANDARD_IA=NEARLINE,GLACIER_IR=COLDLINE` and so on, from S3's classes to Cloud Storage's; what "
        "is not named gets the bucket's default",
    )
    unsupported_names: UnsupportedNames = Field(
        default=UnsupportedNames.REPORT,
        description="keys that Cloud Storage refuses: `report` them, or `encode` them under `.s3-names/`",
    )
    staging_bucket: BucketName = Field(
        description="where large objects are put together: in the destination's location, without soft delete"
    )
    large_bytes: int = Field(
        default=5 * 1024 * MIB,
        ge=16 * MIB,
        description="larger objects are copied in parts, each by an invocation of its own",
    )
    part_bytes: int = Field(
        default=256 * MIB,
        ge=LEAST_PART_BYTES,
        le=MOST_PART_BYTES,
        description="size of such a part; larger where there would be more than 10,000",
    )
    report_bucket: BucketName | None = Field(
        default=None,
        description="where each run's manifest and report are put, in a folder of its own; without it there are none",
    )

    @model_validator(mode="after")
    def _buckets_of_their_own(self) -> Self:
        if self.staging_bucket == self.destination_bucket:
            raise ValueError("STAGING_BUCKET must be a bucket of its own, not the DESTINATION_BUCKET")
        if self.report_bucket in (self.destination_bucket, self.staging_bucket):
            raise ValueError("REPORT_BUCKET must be a bucket of its own, neither DESTINATION_BUCKET nor STAGING_BUCKET")
        unknown = {new for _, new in self.storage_class_map} - STORAGE_CLASSES
        if unknown:
            raise ValueError(f"STORAGE_CLASS_MAP: Cloud Storage has no class {', '.join(sorted(unknown))}")
        return self
