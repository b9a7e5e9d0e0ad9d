"""The topics that functions read."""

from shared.settings import Settings


def topics_of(settings: Settings) -> dict[str, str]:
    """By their roles: list, transfer, verify."""
    return {"list": settings.list_topic, "transfer": settings.transfer_topic, "verify": settings.verify_topic}
