"""An instance's adapters: production's own where HTTP goes over the world's wire, the world's where it is gRPC."""

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from botocore.credentials import Credentials

from shared.aws.address import S3Address
from shared.aws.cloudfront import CdnAddress, SignedForS3
from shared.aws.download import ObjectDownload
from shared.aws.s3 import S3Source
from shared.bootstrap import Adapters
from shared.bootstrap.connecting import download, event_queue
from shared.domain.backoff import ONCE
from shared.domain.errors import OutOfService, Transient
from shared.domain.reasons import Party, Reason
from shared.gcp.staging import GcsStaging
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.ports.clock import Clock
from shared.ports.stores import Stores
from shared.settings import Route, StaleEdgePolicy
from tests.schedules.gcs import DESTINATION, STAGING
from tests.schedules.remote import Remote
from tests.schedules.s3 import BUCKET
from tests.schedules.watch import WatchedHttp

if TYPE_CHECKING:
    from tests.schedules.instance import Instance

S3_HOST, EDGE_HOST, GCS_HOST = "http://s3.test", "http://edge.test", "http://gcs.test"


def adapters(instance: "Instance", clock: Clock) -> Adapters:
    """As `shared.bootstrap.connecting.adapters` makes them. Must be called on the loop, for the instance."""
    world, settings = instance.world, instance.world.settings
    http = WatchedHttp(settings.objects_in_flight, clock)
    http.instance = instance
    address = S3Address.of(BUCKET, settings.aws_region, S3_HOST, Credentials("AKIA", "secret"), clock)
    token = Token(world.tokens.credentials() if world.swarm.expiry else None)
    direct = ObjectDownload(SignedForS3(address), http)
    edge = ObjectDownload(SignedForS3(address, CdnAddress(f"{EDGE_HOST}/{BUCKET}")), http)
    queue: Any = Remote("pubsub", world.queue, instance, unavailable(Party.PUBSUB))
    return Adapters(
        log=instance.log,
        clock=clock,
        source=S3Source(address, http),
        copy_source=S3Source(address, http, ONCE),
        download=download(settings, direct, None if settings.route is Route.DIRECT else edge),
        direct=direct if settings.stale_edge is StaleEdgePolicy.DIRECT else None,
        destination=GcsDestination(DESTINATION, GCS_HOST, http, token, changes=settings.compare_metadata),
        copy_destination=GcsDestination(DESTINATION, GCS_HOST, http, token, ONCE),
        staging=GcsStaging(STAGING, DESTINATION, GCS_HOST, http, token, instance.log),
        queue=queue,
        stores=stores(instance),
        reports=reports(instance),
        events=event_queue(settings, address, http),
        instance=instance.name,
    )


def reports(instance: "Instance") -> Any:
    """Where reports are put, if the world has such a place."""
    held = instance.world.reports
    return Remote("reports", held, instance, Transient) if held is not None else None


def stores(instance: "Instance") -> Stores:
    """Each store behind its own calls."""
    shared = instance.world.stores
    ports: dict[str, Any] = {
        item.name: Remote(item.name, getattr(shared, item.name), instance, unavailable(Party.FIRESTORE))
        for item in fields(Stores)
    }
    return Stores(**ports)


def unavailable(party: Party) -> Callable[[str], OutOfService]:
    """What an adapter makes of a service that does not answer."""
    return lambda told: OutOfService(told, party, Reason.UNREACHABLE)
