"""What a run may do, and what follows it: comparisons, repairs, deletions, restores."""

from pydantic import BaseModel, Field

from shared.domain.archive import Tier
from shared.domain.extraneous import DeleteExtras
from shared.settings.choices import VerifyAfter


class FollowingSettings(BaseModel):
    """What a run may do, and what follows it: comparisons, repairs, deletions, restores."""

    ceiling_objects: int | None = Field(
        default=None,
        ge=1,
        description="the most objects that one run may publish, unless `bucket-transfer ceiling` says otherwise",
    )
    ceiling_bytes: int | None = Field(default=None, ge=1, description="the same, in bytes")
    ceiling_dollars: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="the same, in dollars, as the price list estimates what is published (docs/cost.md); instances' "
        "seconds are not in it",
    )
    verify_after: VerifyAfter = Field(
        default=VerifyAfter.INITIAL,
        description="which runs are followed by a comparison of their prefix: `initial`, a prefix's first one; "
        "`always`, each that copied something; `never`",
    )
    repair_passes: int = Field(
        default=3, ge=1, le=20, description="comparisons in a row, as long as each one repairs something"
    )
    sum_depth: int = Field(
        default=1,
        ge=0,
        le=10,
        description="how many folders below the root the verifier sums up apart, in documents of their own",
    )
    reread_unproven: bool = Field(
        default=False,
        description="whether comparisons have copies made again whose bytes nothing proves any more: there is no MD5 "
        "to compare, and the ledger has lost the checksum that was proven when they were copied",
    )
    compare_metadata: bool = Field(
        default=False,
        description="whether comparisons also find copies with other headers or metadata: both sides are asked for "
        "each key that was written again with the same bytes, or whose copy's metadata was changed, for $0.80 a "
        "million; comparing takes twice the CPU",
    )
    delete_extras: DeleteExtras = Field(
        default=DeleteExtras.OFF,
        description="copies that belong to no object: `off` leaves them, `dry-run` says what would be deleted, `on` "
        "deletes what every guard lets go (docs/design.md)",
    )
    extra_share: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="if more than this share of the copies that this job has made has no object, none is deleted",
    )
    extra_grace_seconds: float = Field(
        default=7 * 86_400,
        ge=86_400,
        description="how long ago a comparison must have seen such a copy before it may be deleted",
    )
    restore_tier: Tier | None = Field(
        default=None,
        description="`Bulk`, `Standard` or `Expedited`: comparisons ask S3 to restore archived objects, which are "
        "copied once that is done, with `COMPARE_METADATA` also those whose headers alone differ; without it nothing "
        "is restored",
    )
    restore_days: int = Field(default=7, ge=1, le=365, description="days that restored objects stay readable")
