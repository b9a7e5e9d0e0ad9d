"""One frozen settings object, read from the environment once; all that is wrong is said at once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.core.errors import SettingsError
from shared.core.keys import Mapping as KeyMapping


class Route(StrEnum):
    """The way an object's bytes take out of S3."""

    CLOUDFRONT = "cloudfront"
    DIRECT = "direct"


class CdnAuth(StrEnum):
    """How a request proves to the CDN that it may read."""

    SIGV4 = "sigv4"
    SIGNED_URL = "signed-url"
    PUBLIC = "public"


class StaleEdgePolicy(StrEnum):
    """What to do when the CDN serves another version than S3."""

    DIRECT = "direct"
    FAIL = "fail"


def _origin(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// (http:// only for a local stack)")
    return url.rstrip("/")


Origin = Annotated[str, AfterValidator(_origin)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]

_SECRET_VERSION = r"^projects/[^/]+/secrets/[^/]+/versions/[^/]+$"
MIB = 1024 * 1024


class Settings(BaseModel):
    """A job's settings. Each field is read from the environment variable of the same name in capitals.

    job: names the job's documents in Firestore; one project can hold several jobs.
    source_prefix: the root of the job; nothing outside it is read. destination_prefix: stands in its place
    at the destination; without it keys stay as they are.
    aws_endpoint_url_s3: only for a local stack; S3 itself is derived from bucket and region.
    cdn_url: https://… of the distribution, with its path prefix if it has one.
    cdn_auth: how a request proves that it may read; signed-url needs the key pair's id and the secret that holds
    its private key in PEM form. cdn_policy_seconds: how long a signed policy is good for.
    aws_credentials_secret: projects/P/secrets/S/versions/V holding {"access_key_id", "secret_access_key"}
    as JSON; without it botocore's own chain is used.
    keys_per_message, batch_bytes: where a batch is cut. in_flight_life_seconds: how long a published
    batch counts as alive. lease_seconds: after this much silence a range may be taken over.
    objects_in_flight and bytes_in_flight bound one instance's memory.
    budget_seconds: after this an invocation hands on what is left.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    google_cloud_project: str = Field(min_length=3)
    job: str = Field(default="default", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    firestore_database: str = "(default)"

    source_bucket: BucketName
    source_prefix: str = ""
    aws_region: str = Field(default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    aws_endpoint_url_s3: Origin | None = None
    aws_credentials_secret: str | None = Field(default=None, pattern=_SECRET_VERSION)

    route: Route = Route.CLOUDFRONT
    cdn_url: Origin | None = None
    cdn_auth: CdnAuth = CdnAuth.SIGV4
    cdn_key_pair_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9]+$")
    cdn_private_key_secret: str | None = Field(default=None, pattern=_SECRET_VERSION)
    cdn_policy_seconds: float = Field(default=7200, ge=1200)
    stale_edge: StaleEdgePolicy = StaleEdgePolicy.DIRECT

    destination_bucket: BucketName
    destination_prefix: str | None = None

    list_topic: TopicName
    transfer_topic: TopicName
    verify_topic: TopicName
    dead_letter_topic: TopicName

    keys_per_message: int = Field(default=50, ge=1, le=1000)
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
        if self.route is Route.CLOUDFRONT and self.cdn_url is None:
            raise ValueError("CDN_URL is missing: set it, or set ROUTE=direct")
        if self.cdn_auth is CdnAuth.SIGNED_URL:
            needed = ("cdn_key_pair_id", "cdn_private_key_secret")
            missing = [name.upper() for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"CDN_AUTH=signed-url needs {' and '.join(missing)}")
        return self

    @property
    def mapping(self) -> KeyMapping:
        destination = self.source_prefix if self.destination_prefix is None else self.destination_prefix
        return KeyMapping(self.source_prefix.encode(), destination.encode())


def load(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment; an empty variable counts as unset.

    Raises SettingsError with a line for every missing or wrong setting.
    """
    given = {name: environment.get(name.upper()) for name in Settings.model_fields}
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value})
    except ValidationError as error:
        lines = [f"  {_line(problem['loc'], problem['type'], problem['msg'])}" for problem in error.errors()]
        raise SettingsError("The settings are not usable:\n" + "\n".join(lines)) from None


def _line(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(str(step) for step in where).upper()
    if kind == "missing":
        return f"{name} is missing"
    text = message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
