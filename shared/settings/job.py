"""Which job it is, and where its functions' messages go."""

from pydantic import BaseModel, Field

from shared.settings.fields import TopicName


class JobSettings(BaseModel):
    """Which job it is, and where its functions' messages go."""

    google_cloud_project: str = Field(min_length=3, description="project of the topics and of Firestore")
    job: str = Field(
        default="default",
        pattern=r"^[a-z][a-z0-9-]{0,62}$",
        description="names the job's documents; one project can hold several jobs",
    )
    firestore_database: str = Field(default="(default)", description="the Firestore database")
    list_topic: TopicName = Field(description="where the lister's messages come from")
    transfer_topic: TopicName = Field(description="where batches go")
    first_topic: TopicName | None = Field(
        default=None,
        description="where batches go that somebody waits for: of keys and prefixes that a message names, and of S3's "
        "events; its subscription pushes to the transfer and is named as the topic. Unset, they wait behind all others",
    )
    verify_topic: TopicName = Field(description="where the verifier's messages come from")
    dead_letter_topic: TopicName = Field(description="where messages go that nobody can read")
    push_service_account: str | None = Field(
        default=None,
        description="only pushes that Pub/Sub makes with this service account are taken; unset where no IAM stands "
        "before the functions",
    )
    log_level: str = Field(
        default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`"
    )

    @property
    def topics(self) -> dict[str, str]:
        """Those that functions read, by their roles: list, transfer, verify, and first, where there is one."""
        found = {"list": self.list_topic, "transfer": self.transfer_topic, "verify": self.verify_topic}
        return found if self.first_topic is None else {**found, "first": self.first_topic}
