"""The part of Cloud Monitoring that tells of Pub/Sub: timeSeries.list of two metrics, as of now.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
https://cloud.google.com/monitoring/api/v3/filters
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.emulators.pubsub.broker import Broker
from local.emulators.pubsub.subscription import Subscription

_PREFIX = "pubsub.googleapis.com/subscription/"
_METRICS: dict[str, Callable[[Subscription], int]] = {
    f"{_PREFIX}num_undelivered_messages": lambda item: item.backlog,
    f"{_PREFIX}oldest_unacked_message_age": lambda item: item.oldest_seconds(),
}

_TERM = re.compile(
    r"(metric\.type|resource\.type|resource\.labels?\.subscription_id) = "
    r'(?:"([^"]*)"|monitoring\.regex\.full_match\("([^"]*)"\))'
)


class Refused(ValueError):
    """What Monitoring answers 400 to."""


def time_series(broker: Broker, project: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a list of time series. Raises Refused for what it lacks, or has that is not served here."""
    metric, wanted = _read_filter(query.get("filter", ""))
    start, end = (_time(query, f"interval.{name}") for name in ("startTime", "endTime"))
    now = datetime.now(UTC)
    if end < start:
        raise Refused("The start time must not be later than the end time.")
    begins = f"projects/{project}/subscriptions/"
    found = {name: item for name, item in broker.subscriptions.items() if name.startswith(begins)}
    return {
        "timeSeries": [
            _series(metric, project, name.removeprefix(begins), item, now)
            for name, item in sorted(found.items())
            if wanted.fullmatch(name.removeprefix(begins)) and start <= now
        ]
    }


def _read_filter(text: str) -> tuple[str, "re.Pattern[str]"]:
    terms = text.split(" AND ")
    metric, wanted = "", re.compile(".*")
    for term in terms:
        found = _TERM.fullmatch(term.strip())
        if found is None:
            raise Refused(f"the local Monitoring does not serve the filter {term!r}")
        name, exactly, pattern = found.groups()
        if name == "metric.type":
            metric = exactly or ""
        elif name == "resource.type":
            if exactly != "pubsub_subscription":
                raise Refused(f"the local Monitoring has no resource {exactly!r}")
        else:
            wanted = re.compile(pattern if pattern is not None else re.escape(exactly or ""))
    if metric not in _METRICS:
        raise Refused(f"the filter must name one metric type that is served here, and names {metric!r}")
    return metric, wanted


def _time(query: Mapping[str, str], name: str) -> datetime:
    try:
        return datetime.fromisoformat(query[name].replace("Z", "+00:00"))
    except (KeyError, ValueError):
        raise Refused(f"Field {name} had an invalid value.") from None


def _series(metric: str, project: str, name: str, item: Subscription, now: datetime) -> dict[str, Any]:
    at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "metric": {"type": metric, "labels": {}},
        "resource": {"type": "pubsub_subscription", "labels": {"project_id": project, "subscription_id": name}},
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "points": [
            {"interval": {"startTime": at, "endTime": at}, "value": {"int64Value": str(_METRICS[metric](item))}}
        ],
    }
