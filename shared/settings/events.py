"""Events of S3, which are followed between the listings."""

from pydantic import BaseModel, Field


class EventSettings(BaseModel):
    """Events of S3, which are followed between the listings."""

    events_queue_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+/\S+$",
        description="the SQS queue in the bucket's region that S3's events of it come to (docs/events.md); without it "
        "none are followed",
    )
    events_quiet_seconds: float = Field(
        default=10,
        ge=1,
        le=540,
        description="after so long without an event nobody waits for one until the scheduler's next message, which "
        "comes each minute; from 60 on somebody always waits, which costs an instance (docs/cost.md)",
    )
    events_late_seconds: float = Field(
        default=900,
        gt=0,
        description="how late an event may be: one that is older when it is read, or a copy that comes later than this "
        "after its event, raises an alert; a change that a listing finds is missed when it is older (docs/events.md)",
    )
