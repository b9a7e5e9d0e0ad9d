"""Sizes and times. The defaults were measured; change them with a measurement."""

from pydantic import BaseModel, Field

from shared.domain.instance import BATCH_BYTES, BYTES_IN_FLIGHT, KEYS_PER_MESSAGE, OBJECTS_IN_FLIGHT
from shared.domain.parts import MIB


class TuningSettings(BaseModel):
    """Sizes and times. The defaults were measured; change them with a measurement."""

    keys_per_message: int = Field(default=KEYS_PER_MESSAGE, ge=1, le=1000, description="most keys in a batch")
    batch_bytes: int = Field(default=BATCH_BYTES, ge=MIB, description="most bytes in a batch of more than one key")
    in_flight_life_seconds: float = Field(
        default=3600, gt=0, description="how long a published batch counts as being copied"
    )
    lease_seconds: float = Field(
        default=60, gt=0, le=600, description="after this much silence another invocation may take over a range"
    )
    max_attempts: int = Field(default=5, ge=1, le=100, description="messages a key is in before it has failed")
    objects_in_flight: int = Field(
        default=OBJECTS_IN_FLIGHT, ge=1, le=1024, description="most objects that one instance copies at a time"
    )
    bytes_in_flight: int = Field(
        default=BYTES_IN_FLIGHT,
        ge=16 * MIB,
        description="about the most memory that one instance holds for its copies; fewer large ones fit into it",
    )
    budget_seconds: float = Field(
        default=540, ge=60, le=560, description="after this an invocation begins nothing new and hands on the rest"
    )
    heartbeat_seconds: float = Field(
        default=60,
        ge=0.1,
        le=600,
        description="how often an instance sends a heartbeat of a run: that it works on it, and what it has copied",
    )
