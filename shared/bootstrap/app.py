"""The use cases, put together from adapters."""

from dataclasses import dataclass, replace

from shared.bootstrap.adapters import Adapters
from shared.bootstrap.admin import Admin, admin, publisher
from shared.bootstrap.job_config import JobConfig
from shared.bootstrap.pages import report_run, show_running
from shared.copying.breaker import Breaker
from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.edge_watch import EdgeWatch
from shared.copying.in_flight import InFlight
from shared.copying.read_version import ReadVersion
from shared.copying.replicate_object import ReplicateObject
from shared.copying.transfer_batch import TransferBatch
from shared.copying.try_key import TryKey
from shared.domain.instance import weight
from shared.listing.follow_events import FollowEvents
from shared.listing.list_range import ListRange
from shared.listing.publish_events import PublishEvents
from shared.listing.sort_events import SortEvents
from shared.ranges.range_work import RangeWork
from shared.ranges.ranges import Ranges
from shared.ranges.split_range import SplitRange
from shared.runs.expire_uploads import ExpireUploads
from shared.runs.follow_up import FollowUp
from shared.runs.heartbeat import Heartbeat
from shared.runs.job_control import JobControl
from shared.runs.lifecycle import RunLifecycle
from shared.runs.own_ledger import OwnLedger
from shared.runs.portions import Portions
from shared.runs.prefix_notes import PrefixNotes
from shared.verifying.compare_metadata import CompareMetadata
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.request_restores import RequestRestores
from shared.verifying.verify_range import VerifyRange


@dataclass(frozen=True, slots=True)
class App:
    """One instance's use cases. They share what is bounded or read once an instance: what is in flight, what is held of
    ceilings, the control.
    """

    adapters: Adapters
    control: JobControl
    lister: ListRange
    copier: TransferBatch
    verifier: VerifyRange
    replicate: ReplicateObject
    admin: Admin


def bootstrap(adapters: Adapters, config: JobConfig) -> App:
    """Put the use cases together."""
    ledger = OwnLedger(adapters.stores.ledger, adapters.stores.control, adapters.log, config.identity)
    stores = replace(adapters.stores, ledger=ledger)
    adapters = replace(adapters, stores=stores)
    control = JobControl(stores.control, adapters.clock, config.default_control)
    heartbeat = Heartbeat(stores.runs, adapters.clock, config.heartbeat_seconds, adapters.instance)
    in_flight = InFlight(config.objects_in_flight, config.bytes_in_flight)
    copy = copy_object(adapters, config)
    large = copy_large(adapters, config, copy, heartbeat)
    extraneous = delete_extraneous(adapters, config, control)
    runs = lifecycle(adapters, config, control, extraneous)
    portions = Portions(stores.control, adapters.clock, adapters.instance, config.price_ahead)
    listing = range_work(adapters, config, config.list_topic, control, heartbeat, runs, portions)
    return App(
        adapters=adapters,
        control=control,
        lister=ListRange(
            source=adapters.source,
            ledger=stores.ledger,
            runs=stores.runs,
            ranges=stores.ranges,
            work=listing,
            filters=config.filters,
            clock=adapters.clock,
            log=adapters.log,
            life_seconds=config.life_seconds,
            sort_events=SortEvents(stores.ledger, stores.runs, adapters.clock, adapters.log),
            events=follow_events(adapters, config, listing),
        ),
        copier=TransferBatch(
            try_key=TryKey(
                copy=copy,
                large=large,
                clock=adapters.clock,
                log=adapters.log,
                in_flight=in_flight,
                breaker=Breaker(adapters.clock, adapters.log),
                heartbeat=heartbeat,
                buffer_bytes=config.buffer_bytes,
                large_bytes=config.large_bytes,
                max_attempts=config.max_attempts,
            ),
            ledger=stores.ledger,
            queue=adapters.queue,
            clock=adapters.clock,
            log=adapters.log,
            job_control=control,
            heartbeat=heartbeat,
            topics=config.transfer_topics,
            at_once=config.objects_in_flight,
        ),
        verifier=VerifyRange(
            source=adapters.source,
            destination=adapters.destination,
            ledger=stores.ledger,
            runs=stores.runs,
            ranges=stores.ranges,
            work=range_work(adapters, config, config.verify_topic, control, heartbeat, runs, portions),
            filters=config.filters,
            clock=adapters.clock,
            log=adapters.log,
            mapping=config.mapping,
            restores=RequestRestores(adapters.source, adapters.log, config.restore_tier, config.restore_days),
            sum_depth=config.sum_depth,
            reread_unproven=config.reread_unproven,
            metadata=(
                CompareMetadata(adapters.source, adapters.destination, adapters.log)
                if config.compare_metadata
                else None
            ),
            delete_extraneous=extraneous,
            reports=adapters.reports,
            job=config.job,
            life_seconds=config.life_seconds,
        ),
        replicate=ReplicateObject(
            source=adapters.copy_source,
            copy=copy,
            large=large,
            ledger=stores.ledger,
            clock=adapters.clock,
            in_flight=in_flight,
            large_bytes=config.large_bytes,
            weight=weight(config.buffer_bytes, config.buffer_bytes),
        ),
        admin=admin(stores, adapters.queue, adapters.clock, config),
    )


