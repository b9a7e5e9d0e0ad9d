"""The use cases, put together from adapters."""

from dataclasses import dataclass, replace

from shared.bootstrap.adapters import Adapters
from shared.bootstrap.admin import Admin, admin, publisher
from shared.bootstrap.limits import Limits
from shared.copying.breaker import Breaker
from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.edge_watch import EdgeWatch
from shared.copying.in_flight import InFlight
from shared.copying.read_version import ReadVersion
from shared.copying.replicate_object import ReplicateObject
from shared.copying.transfer_batch import TransferBatch
from shared.copying.try_key import OVERHEAD_BYTES, TryKey
from shared.listing.list_range import ListRange
from shared.ranges.range_work import RangeWork
from shared.ranges.ranges import Ranges
from shared.ranges.split_range import SplitRange
from shared.reporting.report_run import ReportRun
from shared.runs.expire_uploads import ExpireUploads
from shared.runs.follow_up import FollowUp
from shared.runs.heartbeat import Heartbeat
from shared.runs.identity import OwnLedger
from shared.runs.job_control import JobControl
from shared.runs.lifecycle import RunLifecycle
from shared.verifying.compare_metadata import CompareMetadata
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.request_restores import RequestRestores
from shared.verifying.verify_range import VerifyRange


@dataclass(frozen=True, slots=True)
class App:
    """One instance's use cases. They share what is bounded or read once an instance: what is in flight, the control."""

    adapters: Adapters
    control: JobControl
    lister: ListRange
    copier: TransferBatch
    verifier: VerifyRange
    replicate: ReplicateObject
    admin: Admin


def bootstrap(adapters: Adapters, limits: Limits) -> App:
    """Put the use cases together."""
    ledger = OwnLedger(adapters.stores.ledger, adapters.stores.control, adapters.log, limits.identity)
    stores = replace(adapters.stores, ledger=ledger)
    adapters = replace(adapters, stores=stores)
    control = JobControl(stores.control, adapters.clock, limits.standing)
    heartbeat = Heartbeat(stores.runs, adapters.clock, limits.heartbeat_seconds, adapters.instance)
    in_flight = InFlight(limits.objects_in_flight, limits.bytes_in_flight)
    copy = copy_object(adapters, limits)
    large = copy_large(adapters, limits, copy)
    extraneous = delete_extraneous(adapters, limits, control)
    runs = lifecycle(adapters, limits, control, extraneous)
    return App(
        adapters=adapters,
        control=control,
        lister=ListRange(
            source=adapters.source,
            ledger=stores.ledger,
            runs=stores.runs,
            ranges=stores.ranges,
            prefixes=stores.prefixes,
            work=range_work(adapters, limits, limits.list_topic, control, heartbeat, runs),
            filters=limits.filters,
            clock=adapters.clock,
            log=adapters.log,
            life_seconds=limits.life_seconds,
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
                buffer_bytes=limits.buffer_bytes,
                large_bytes=limits.large_bytes,
                max_attempts=limits.max_attempts,
            ),
            ledger=stores.ledger,
            queue=adapters.queue,
            clock=adapters.clock,
            log=adapters.log,
            job_control=control,
            heartbeat=heartbeat,
            topic=limits.transfer_topic,
        ),
        verifier=VerifyRange(
            source=adapters.source,
            destination=adapters.destination,
            ledger=stores.ledger,
            runs=stores.runs,
            ranges=stores.ranges,
            prefixes=stores.prefixes,
            work=range_work(adapters, limits, limits.verify_topic, control, heartbeat, runs),
            filters=limits.filters,
            clock=adapters.clock,
            log=adapters.log,
            mapping=limits.mapping,
            restores=RequestRestores(adapters.source, adapters.log, limits.restore_tier, limits.restore_days),
            sum_depth=limits.sum_depth,
            reread_unproven=limits.reread_unproven,
            metadata=(
                CompareMetadata(adapters.source, adapters.destination, adapters.log)
                if limits.compare_metadata
                else None
            ),
            delete_extraneous=extraneous,
            reports=adapters.reports,
            job=limits.job,
            life_seconds=limits.life_seconds,
        ),
        replicate=ReplicateObject(
            source=adapters.copy_source,
            copy=copy,
            large=large,
            ledger=stores.ledger,
            clock=adapters.clock,
            in_flight=in_flight,
            large_bytes=limits.large_bytes,
            weight=limits.buffer_bytes + OVERHEAD_BYTES,
        ),
        admin=admin(stores, adapters.queue, adapters.clock, limits),
    )


