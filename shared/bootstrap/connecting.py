"""Adapters from settings, once an instance."""

import asyncio
import os

from google.cloud.firestore import AsyncClient

from shared.aws.address import S3Address
from shared.aws.cloudfront import Access, CdnAddress, Public, SignedForS3, SignedUrls, private_key
from shared.aws.download import ObjectDownload
from shared.aws.role import aws_credentials
from shared.aws.s3 import S3Source
from shared.aws.sqs import SqsEvents
from shared.bootstrap.adapters import Adapters
from shared.bootstrap.admin import Admin, admin
from shared.bootstrap.job_config import JobConfig
from shared.clock import SystemClock
from shared.copying.route import Cheapest
from shared.domain.backoff import ONCE
from shared.domain.errors import SettingsError
from shared.gcp.api import GCS_ENDPOINT
from shared.gcp.firestore.queries import queries, refusals
from shared.gcp.firestore.stores import firestore_stores
from shared.gcp.pubsub import PubSubQueue
from shared.gcp.reports import GcsReports
from shared.gcp.secrets import SecretManager
from shared.gcp.staging import GcsStaging
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from shared.ports.clock import Clock
from shared.ports.download import Download
from shared.ports.queue import Queue
from shared.ports.stores import Stores
from shared.pricing.egress import cheapest
from shared.settings import CdnAuth, PolicyHash, Route, Settings, StaleEdgePolicy, load
from shared.telemetry import Log


def settings() -> Settings:
    """The settings of this process; if they are not usable, the start stops with one message."""
    try:
        return load(os.environ)
    except SettingsError as error:
        raise SystemExit(str(error)) from None


async def connect(given: Settings) -> Adapters:
    """Connect everything. Must run on the loop that will use it."""
    clock = SystemClock()
    http = Http(given.objects_in_flight, clock, origins(given))
    try:
        return await adapters(given, clock, http)
    except BaseException:  # every push builds anew while a start fails
        await http.close()
        raise


def connect_admin(given: Settings) -> Admin:
    """What an operator needs. Must be made on the loop that uses it."""
    return admin(stores(given, Log(given.log_level)), connect_queue(given), SystemClock(), JobConfig.of(given))


def connect_queue(given: Settings) -> Queue:
    """Where messages go. Must be made on the loop that uses it."""
    return PubSubQueue(given.google_cloud_project, given.dead_letter_topic)


def stores(given: Settings, log: Log) -> Stores:
    """The job's state."""
    return firestore_stores(given.google_cloud_project, given.firestore_database, given.job, log)


async def missing_indexes(given: Settings) -> tuple[int, dict[str, str]]:
    """How many queries the functions ask, and which of them Firestore refuses, in its own words."""
    client = AsyncClient(project=given.google_cloud_project, database=given.firestore_database)
    asked = queries(client, given.job, Log("ERROR"))
    return len(asked), await refusals(asked)


def origins(given: Settings) -> dict[str, str]:
    """Hosts by the setting that names them, for errors."""
    named = {
        given.cdn_url: "CDN_URL",
        given.aws_endpoint_url_s3: "AWS_ENDPOINT_URL_S3",
        given.events_queue_url: "EVENTS_QUEUE_URL",
        os.environ.get("STORAGE_EMULATOR_HOST"): "STORAGE_EMULATOR_HOST",
    }
    return {"/".join(url.split("/")[:3]): setting for url, setting in named.items() if url}


async def adapters(given: Settings, clock: Clock, http: Http) -> Adapters:
    """Every adapter, on one client. What a key's copy asks is asked once: the key is tried again as a whole."""
    log = Log(given.log_level, job=given.job)
    credentials = await aws_credentials(
        role_arn=given.aws_role_arn,
        region=given.aws_region,
        audience=given.aws_role_audience,
        secret=given.aws_credentials_secret,
        read=secret,
    )
    address = S3Address.of(
        given.source_bucket, given.aws_region, given.aws_endpoint_url_s3, credentials, clock, given.requester_pays
    )
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    endpoint = emulator or GCS_ENDPOINT
    token = Token(None) if emulator else await asyncio.to_thread(Token.default)
    direct: Download = ObjectDownload(SignedForS3(address), http)
    cdn = await cdn_access(given, address, clock)
    return Adapters(
        log=log,
        clock=clock,
        source=S3Source(address, http),
        copy_source=S3Source(address, http, ONCE),
        download=download(given, direct, ObjectDownload(cdn, http) if cdn is not None else None),
        direct=direct if given.stale_edge is StaleEdgePolicy.DIRECT else None,
        destination=GcsDestination(given.destination_bucket, endpoint, http, token, changes=given.compare_metadata),
        copy_destination=GcsDestination(given.destination_bucket, endpoint, http, token, ONCE),
        staging=GcsStaging(given.staging_bucket, given.destination_bucket, endpoint, http, token, log),
        queue=connect_queue(given),
        stores=stores(given, log),
        reports=GcsReports(given.report_bucket, endpoint, http, token) if given.report_bucket else None,
        events=event_queue(given, address, http),
    )


def event_queue(given: Settings, address: S3Address, http: Http) -> SqsEvents | None:
    """Where S3's events wait, asked with the credentials that read the bucket."""
    if given.events_queue_url is None:
        return None
    return SqsEvents(given.events_queue_url, given.aws_region, given.source_bucket, address.keys, http)


def download(given: Settings, direct: Download, cdn: Download | None) -> Download:
    """The way that the job has chosen for its bytes."""
    chosen = direct if cdn is None else cdn
    if given.route is not Route.CHEAPEST:
        return chosen
    prices = given.price_list
    return Cheapest(chosen, direct, cheapest(prices, prices.expected_sizes))


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
