"""What a person says to a job that is running."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Control:
    """What a person says to a job that is running. most_objects, most_bytes: what one run may publish, None for all."""

    paused: bool = False
    most_objects: int | None = None
    most_bytes: int | None = None
