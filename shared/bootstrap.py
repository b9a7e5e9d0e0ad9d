"""The only place where adapters are built: lazily, once an instance."""

import asyncio
import json
import os
from collections.abc import Awaitable
from dataclasses import dataclass

import botocore.session
from botocore.credentials import Credentials

from shared.aws.address import S3Address
from shared.aws.cloudfront import Access, CdnAddress, Public, SignedForS3, SignedUrls, private_key
from shared.aws.download import ObjectDownload
from shared.aws.identity import role_credentials
from shared.aws.s3 import S3Source
from shared.clock import SystemClock
from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.in_flight import InFlight
from shared.copying.replicate_object import ReplicateObject
from shared.copying.route import Cheapest
from shared.copying.transfer_batch import OVERHEAD_BYTES, TransferBatch
from shared.domain.backoff import ONCE
from shared.domain.errors import SettingsError
from shared.domain.runs import RunKind
from shared.gcp.firestore.stores import firestore_stores
from shared.gcp.pubsub import PubSubQueue
from shared.gcp.reports import GcsReports
from shared.gcp.secrets import SecretManager
from shared.gcp.staging import GcsStaging
from shared.gcp.storage import CHUNK_BYTES, GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from shared.listing.list_range import ListRange
from shared.ports.clock import Clock
from shared.ports.control_store import Control
from shared.ports.destination import Destination
from shared.ports.download import Download
from shared.ports.log import Log
from shared.ports.queue import Queue
from shared.ports.reports import Reports
from shared.ports.source import Source
from shared.ports.staging import Staging
from shared.ports.stores import Stores
from shared.pricing.egress import cheapest
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.range_work import RangeWork
from shared.ranges.ranges import Ranges
from shared.ranges.resume import Resume, Resumed
from shared.ranges.split_range import SplitRange
from shared.reporting.report_run import ReportRun
from shared.runs.follow_up import FollowUp
from shared.runs.heartbeat import Heartbeat
from shared.runs.lifecycle import RunLifecycle
from shared.runs.quota import JobControl
from shared.settings import CdnAuth, PolicyHash, Route, Settings, StaleEdgePolicy, VerifyAfter, load
from shared.telemetry import Log as JsonLog
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.request_restores import RequestRestores
from shared.verifying.verify_range import VerifyRange

GCS_ENDPOINT = "https://storage.googleapis.com"

BUFFER_BYTES = 2 * CHUNK_BYTES
"""The most of one object that its copy holds at a time."""


