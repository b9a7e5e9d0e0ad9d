"""One frozen settings object, read from the environment once; all that is wrong is said at once."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shared.domain.archive import Tier
from shared.domain.errors import SettingsError
from shared.domain.extraneous import DeleteExtras
from shared.domain.filters import Filters, translated
from shared.domain.keys import KeyMapping
from shared.domain.page import rfc3339
from shared.domain.parts import LEAST_PART_BYTES, MIB
from shared.pricing.prices import CDN_10K_REQUESTS, CDN_EGRESS_GB, S3_EGRESS_GB, EgressPrices


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


def _pairs(text: object) -> object:
    """`old=new,older=newer`; either side may be percent-encoded."""
    if not isinstance(text, str):
        return text
    pairs = [item.partition("=") for item in text.split(",") if item]
    if any(not old or not equals for old, equals, _ in pairs):
        raise ValueError("must look like old=new,old=new")
    return tuple((unquote(old.strip()), unquote(new.strip())) for old, _, new in pairs)


Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)]


def _items(text: object) -> object:
    """`one,another`; each may be percent-encoded, so that a comma can be part of it."""
    return tuple(unquote(item.strip()) for item in text.split(",") if item.strip()) if isinstance(text, str) else text


def _glob(text: str) -> str:
    try:
        translated(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a glob: {error}") from None
    return text


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("must say its time zone, as in 2026-01-31T00:00:00Z")
    return rfc3339(moment.timestamp())


Names = Annotated[tuple[str, ...], BeforeValidator(_items)]
Globs = Annotated[tuple[Annotated[str, AfterValidator(_glob)], ...], BeforeValidator(_items)]
Moment = Annotated[str, AfterValidator(_moment)]


def _bucket(name: str) -> str:
    if name.endswith(DIRECTORY_BUCKET):
        raise ValueError("a directory bucket: it does not list in the order of its keys, which everything here needs")
    return name


def _origin(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// (http:// only for a local stack)")
    return url.rstrip("/")


Origin = Annotated[str, AfterValidator(_origin)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]

SourceBucket = Annotated[BucketName, AfterValidator(_bucket)]

DIRECTORY_BUCKET = "--x-s3"
"""How the names of directory buckets end, which list in no order and know no StartAfter:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

_SECRET_VERSION = r"^projects/[^/]+/secrets/[^/]+/versions/[^/]+$"
STORAGE_CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"})
"""https://cloud.google.com/storage/docs/storage-classes"""


