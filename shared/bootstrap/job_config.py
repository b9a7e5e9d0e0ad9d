"""What a job's settings mean to its use cases: bounds, times, choices."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.archive import Tier
from shared.domain.extraneous import DeleteExtras
from shared.domain.filters import Filters
from shared.domain.instance import BUFFER_BYTES, Places
from shared.domain.keys import Key, KeyMapping
from shared.domain.page import PAGE_KEYS
from shared.domain.provenance import Provenance
from shared.domain.routes import DIRECT
from shared.domain.transfer_topics import TransferTopics
from shared.ports.control_store import Control
from shared.pricing.ahead import PriceAhead
from shared.pricing.catalog import Plan, Prices, read
from shared.ranges.split_range import RANGE_KEYS
from shared.runs.own_ledger import Identity
from shared.settings import Route, Settings, VerifyAfter


@dataclass(frozen=True, slots=True)
class JobConfig:
    """As the settings of the same names say (docs/settings.md). Sizes in bytes, times in seconds.

    source, destination: the buckets, as a report names them. default_control: the job's own ceilings of a run.
    plans: the flat-rate ones. price_ahead: what publishing costs, for the ceiling in dollars. life_seconds: how long a
    published batch counts as alive. buffer_bytes: the most of one object that its copy holds at a time. page_keys,
    range_keys: of a page of the listing, and of a range where the ledger tells.
    """

    job: str
    source: str
    destination: str
    mapping: KeyMapping
    filters: Filters
    storage_classes: Mapping[str, str]
    list_topic: str
    transfer_topics: TransferTopics
    verify_topic: str
    keys_per_message: int
    batch_bytes: int
    default_control: Control
    lease_seconds: float
    life_seconds: float
    heartbeat_seconds: float
    large_bytes: int
    part_bytes: int
    max_attempts: int
    objects_in_flight: int
    bytes_in_flight: int
    repair_passes: int
    verify_initial: bool
    verify_always: bool
    sum_depth: int
    reread_unproven: bool
    compare_metadata: bool
    delete_extras: DeleteExtras
    extra_share: float
    extra_grace_seconds: float
    restore_tier: Tier | None
    restore_days: int
    follows_events: bool
    events_quiet_seconds: float
    events_late_seconds: float
    prices: Prices
    plans: tuple[Plan, ...]
    route: str
    price_ahead: PriceAhead
    buffer_bytes: int = BUFFER_BYTES
    page_keys: int = PAGE_KEYS
    range_keys: int = RANGE_KEYS

    @property
    def root(self) -> Key:
        """The job's prefix at the source."""
        return self.mapping.source_prefix

    @property
    def places(self) -> Places:
        """How much an instance copies at a time."""
        return Places(self.objects_in_flight, self.bytes_in_flight)

    @property
    def identity(self) -> Identity:
        """The buckets and the naming that the ledger speaks for."""
        return Identity(self.source, self.destination, self.mapping)

    @property
    def provenance(self) -> Provenance:
        """What the job's copies say of where they come from."""
        return Provenance(self.source.removeprefix("s3://"), self.job)

    @classmethod
    def of(cls, given: Settings) -> "JobConfig":
        """What these settings mean."""
        return cls(
            job=given.job,
            source=f"s3://{given.source_bucket}",
            destination=f"gs://{given.destination_bucket}",
            mapping=given.mapping,
            filters=given.filters,
            storage_classes=dict(given.storage_class_map),
            list_topic=given.list_topic,
            transfer_topics=TransferTopics(given.transfer_topic, given.first_topic or given.transfer_topic),
            verify_topic=given.verify_topic,
            keys_per_message=given.keys_per_message,
            batch_bytes=given.batch_bytes,
            default_control=Control(False, given.ceiling_objects, given.ceiling_bytes, given.ceiling_dollars),
            lease_seconds=given.lease_seconds,
            life_seconds=given.in_flight_life_seconds,
            heartbeat_seconds=given.heartbeat_seconds,
            large_bytes=given.large_bytes,
            part_bytes=given.part_bytes,
            max_attempts=given.max_attempts,
            objects_in_flight=given.objects_in_flight,
            bytes_in_flight=given.bytes_in_flight,
            repair_passes=given.repair_passes,
            verify_initial=given.verify_after is not VerifyAfter.NEVER,
            verify_always=given.verify_after is VerifyAfter.ALWAYS,
            sum_depth=given.sum_depth,
            reread_unproven=given.reread_unproven,
            compare_metadata=given.compare_metadata,
            delete_extras=given.delete_extras,
            extra_share=given.extra_share,
            extra_grace_seconds=given.extra_grace_seconds,
            restore_tier=given.restore_tier,
            restore_days=given.restore_days,
            follows_events=given.events_queue_url is not None,
            events_quiet_seconds=given.events_quiet_seconds,
            events_late_seconds=given.events_late_seconds,
            prices=given.price_list,
            plans=tuple(read(given.prices).plans.values()),
            route=given.route.value,
            price_ahead=PriceAhead.of(
                given.price_list,
                DIRECT if given.route is Route.DIRECT else Route.CLOUDFRONT,
                given.keys_per_message,
            ),
        )
