"""The price list as data: dated, sourced, checked when it is read, and replaceable by a job's own.

`prices.json` holds what is published. A job's list is a JSON merge patch of it (RFC 7396): it names only what differs,
or everything. A GB of AWS's bill is 2^30 bytes and a TB is 1,024 of them: its price list ends the "first 10 TB" at
10240 GB, and https://aws.amazon.com/s3/faqs/ counts 10 TB as 10,995,116,277,760 bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.domain.problems import words
from shared.pricing.meter import Dollars, Meter

NEEDED = frozenset(
    {
        *("s3.list", "s3.get", "s3.head", "s3.egress_bytes", "s3.kept_bytes", "cdn.egress_bytes", "cdn.request"),
        *("kms.request", "gcs.class_a", "gcs.class_b", "pubsub.billed_bytes"),
        *("firestore.reads", "firestore.writes", "firestore.deletes"),
        *("run.cpu_seconds", "run.gib_seconds", "run.requests"),
    }
)
"""Meters that every region of a list has. A meter of a storage class is named meter.CLASS; what has none pays the plain
one. A meter with @multi-region stands in for the one without where a job says that it is there."""

Place = Literal["region", "dual-region", "multi-region"]


class BadPrices(ValueError):
    """A price list that cannot be used: a line for every fault."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Part):
    """A page with prices. read: when they were last compared with it, or null: then note says where they are from."""

    url: str = Field(pattern=r"^https://")
    read: date | None
    note: str = ""


class Plan(_Part):
    """A flat-rate plan of CloudFront: so many dollars a calendar month and nothing for bytes or requests. bytes,
    requests: what it is meant for; more is not charged but may be served more slowly.
    """

    dollars: Dollars
    bytes: int = Field(ge=1)
    requests: int = Field(ge=1)
    source: str


class Region(_Part):
    """aws: how the names of the AWS regions begin that pay these prices. meters: what differs there from everywhere."""

    aws: tuple[str, ...] = Field(min_length=1)
    meters: dict[str, Meter]


class JobPrices(_Part):
    """What a job's prices depend on besides its region. location: of the destination bucket. firestore: of its
    database. plan: of the distribution. month_to_date: by meter, what the account has used of it in this month, by this
    job or others (bytes, requests). expected_sizes: bytes an object = objects, all that this month will copy.
    """

    location: Place = "region"
    firestore: Place = "region"
    plan: str | None = None
    month_to_date: dict[str, Dollars] = {}
    expected_sizes: dict[int, int] = {}


@dataclass(frozen=True, slots=True)
class Prices:
    """The list as one job pays it. region: the group; listed: whether the job's AWS region belongs to it, or it only
    stands in. month: what was used before, by meter.
    """

    published: date
    region: str
    listed: bool
    meters: Mapping[str, Meter]
    plan: Plan | None = None
    month: Mapping[str, float] = field(default_factory=dict)
    expected_sizes: Mapping[int, int] = field(default_factory=dict)

    def name(self, meter: str, *variant: str) -> str:
        """The meter's name for a storage class (and a tier), or its plain one if that has none of its own."""
        special = ".".join((meter, *variant))
        return special if special in self.meters else meter

    def cost(self, meter: str, amount: float, before: float | None = None) -> float:
        """Dollars for an amount; before: in the same month, what the job knows if not given."""
        return self.meters[meter].cost(amount, self.month.get(meter, 0) if before is None else before)

    def without_allowances(self) -> "Prices":
        """As for who has used up, elsewhere, all that is free in a month."""
        return replace(self, meters={name: meter.without_allowance() for name, meter in self.meters.items()})

    def agreed(self, dollars: Mapping[str, float | None]) -> "Prices":
        """With the dollars a unit that a contract gives for some meters (None: the list's)."""
        own = {name: self.meters[name].at(price) for name, price in dollars.items() if price is not None}
        return replace(self, meters={**self.meters, **own}) if own else self


class Catalog(_Part):
    """A price list. published: the date it was put together."""

    published: date
    currency: Literal["USD"]
    sources: dict[str, Source]
    meters: dict[str, Meter]
    regions: dict[str, Region] = Field(min_length=1)
    plans: dict[str, Plan] = {}
    job: JobPrices = JobPrices()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        priced: list[tuple[str, Meter | Plan]] = [*self.meters.items(), *self.plans.items()]
        for region in self.regions.values():
            priced += region.meters.items()
        faults = [f"{name}: source {p.source!r} is unknown" for name, p in priced if p.source not in self.sources]
        for name, region in self.regions.items():
            missing = NEEDED - self.meters.keys() - region.meters.keys()
            faults += [f"regions.{name}: no price for {meter}" for meter in sorted(missing)]
        if self.job.plan is not None and self.job.plan not in self.plans:
            faults.append(f"job.plan: {self.job.plan!r} is none of {', '.join(sorted(self.plans))}")
        known = {meter.partition("@")[0] for meter, _ in priced}
        faults += [f"job.month_to_date: no meter {name}" for name in sorted(self.job.month_to_date.keys() - known)]
        faults += ["job.expected_sizes: sizes and counts are not negative"] * any(
            size < 0 or count < 0 for size, count in self.job.expected_sizes.items()
        )
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def at(self, aws_region: str) -> Prices:
        """The prices of a job whose bucket lies in an AWS region. The distribution's edge is assumed to be in the same
        group. A region that no group names pays the first group's, and `listed` is False.
        """
        found = [name for name, group in self.regions.items() if aws_region.startswith(group.aws)]
        name = found[0] if found else next(iter(self.regions))
        return Prices(
            published=self.published,
            region=name,
            listed=bool(found),
            meters=self._placed({**self.meters, **self.regions[name].meters}),
            plan=None if self.job.plan is None else self.plans[self.job.plan],
            month=self.job.month_to_date,
            expected_sizes=self.job.expected_sizes,
        )

    def _placed(self, meters: Mapping[str, Meter]) -> dict[str, Meter]:
        """Each meter under its plain name, by where the bucket and the database lie. Two regions pay as many do."""
        found = {name: meter for name, meter in meters.items() if "@" not in name}
        for name, meter in meters.items():
            plain, _, place = name.partition("@")
            where = self.job.firestore if plain.startswith("firestore.") else self.job.location
            if place == "multi-region" and where != "region":
                found[plain] = meter
        return found


@cache
def published() -> Catalog:
    """The list that comes with the project."""
    return read("{}")


def read(patch: str) -> Catalog:
    """The published list with a job's JSON merge patch on it. Raises BadPrices with a line for every fault."""
    try:
        own = json.loads(patch)
    except ValueError as error:
        raise BadPrices(f"the price list is not JSON: {error}") from None
    if not isinstance(own, dict):
        raise BadPrices("the price list is not a JSON object")
    theirs = json.loads(files("shared.pricing").joinpath("prices.json").read_text(encoding="utf-8"))
    try:
        return Catalog.model_validate(_merged(theirs, own))
    except ValidationError as error:
        lines = (_line(fault["loc"], words(fault)) for fault in error.errors())
        raise BadPrices("the price list is not usable: " + "; ".join(lines)) from None


def _line(where: tuple[int | str, ...], said: str) -> str:
    return f"{'.'.join(map(str, where))}: {said}" if where else said


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found
