"""The S3 bucket, and the identity that reads it."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from shared.settings.fields import SECRET_VERSION, Origin, SourceBucket


class SourceSettings(BaseModel):
    """The S3 bucket, and the identity that reads it."""

    source_bucket: SourceBucket = Field(description="the S3 bucket")
    source_prefix: str = Field(default="", description="the root of the job; nothing outside it is read")
    aws_region: str = Field(
        default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="region of the S3 bucket"
    )
    aws_endpoint_url_s3: Origin | None = Field(default=None, description="only for a local stack")
    aws_role_arn: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$",
        description="role that is taken with the function's Google identity, so that there is no AWS key to keep",
    )
    aws_role_audience: str = Field(
        default="s3-to-gcs",
        min_length=1,
        description="whom the identity token is meant for; the role's trust policy names it as `oaud`",
    )
    aws_credentials_secret: str | None = Field(
        default=None,
        pattern=SECRET_VERSION,
        description="`projects/P/secrets/S/versions/V` with `access_key_id` and `secret_access_key` as JSON; "
        "without it botocore's own chain is used",
    )
    requester_pays: bool = Field(default=False, description="say with every request to S3 that its sender pays")

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.aws_role_arn is not None and self.aws_credentials_secret is not None:
            raise ValueError("AWS_ROLE_ARN and AWS_CREDENTIALS_SECRET are both set: keep one of them")
        return self