@dataclass(frozen=True, slots=True)
class Container:
    """Every adapter of an instance, connected to one loop."""

    settings: Settings
    log: Log
    clock: Clock
    http: Http
    direct: Access
    cdn: Access | None
    source: Source
    copy_source: Source
    destination: Destination
    copy_destination: Destination
    staging: Staging
    queue: Queue
    stores: Stores
    reports: Reports | None
    switch: JobControl
    pulse: Heartbeat
    in_flight: InFlight

    @property
    def publish(self) -> PublishBatches:
        s = self.settings
        return PublishBatches(
            self.stores.ledger, self.queue, self.clock, s.transfer_topic, s.keys_per_message, s.batch_bytes
        )

    @property
    def runs(self) -> RunLifecycle:
        s = self.settings
        follow_up = FollowUp(
            queue=self.queue,
            topic=s.verify_topic,
            passes=s.repair_passes,
            verify_initial=s.verify_after is not VerifyAfter.NEVER,
            verify_always=s.verify_after is VerifyAfter.ALWAYS,
        )
        return RunLifecycle(
            runs=self.stores.runs,
            ranges=self.stores.ranges,
            prefixes=self.stores.prefixes,
            switch=self.switch,
            follow_up=follow_up,
            report=self.report(),
            sweep=self.sweep(),
            clock=self.clock,
            log=self.log,
            life_seconds=s.in_flight_life_seconds,
        )

    def sweep(self) -> DeleteExtraneous:
        s = self.settings
        return DeleteExtraneous(
            source=self.source,
            destination=self.destination,
            extras=self.stores.extras,
            clock=self.clock,
            log=self.log,
            asked=s.delete_extras,
            root=s.source_prefix,
            share=s.extra_share,
            grace_seconds=s.extra_grace_seconds,
        )

    def report(self) -> ReportRun | None:
        s = self.settings
        if self.reports is None:
            return None
        source, destination = f"s3://{s.source_bucket}", f"gs://{s.destination_bucket}"
        return ReportRun(
            reports=self.reports,
            ledger=self.stores.ledger,
            runs=self.stores.runs,
            clock=self.clock,
            job=s.job,
            source=source,
            destination=destination,
            prices=s.price_list,
            keys_per_message=s.keys_per_message,
            restore_days=s.restore_days,
        )

    def range_work(self, topic: str) -> RangeWork:
        s = self.settings
        return RangeWork(
            source=self.source,
            control=self.stores.control,
            clock=self.clock,
            split=SplitRange(self.source, self.stores.ledger),
            ranges=Ranges(
                runs=self.stores.runs,
                ranges=self.stores.ranges,
                queue=self.queue,
                clock=self.clock,
                pulse=self.pulse,
                topic=topic,
                root=s.source_prefix,
                lease_seconds=s.lease_seconds,
            ),
            runs=self.runs,
            publish=self.publish,
            switch=self.switch,
            log=self.log,
        )

    def lister(self) -> ListRange:
        return ListRange(
            source=self.source,
            ledger=self.stores.ledger,
            runs=self.stores.runs,
            ranges=self.stores.ranges,
            prefixes=self.stores.prefixes,
            work=self.range_work(self.settings.list_topic),
            filters=self.settings.filters,
            clock=self.clock,
            log=self.log,
            life_seconds=self.settings.in_flight_life_seconds,
        )

    def copy(self) -> CopyObject:
        s = self.settings
        direct = ObjectDownload(self.direct, self.http)
        download: Download = direct if self.cdn is None else ObjectDownload(self.cdn, self.http)
        if s.route is Route.CHEAPEST:
            prices = s.price_list
            download = Cheapest(download, direct, cheapest(prices, prices.expected_sizes))
        return CopyObject(
            source=self.copy_source,
            download=download,
            direct=direct if s.stale_edge is StaleEdgePolicy.DIRECT else None,
            destination=self.copy_destination,
            mapping=s.mapping,
            storage_classes=dict(s.storage_class_map),
        )

    def copy_large(self, copy: CopyObject) -> CopyLarge:
        s = self.settings
        return CopyLarge(
            copy=copy,
            source=self.copy_source,
            staging=self.staging,
            uploads=self.stores.uploads,
            queue=self.queue,
            clock=self.clock,
            log=self.log,
            topic=s.transfer_topic,
            part_bytes=s.part_bytes,
            lease_seconds=s.lease_seconds,
            life_seconds=s.in_flight_life_seconds,
            max_attempts=s.max_attempts,
        )

    def transfer(self) -> TransferBatch:
        s = self.settings
        copy = self.copy()
        return TransferBatch(
            copy=copy,
            large=self.copy_large(copy),
            ledger=self.stores.ledger,
            queue=self.queue,
            clock=self.clock,
            log=self.log,
            in_flight=self.in_flight,
            switch=self.switch,
            pulse=self.pulse,
            topic=s.transfer_topic,
            buffer_bytes=BUFFER_BYTES,
            large_bytes=s.large_bytes,
            max_attempts=s.max_attempts,
        )

    def replicate(self) -> ReplicateObject:
        s = self.settings
        copy = self.copy()
        return ReplicateObject(
            source=self.copy_source,
            copy=copy,
            large=self.copy_large(copy),
            ledger=self.stores.ledger,
            clock=self.clock,
            in_flight=self.in_flight,
            large_bytes=s.large_bytes,
            weight=BUFFER_BYTES + OVERHEAD_BYTES,
        )

    def verifier(self) -> VerifyRange:
        return VerifyRange(
            source=self.source,
            destination=self.destination,
            ledger=self.stores.ledger,
            runs=self.stores.runs,
            ranges=self.stores.ranges,
            prefixes=self.stores.prefixes,
            work=self.range_work(self.settings.verify_topic),
            filters=self.settings.filters,
            clock=self.clock,
            log=self.log,
            mapping=self.settings.mapping,
            restores=RequestRestores(self.source, self.log, self.settings.restore_tier, self.settings.restore_days),
            sum_depth=self.settings.sum_depth,
            sweep=self.sweep(),
            reports=self.reports,
            job=self.settings.job,
            life_seconds=self.settings.in_flight_life_seconds,
        )


@dataclass(frozen=True, slots=True)
class Admin:
    """What an operator needs: the memory and the queue, and no bucket."""

    settings: Settings
    stores: Stores
    queue: Queue

    def resume(self) -> Awaitable[Resumed]:
        s = self.settings
        publish = PublishBatches(
            self.stores.ledger, self.queue, SystemClock(), s.transfer_topic, s.keys_per_message, s.batch_bytes
        )
        topics = {RunKind.LIST: s.list_topic, RunKind.KEYS: s.list_topic, RunKind.VERIFY: s.verify_topic}
        stores = self.stores
        return Resume(stores.control, stores.runs, stores.ranges, stores.ledger, self.queue, publish, topics)()


def admin(given: Settings) -> Admin:
    """Must be made on the loop that uses it."""
    stores = firestore_stores(given.google_cloud_project, given.firestore_database, given.job, JsonLog(given.log_level))
    return Admin(given, stores, PubSubQueue(given.google_cloud_project, given.dead_letter_topic))


