"""How many messages wait, by Cloud Monitoring: Pub/Sub itself does not say."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import google.auth
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.pubsub_v1 import PublisherClient
from requests import Response, Session
from requests.exceptions import RequestException

from cli.exits import CommandError
from shared.settings import Settings

ENDPOINT_VARIABLE = "MONITORING_EMULATOR_HOST"
"""Where a local stack answers in the place of https://monitoring.googleapis.com."""

DEAD_LETTERS = "dead-letters"

_SCOPE = "https://www.googleapis.com/auth/monitoring.read"
_SECONDS = 10.0

_WITHIN = timedelta(minutes=10)
"""The metrics are sampled every 60 s and not visible for up to 120 s more, with occasional gaps:
https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub
"""

_WAITING = "pubsub.googleapis.com/subscription/num_undelivered_messages"
_OLDEST = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"


@dataclass(frozen=True, slots=True)
class Depth:
    """A subscription of one of the job's topics, by the topic's role. waiting: messages that are not acknowledged, and
    oldest_seconds: the age of the oldest; None where Monitoring has no recent point.
    """

    role: str
    subscription: str
    waiting: int | None
    oldest_seconds: int | None


class Queues(Protocol):
    """How deep a job's queues are."""

    async def depths(self) -> list[Depth]:
        """A row a subscription. Raises CommandError if that cannot be known here."""
        ...


class MonitoredQueues:
    """`Queues` by two calls of timeSeries.list; the subscriptions' names are asked for once.

    https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._host = environment.get(ENDPOINT_VARIABLE, "")
        self._trusted = environment.get("REQUESTS_CA_BUNDLE", True)
        self._local = bool(environment.get("PUBSUB_EMULATOR_HOST"))
        self._names: dict[str, str] = {}

    async def depths(self) -> list[Depth]:
        if self._local and not self._host:
            raise CommandError("this emulator of Pub/Sub does not say how much waits")
        return await asyncio.to_thread(self._depths)

    def _depths(self) -> list[Depth]:
        try:
            names = self._names = self._names or self._subscriptions()
            waiting, oldest = (self._newest(metric, list(names)) for metric in (_WAITING, _OLDEST))
        except (GoogleAPICallError, GoogleAuthError, RequestException) as error:
            raise CommandError(f"Monitoring cannot be asked: {error}") from error
        return [Depth(role, name, waiting.get(name), oldest.get(name)) for name, role in names.items()]

    def _subscriptions(self) -> dict[str, str]:
        """Roles by names."""
        given, publisher, found = self._settings, PublisherClient(), dict[str, str]()
        for role, topic in {**given.topics, DEAD_LETTERS: given.dead_letter_topic}.items():
            path = publisher.topic_path(given.google_cloud_project, topic)
            for name in publisher.list_topic_subscriptions(topic=path, timeout=_SECONDS):
                found[name.rpartition("/")[2]] = role
        return found

    @cached_property
    def _session(self) -> Session:
        """One for all looks: it keeps the token and the connection."""
        if self._host:
            local = Session()
            local.trust_env, local.verify = False, self._trusted
            return local
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        return AuthorizedSession(credentials)

    def _newest(self, metric: str, names: list[str]) -> dict[str, int]:
        """The newest point of each subscription; points come newest first."""
        now = datetime.now(UTC)
        base = self._host or "https://monitoring.googleapis.com"
        answer = self._session.get(
            f"{base}/v3/projects/{self._settings.google_cloud_project}/timeSeries",
            params={
                "filter": f'metric.type = "{metric}" AND resource.type = "pubsub_subscription" AND '
                f'resource.labels.subscription_id = monitoring.regex.full_match("{"|".join(sorted(names))}")',
                "interval.startTime": (now - _WITHIN).isoformat(),
                "interval.endTime": now.isoformat(),
            },
            timeout=_SECONDS,
        )
        return {
            series["resource"]["labels"]["subscription_id"]: int(series["points"][0]["value"]["int64Value"])
            for series in _read(answer).get("timeSeries", ())
            if series.get("points")
        }


def _read(answer: Response) -> dict[str, Any]:
    if answer.status_code == 403:
        raise CommandError("Monitoring may not be read: ask for roles/monitoring.viewer")
    if answer.status_code != 200:
        raise CommandError(f"Monitoring answers {answer.status_code}: {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found
