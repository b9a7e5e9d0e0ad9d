"""What a command works with: the found job, its state, its queue and its buckets, each connected when it is used.

The providers' libraries take seconds to import on a small machine, and `--help` needs none of them: they are imported
where they are used.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cli import job
from cli.output import Output
from shared.clock import SystemClock
from shared.domain.messages import Message
from shared.domain.objects import DestinationObject, SourceObject
from shared.domain.page import Page
from shared.ports.clock import Clock
from shared.ports.control_store import Control
from shared.runs.job_control import JobControl
from shared.settings import Settings, load

if TYPE_CHECKING:
    from google.cloud.storage import Client

    from cli.dead_letter import DeadLetters
    from cli.queue_depth import Queues
    from shared.bootstrap import Admin, JobConfig
    from shared.clients import S3Client
    from shared.reporting.job_facts import JobFacts


class SourceReader(Protocol):
    """The S3 bucket, as far as commands read it."""

    async def head(self, key: bytes) -> SourceObject:
        """The current version. Raises Gone if there is none."""
        ...

    def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        """Pages of objects with the prefix, in key order, strictly after `after`."""
        ...


class DestinationReader(Protocol):
    """The Cloud Storage bucket, as far as commands read it."""

    async def stat(self, name: bytes) -> DestinationObject | None:
        """The live object of this name, None if there is none."""
        ...


class ReportReader(Protocol):
    """The bucket of reports, as far as commands read it."""

    @property
    def bucket(self) -> str:
        """Its name."""
        ...

    async def get(self, name: str, most: int | None = None) -> bytes | None:
        """A file, or its first `most` bytes; None if there is none."""
        ...

    async def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def link(self, name: str) -> str:
        """Where a browser finds it."""
        ...


class Sender(Protocol):
    """Where a person's messages go."""

    async def send(self, topic: str, message: Message) -> str:
        """The message's id, once Pub/Sub has it."""
        ...


class PubSubSender:
    """`Sender` on Pub/Sub."""

    def __init__(self, project: str) -> None:
        from google.cloud.pubsub_v1 import PublisherClient

        self._client, self._project = PublisherClient(), project

    async def send(self, topic: str, message: Message) -> str:
        from shared import clients

        return await clients.publish(self._client, self._project, topic, message.encode())


@dataclass
class Session:
    """One command's. Must be used on one loop."""

    found: job.FoundJob
    settings: Settings
    output: Output

    @property
    def local(self) -> bool:
        """Whether an emulator stands in for Google Cloud."""
        return bool(self.found.environment.get("PUBSUB_EMULATOR_HOST"))

    @cached_property
    def config(self) -> "JobConfig":
        """What the settings mean."""
        from shared.bootstrap import JobConfig

        return JobConfig.of(self.settings)

    @cached_property
    def facts(self) -> "JobFacts":
        """What the job's reports say of it, and are priced by."""
        from shared.bootstrap import job_facts

        return job_facts(self.config)

    @cached_property
    def clock(self) -> Clock:
        return SystemClock()

    @cached_property
    def admin(self) -> "Admin":
        """The job's state. What it logs would be taken for an answer, so only errors are."""
        from shared.bootstrap import connect_admin

        return connect_admin(self.settings.model_copy(update={"log_level": "ERROR"}))

    async def control(self) -> Control:
        """What is asked of the job now, as the functions read it: with the settings' ceilings where none is named."""
        return await JobControl(self.admin.stores.control, self.clock, self.config.default_control).read(afresh=True)

    @cached_property
    def sender(self) -> Sender:
        return PubSubSender(self.settings.google_cloud_project)

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        from cli.dead_letter_box import PubSubDeadLetters

        return PubSubDeadLetters(self.settings)

    @cached_property
    def queues(self) -> "Queues":
        from cli.queue_depth import MonitoredQueues

        return MonitoredQueues(self.settings, self.found.environment)

    @cached_property
    def s3(self) -> "S3Client":
        """boto3, by the person's own credentials."""
        from shared import clients

        return clients.s3(self.found.environment, self.settings.aws_region)

    @cached_property
    def gcs(self) -> "Client":
        """google-cloud-storage, likewise."""
        from shared import clients

        return clients.gcs(self.found.environment)

    @cached_property
    def source(self) -> SourceReader:
        from cli.buckets import S3Reader

        return S3Reader(self.s3, self.settings.source_bucket, self.settings.requester_pays)

    @cached_property
    def destination(self) -> DestinationReader:
        from cli.buckets import GcsReader

        return GcsReader(self.gcs, self.settings.destination_bucket)

    @cached_property
    def reports(self) -> ReportReader | None:
        """None where the job writes no reports."""
        if self.settings.report_bucket is None:
            return None
        from cli.reports import GcsReports

        return GcsReports(self.gcs, self.settings.report_bucket, self.found.environment.get("STORAGE_EMULATOR_HOST"))


def open_session(name: str | None, terraform: Path | None, output: Output) -> Session:
    """Find the job and read its settings. Raises CommandError or SettingsError if there is none to work with."""
    found = job.find(name, terraform, os.environ, Path.cwd())
    settings = load(found.environment)
    job.see_it_run(found)
    job.enter(found)
    return Session(found, settings, output)