def copy_object(adapters: Adapters, limits: Limits) -> CopyObject:
    return CopyObject(
        source=adapters.copy_source,
        read=ReadVersion(
            adapters.copy_source, adapters.download, adapters.direct, EdgeWatch(adapters.clock, adapters.log)
        ),
        destination=adapters.copy_destination,
        mapping=limits.mapping,
        provenance=limits.provenance,
        storage_classes=limits.storage_classes,
    )


def copy_large(adapters: Adapters, limits: Limits, copy: CopyObject) -> CopyLarge:
    return CopyLarge(
        copy=copy,
        source=adapters.copy_source,
        staging=adapters.staging,
        uploads=adapters.stores.uploads,
        ledger=adapters.stores.ledger,
        queue=adapters.queue,
        clock=adapters.clock,
        log=adapters.log,
        topic=limits.transfer_topic,
        large_bytes=limits.large_bytes,
        part_bytes=limits.part_bytes,
        lease_seconds=limits.lease_seconds,
        life_seconds=limits.life_seconds,
        max_attempts=limits.max_attempts,
    )


def delete_extraneous(adapters: Adapters, limits: Limits, control: JobControl) -> DeleteExtraneous:
    return DeleteExtraneous(
        source=adapters.source,
        destination=adapters.destination,
        extras=adapters.stores.extras,
        ledger=adapters.stores.ledger,
        job_control=control,
        clock=adapters.clock,
        log=adapters.log,
        asked=limits.delete_extras,
        provenance=limits.provenance,
        mapping=limits.mapping,
        share=limits.extra_share,
        grace_seconds=limits.extra_grace_seconds,
    )


def lifecycle(adapters: Adapters, limits: Limits, control: JobControl, delete: DeleteExtraneous) -> RunLifecycle:
    return RunLifecycle(
        runs=adapters.stores.runs,
        ranges=adapters.stores.ranges,
        prefixes=adapters.stores.prefixes,
        job_control=control,
        follow_up=FollowUp(
            queue=adapters.queue,
            topic=limits.verify_topic,
            passes=limits.repair_passes,
            verify_initial=limits.verify_initial,
            verify_always=limits.verify_always,
        ),
        report=report_run(adapters, limits),
        delete_after=delete,
        expire_uploads=ExpireUploads(adapters.stores.uploads, adapters.clock, adapters.log),
        clock=adapters.clock,
        log=adapters.log,
        life_seconds=limits.life_seconds,
    )


def report_run(adapters: Adapters, limits: Limits) -> ReportRun | None:
    if adapters.reports is None:
        return None
    return ReportRun(
        reports=adapters.reports,
        ledger=adapters.stores.ledger,
        runs=adapters.stores.runs,
        job=limits.job,
        source=limits.source,
        destination=limits.destination,
        prices=limits.prices,
        storage_classes=limits.storage_classes,
        keys_per_message=limits.keys_per_message,
        restore_days=limits.restore_days,
    )


def range_work(
    adapters: Adapters, limits: Limits, topic: str, control: JobControl, heartbeat: Heartbeat, runs: RunLifecycle
) -> RangeWork:
    """topic: where further ranges are sent."""
    stores = adapters.stores
    return RangeWork(
        source=adapters.source,
        control=stores.control,
        clock=adapters.clock,
        split=SplitRange(adapters.source, stores.ledger, limits.page_keys, limits.range_keys),
        ranges=Ranges(
            runs=stores.runs,
            ranges=stores.ranges,
            queue=adapters.queue,
            clock=adapters.clock,
            heartbeat=heartbeat,
            topic=topic,
            root=limits.root,
            lease_seconds=limits.lease_seconds,
        ),
        runs=runs,
        publish=publisher(stores, adapters.queue, adapters.clock, limits),
        job_control=control,
        log=adapters.log,
        price=limits.price_ahead,
    )