class Settings(BaseModel):
    """A job's settings. Each field is read from the environment variable of the same name in capitals.

    job: names the job's documents in Firestore; one project can hold several jobs.
    source_prefix: the root of the job; nothing outside it is read. destination_prefix: stands in its place
    at the destination, empty for its root; without it keys stay as they are.
    aws_endpoint_url_s3: only for a local stack; S3 itself is derived from bucket and region.
    requester_pays: say with every request to S3 that its sender pays.
    route: cloudfront, direct, or cheapest: each object by the way that costs less at the three prices, in dollars.
    cdn_url: https://… of the distribution, with its path prefix if it has one. cdn_path_map: old=new,old=new, replaced
    in the keys wherever they occur, for a distribution whose paths differ from the keys.
    cdn_auth: how a request proves that it may read; signed-url needs the key pair's id and the secret that holds
    its private key in PEM form. cdn_policy_seconds: how long a signed policy is good for. cdn_policy_hash: SHA1 or
    SHA256. stale_edge: whether to go straight to S3 when the CDN serves another version, or to fail.
    storage_class_map: STANDARD_IA=NEARLINE,… from S3's classes to Cloud Storage's; without it an object gets the
    bucket's default. unsupported_names: report them, or encode them, so that every key has a place.
    staging_bucket: where large objects are put together; in the destination's location, without soft delete.
    large_bytes: larger objects are copied in parts of part_bytes, each by an invocation of its own.
    aws_credentials_secret: projects/P/secrets/S/versions/V holding {"access_key_id", "secret_access_key"}
    as JSON. aws_role_arn: taken with the function's Google identity instead, said to aws_role_audience. Without either
    botocore's own chain is used.
    include, exclude: globs of keys, separated by commas; `*` stops at a slash, `**` does not. least_bytes, most_bytes,
    modified_after, modified_before (RFC 3339), source_storage_classes: what else a job leaves out.
    report_bucket: where manifests and reports are put; without it there are none. pulse_seconds: how often an instance
    says what it has done. verify_after: which runs are followed by a comparison of their prefix. repair_passes:
    comparisons in a row while something is repaired. delete_extras: off, dry-run or on: what to do with copies that
    belong to no object; extra_share: never if they are more than this share of all copies; extra_grace_seconds: only
    what an earlier comparison saw so long ago. sum_depth: folders below the root that are summed up apart.
    restore_tier: Bulk, Standard or Expedited: comparisons ask S3 to restore archived objects for restore_days; they are
    copied once that is done. Without it nothing is restored.
    ceiling_objects, ceiling_bytes: the most that one run may publish, unless `manage ceilings` says otherwise.
    keys_per_message, batch_bytes: where a batch is cut. in_flight_life_seconds: how long a published
    batch counts as alive. lease_seconds: after this much silence a range may be taken over.
    objects_in_flight and bytes_in_flight bound one instance's memory.
    budget_seconds: after this an invocation hands on what is left.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    google_cloud_project: str = Field(min_length=3)
    job: str = Field(default="default", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    firestore_database: str = "(default)"

    source_bucket: SourceBucket
    source_prefix: str = ""
    aws_region: str = Field(default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    aws_endpoint_url_s3: Origin | None = None
    aws_role_arn: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")
    aws_role_audience: str = Field(default="s3-to-gcs", min_length=1)
    aws_credentials_secret: str | None = Field(default=None, pattern=_SECRET_VERSION)
    requester_pays: bool = False

    route: Route = Route.CLOUDFRONT
    cdn_url: Origin | None = None
    cdn_path_map: Pairs = ()
    cdn_auth: CdnAuth = CdnAuth.SIGV4
    cdn_key_pair_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9]+$")
    cdn_private_key_secret: str | None = Field(default=None, pattern=_SECRET_VERSION)
    cdn_policy_seconds: float = Field(default=7200, ge=1200)
    cdn_policy_hash: PolicyHash = PolicyHash.SHA1
    stale_edge: StaleEdgePolicy = StaleEdgePolicy.DIRECT
    price_s3_egress_gb: float = Field(default=S3_EGRESS_GB, ge=0)
    price_cdn_egress_gb: float = Field(default=CDN_EGRESS_GB, ge=0)
    price_cdn_10k_requests: float = Field(default=CDN_10K_REQUESTS, ge=0)

    destination_bucket: BucketName
    destination_prefix: str | None = None
    storage_class_map: Pairs = ()
    unsupported_names: UnsupportedNames = UnsupportedNames.REPORT
    staging_bucket: BucketName
    large_bytes: int = Field(default=5 * 1024 * MIB, ge=16 * MIB)
    part_bytes: int = Field(default=256 * MIB, ge=LEAST_PART_BYTES)

    list_topic: TopicName
    transfer_topic: TopicName
    verify_topic: TopicName
    dead_letter_topic: TopicName

    include: Globs = ()
    exclude: Globs = ()
    least_bytes: int = Field(default=0, ge=0)
    most_bytes: int | None = Field(default=None, ge=0)
    modified_after: Moment = ""
    modified_before: Moment = ""
    source_storage_classes: Names = ()

    report_bucket: BucketName | None = None
    pulse_seconds: float = Field(default=60, ge=0.1, le=600)
    verify_after: VerifyAfter = VerifyAfter.INITIAL
    repair_passes: int = Field(default=3, ge=1, le=20)
    delete_extras: DeleteExtras = DeleteExtras.OFF
    extra_share: float = Field(default=0.01, gt=0, le=1)
    extra_grace_seconds: float = Field(default=7 * 86_400, ge=86_400)
    sum_depth: int = Field(default=1, ge=0, le=10)
    ceiling_objects: int | None = Field(default=None, ge=1)
    ceiling_bytes: int | None = Field(default=None, ge=1)
    restore_tier: Tier | None = None
    restore_days: int = Field(default=7, ge=1, le=365)
    keys_per_message: int = Field(default=100, ge=1, le=1000)
    batch_bytes: int = Field(default=8 * 1024 * MIB, ge=MIB)
    in_flight_life_seconds: float = Field(default=3600, gt=0)
    lease_seconds: float = Field(default=60, gt=0, le=600)
    max_attempts: int = Field(default=5, ge=1, le=100)
    objects_in_flight: int = Field(default=64, ge=1, le=1024)
    bytes_in_flight: int = Field(default=96 * MIB, ge=16 * MIB)
    budget_seconds: float = Field(default=540, ge=60, le=560)
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.route is not Route.DIRECT and self.cdn_url is None:
            raise ValueError("CDN_URL is missing: set it, or set ROUTE=direct")
        if self.staging_bucket == self.destination_bucket:
            raise ValueError("STAGING_BUCKET must be a bucket of its own, not the DESTINATION_BUCKET")
        if self.report_bucket in (self.destination_bucket, self.staging_bucket):
            raise ValueError("REPORT_BUCKET must be a bucket of its own, neither DESTINATION_BUCKET nor STAGING_BUCKET")
        if self.aws_role_arn is not None and self.aws_credentials_secret is not None:
            raise ValueError("AWS_ROLE_ARN and AWS_CREDENTIALS_SECRET are both set: keep one of them")
        unknown = {new for _, new in self.storage_class_map} - STORAGE_CLASSES
        if unknown:
            raise ValueError(f"STORAGE_CLASS_MAP: Cloud Storage has no class {', '.join(sorted(unknown))}")
        if self.most_bytes is not None and self.least_bytes > self.most_bytes:
            raise ValueError("LEAST_BYTES is above MOST_BYTES, so every object would be left out")
        if self.modified_before and self.modified_after >= self.modified_before:
            raise ValueError("MODIFIED_AFTER is not before MODIFIED_BEFORE, so every object would be left out")
        if self.cdn_auth is CdnAuth.SIGNED_URL:
            needed = ("cdn_key_pair_id", "cdn_private_key_secret")
            missing = [name.upper() for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"CDN_AUTH=signed-url needs {' and '.join(missing)}")
        return self

    @property
    def filters(self) -> Filters:
        return Filters(
            include=self.include,
            exclude=self.exclude,
            least_bytes=self.least_bytes,
            most_bytes=self.most_bytes,
            after=self.modified_after,
            before=self.modified_before,
            storage_classes=frozenset(self.source_storage_classes),
        )

    @property
    def egress_prices(self) -> EgressPrices:
        return EgressPrices(self.price_s3_egress_gb, self.price_cdn_egress_gb, self.price_cdn_10k_requests)

    @property
    def mapping(self) -> KeyMapping:
        destination = self.source_prefix if self.destination_prefix is None else self.destination_prefix
        encode = self.unsupported_names is UnsupportedNames.ENCODE
        return KeyMapping(self.source_prefix.encode(), destination.encode(), encode)


_MEANT_EMPTY = frozenset({"destination_prefix"})
"""The destination's root."""


def load(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment; an empty variable counts as unset, but for the one that has a meaning then.

    Raises SettingsError with a line for every missing or wrong setting.
    """
    given = {name: environment.get(name.upper()) for name in Settings.model_fields}
    try:
        return Settings.model_validate(
            {name: value for name, value in given.items() if value or (value == "" and name in _MEANT_EMPTY)}
        )
    except ValidationError as error:
        lines = [f"  {_line(problem['loc'], problem['type'], problem['msg'])}" for problem in error.errors()]
        raise SettingsError("The settings are not usable:\n" + "\n".join(lines)) from None


def _line(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(str(step) for step in where).upper()
    if kind == "missing":
        return f"{name} is missing"
    text = message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