def follow_events(adapters: Adapters, config: JobConfig, work: RangeWork) -> FollowEvents | None:
    if adapters.events is None:
        return None
    return FollowEvents(
        queue=adapters.events,
        publish=PublishEvents(
            source=adapters.source,
            filters=config.filters,
            root=work.ranges.root,
            batch_bytes=config.batch_bytes,
            clock=adapters.clock,
            log=adapters.log,
        ),
        ledger=adapters.stores.ledger,
        runs=adapters.stores.runs,
        ranges=adapters.stores.ranges,
        work=work,
        messages=adapters.queue,
        topic=config.list_topic,
        quiet_seconds=config.events_quiet_seconds,
        late_seconds=config.events_late_seconds,
    )


def copy_object(adapters: Adapters, config: JobConfig) -> CopyObject:
    return CopyObject(
        source=adapters.copy_source,
        read=ReadVersion(
            adapters.copy_source, adapters.download, adapters.direct, EdgeWatch(adapters.clock, adapters.log)
        ),
        destination=adapters.copy_destination,
        mapping=config.mapping,
        provenance=config.provenance,
        storage_classes=config.storage_classes,
    )


def copy_large(adapters: Adapters, config: JobConfig, copy: CopyObject, heartbeat: Heartbeat) -> CopyLarge:
    return CopyLarge(
        copy=copy,
        source=adapters.copy_source,
        staging=adapters.staging,
        uploads=adapters.stores.uploads,
        ledger=adapters.stores.ledger,
        queue=adapters.queue,
        heartbeat=heartbeat,
        clock=adapters.clock,
        log=adapters.log,
        topics=config.transfer_topics,
        large_bytes=config.large_bytes,
        part_bytes=config.part_bytes,
        lease_seconds=config.lease_seconds,
        life_seconds=config.life_seconds,
        max_attempts=config.max_attempts,
    )


def delete_extraneous(adapters: Adapters, config: JobConfig, control: JobControl) -> DeleteExtraneous:
    return DeleteExtraneous(
        source=adapters.source,
        destination=adapters.destination,
        extras=adapters.stores.extras,
        ledger=adapters.stores.ledger,
        job_control=control,
        clock=adapters.clock,
        log=adapters.log,
        asked=config.delete_extras,
        provenance=config.provenance,
        mapping=config.mapping,
        share=config.extra_share,
        grace_seconds=config.extra_grace_seconds,
    )


def lifecycle(adapters: Adapters, config: JobConfig, control: JobControl, delete: DeleteExtraneous) -> RunLifecycle:
    return RunLifecycle(
        runs=adapters.stores.runs,
        ranges=adapters.stores.ranges,
        notes=PrefixNotes(adapters.stores.prefixes, adapters.clock, adapters.log),
        job_control=control,
        follow_up=FollowUp(
            queue=adapters.queue,
            topic=config.verify_topic,
            list_topic=config.list_topic,
            passes=config.repair_passes,
            verify_initial=config.verify_initial,
            verify_always=config.verify_always,
        ),
        report=report_run(adapters, config),
        show_running=show_running(adapters, config),
        delete_after=delete,
        expire_uploads=ExpireUploads(adapters.stores.uploads, adapters.clock, adapters.log),
        clock=adapters.clock,
        log=adapters.log,
        life_seconds=config.life_seconds,
    )


def range_work(
    adapters: Adapters,
    config: JobConfig,
    topic: str,
    control: JobControl,
    heartbeat: Heartbeat,
    runs: RunLifecycle,
    portions: Portions,
) -> RangeWork:
    """topic: where further ranges are sent."""
    stores = adapters.stores
    return RangeWork(
        source=adapters.source,
        clock=adapters.clock,
        split=SplitRange(adapters.source, stores.ledger, config.page_keys, config.range_keys),
        ranges=Ranges(
            runs=stores.runs,
            ranges=stores.ranges,
            queue=adapters.queue,
            clock=adapters.clock,
            heartbeat=heartbeat,
            log=adapters.log,
            topic=topic,
            root=config.root,
            lease_seconds=config.lease_seconds,
        ),
        runs=runs,
        publish=publisher(stores, adapters.queue, adapters.clock, config),
        job_control=control,
        log=adapters.log,
        portions=portions,
    )