def settings() -> Settings:
    """The settings of this process; if they are not usable, the start stops with one message."""
    try:
        return load(os.environ)
    except SettingsError as error:
        raise SystemExit(str(error)) from None


async def build(given: Settings) -> Container:
    """Connect everything. Must run on the loop that will use it."""
    clock = SystemClock()
    http = Http(given.objects_in_flight, clock, origins(given))
    try:
        return await connected(given, clock, http)
    except BaseException:  # every push builds anew while a start fails
        await http.close()
        raise


def origins(given: Settings) -> dict[str, str]:
    """Hosts by the setting that names them, for errors."""
    named = {
        given.cdn_url: "CDN_URL",
        given.aws_endpoint_url_s3: "AWS_ENDPOINT_URL_S3",
        os.environ.get("STORAGE_EMULATOR_HOST"): "STORAGE_EMULATOR_HOST",
    }
    return {"/".join(url.split("/")[:3]): setting for url, setting in named.items() if url}


async def connected(given: Settings, clock: Clock, http: Http) -> Container:
    """Every adapter, on one client. What a key's copy asks is asked once: the key is tried again as a whole."""
    log = JsonLog(given.log_level, job=given.job)
    credentials = await aws_credentials(given)
    address = S3Address.of(
        given.source_bucket, given.aws_region, given.aws_endpoint_url_s3, credentials, clock, given.requester_pays
    )
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    endpoint = emulator or GCS_ENDPOINT
    token = Token(None) if emulator else await asyncio.to_thread(Token.default)
    stores = firestore_stores(given.google_cloud_project, given.firestore_database, given.job, log)
    return Container(
        settings=given,
        log=log,
        clock=clock,
        http=http,
        direct=SignedForS3(address),
        cdn=await cdn_access(given, address, clock),
        source=S3Source(address, http),
        copy_source=S3Source(address, http, ONCE),
        destination=GcsDestination(given.destination_bucket, endpoint, http, token),
        copy_destination=GcsDestination(given.destination_bucket, endpoint, http, token, ONCE),
        staging=GcsStaging(given.staging_bucket, given.destination_bucket, endpoint, http, token, log),
        queue=PubSubQueue(given.google_cloud_project, given.dead_letter_topic),
        stores=stores,
        reports=GcsReports(given.report_bucket, endpoint, http, token) if given.report_bucket else None,
        switch=JobControl(stores.control, clock, Control(False, given.ceiling_objects, given.ceiling_bytes)),
        pulse=Heartbeat(stores.runs, clock, given.pulse_seconds),
        in_flight=InFlight(given.objects_in_flight, given.bytes_in_flight),
    )


async def cdn_access(given: Settings, address: S3Address, clock: Clock) -> Access | None:
    """The way through the CDN that the job has chosen, None if it goes straight to S3."""
    if given.route is Route.DIRECT or given.cdn_url is None:
        return None
    replacements = tuple((old.encode(), new.encode()) for old, new in given.cdn_path_map)
    cdn = CdnAddress(given.cdn_url, replacements)
    match given.cdn_auth:
        case CdnAuth.SIGV4:
            return SignedForS3(address, cdn)
        case CdnAuth.PUBLIC:
            return Public(cdn)
    pem = await secret(given.cdn_private_key_secret or "")
    return SignedUrls(
        cdn=cdn,
        key_pair_id=given.cdn_key_pair_id or "",
        private_key=private_key(pem),
        now=clock.now,
        window_seconds=given.cdn_policy_seconds,
        sha256=given.cdn_policy_hash is PolicyHash.SHA256,
    )


async def secret(name: str) -> str:
    """The value of a secret. Raises SettingsError if it cannot be read."""
    manager = SecretManager()
    try:
        return await manager.read(name)
    finally:
        manager.close()


async def aws_credentials(given: Settings) -> Credentials:
    """Of the role, from the named secret, or from botocore's own chain. Raises SettingsError if there are none."""
    if given.aws_role_arn is not None:
        return await asyncio.to_thread(role_credentials, given.aws_role_arn, given.aws_region, given.aws_role_audience)
    if given.aws_credentials_secret is not None:
        value = await secret(given.aws_credentials_secret)
        try:
            keys = json.loads(value)
            return Credentials(keys["access_key_id"], keys["secret_access_key"])
        except (ValueError, KeyError, TypeError):
            raise SettingsError(
                f"secret {given.aws_credentials_secret} must be JSON with access_key_id and secret_access_key"
            ) from None
    found = await asyncio.to_thread(botocore.session.Session().get_credentials)
    if found is None:
        raise SettingsError(
            "no AWS credentials: set AWS_ROLE_ARN or AWS_CREDENTIALS_SECRET, or give botocore a way to find some"
        )
    return found
