"""A lease in a document: `owner`, and `lease_until` in epoch seconds."""

from typing import Any


def held_by_another(fields: dict[str, Any], owner: str, now: float, lease_seconds: float) -> bool:
    """Whether another's lease still runs."""
    return fields["owner"] not in ("", owner) and lease_holds(fields["lease_until"], now, lease_seconds)


def lease_holds(until: float, now: float, lease_seconds: float) -> bool:
    """Whether a lease still runs. One that ends later than any given now is from a clock that is wrong."""
    return 0 < until - now <= 2 * lease_seconds
