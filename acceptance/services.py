"""The clients of a person with two accounts: each provider's own libraries, with the settings of the functions."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from google.cloud.firestore import AsyncClient
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.storage import Client

from shared import clients
from shared.clients import S3Client
from shared.domain.errors import SettingsError
from shared.settings import Settings, load

_EMULATORS = (
    "AWS_ENDPOINT_URL_S3",
    "FIRESTORE_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
    "SECRET_MANAGER_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
)


@dataclass(frozen=True, slots=True)
class Services:
    """live: whether these are the providers' own."""

    live: bool
    settings: Settings
    s3: S3Client
    gcs: Client
    publisher: PublisherClient
    firestore: AsyncClient

    @property
    def run_seconds(self) -> float:
        """How long a run may take."""
        return 900 if self.live else 60


def connect(live: bool) -> Services:
    """Must be called on the loop that uses it. Raises SettingsError if the environment is not that of a job."""
    environment = dict(os.environ)
    settings = load(environment)
    if live:
        set_here = [name for name in _EMULATORS if environment.get(name)]
        if set_here:
            named = ", ".join(set_here)
            raise SettingsError(f"LIVE=1 asks the live services, but {named} leads to a local stack: unset it")
    return Services(
        live=live,
        settings=settings,
        s3=clients.s3(environment, settings.aws_region) if live else clients.s3_client(environment),
        gcs=clients.gcs(environment) if live else clients.gcs_client(environment),
        publisher=PublisherClient(),
        firestore=AsyncClient(project=settings.google_cloud_project, database=settings.firestore_database),
    )


def names_of_yours(settings: Settings) -> Mapping[str, str]:
    """What a person may not want to send to others, and by which setting it is called."""
    named = {
        "CDN_URL": (settings.cdn_url or "").partition("://")[2],
        "SOURCE_BUCKET": settings.source_bucket,
        "DESTINATION_BUCKET": settings.destination_bucket,
        "STAGING_BUCKET": settings.staging_bucket,
        "REPORT_BUCKET": settings.report_bucket or "",
        "GOOGLE_CLOUD_PROJECT": settings.google_cloud_project,
    }
    return {value: name for name, value in named.items() if value}
