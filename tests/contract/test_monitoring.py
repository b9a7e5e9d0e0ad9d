"""How much waits in the queues, by the wire of Cloud Monitoring, on the embedded Pub/Sub."""

import pytest
import requests

from cli.exits import CommandError
from cli.queue_depth import DEAD_LETTERS, ENDPOINT_VARIABLE, MonitoredQueues
from local.clients import pubsub_clients
from local.names import PROJECT
from local.stack import Stack
from shared.settings import Settings
from tests.world import SETTINGS

ROLES = ("list", "transfer", "verify", DEAD_LETTERS)


def settings(prefix: str) -> Settings:
    topics = {f"{role.replace('dead-letters', 'dead_letter')}_topic": f"{prefix}-{role}" for role in ROLES}
    return Settings(**{**SETTINGS, **topics, "google_cloud_project": PROJECT})


async def test_what_waits_is_told_of_each_subscription(reachable: Stack, fresh: str) -> None:
    publisher, subscriber = pubsub_clients(reachable.environment)
    for role in ROLES:
        topic = publisher.topic_path(PROJECT, f"{fresh}-{role}")
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscriber.subscription_path(PROJECT, f"{fresh}-{role}-sub"), topic=topic)
    for _ in range(3):
        publisher.publish(publisher.topic_path(PROJECT, f"{fresh}-list"), b"{}").result()
    queues = MonitoredQueues(settings(fresh), reachable.environment)
    found = {item.role: item for item in await queues.depths()}
    assert {role: item.waiting for role, item in found.items()} == {
        "list": 3,
        "transfer": 0,
        "verify": 0,
        "dead-letters": 0,
    }
    assert found["list"].subscription == f"{fresh}-list-sub"
    assert 0 <= (found["list"].oldest_seconds or 0) < 60
    name = subscriber.subscription_path(PROJECT, f"{fresh}-list-sub")
    held = subscriber.pull(subscription=name, max_messages=1).received_messages
    assert (await queues.depths())[0].waiting == 3, "what is handed out is not acknowledged yet"
    subscriber.acknowledge(subscription=name, ack_ids=[item.ack_id for item in held])
    assert (await queues.depths())[0].waiting == 2


async def test_an_emulator_that_does_not_tell_is_not_asked() -> None:
    with pytest.raises(CommandError, match="does not say how much waits"):
        await MonitoredQueues(settings("a"), {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}).depths()


METRIC = 'metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages"'


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "does not serve the filter"),
        ({"filter": 'metric.type = "a.b/c"'}, "names 'a.b/c'"),
        ({"filter": f'{METRIC} AND resource.type = "gce_instance"'}, "no resource 'gce_instance'"),
        ({"filter": METRIC}, "interval.startTime"),
    ],
)
def test_what_is_asked_wrongly_is_refused(embedded: Stack, query: dict[str, str], said: str) -> None:
    url = f"{embedded.environment[ENDPOINT_VARIABLE]}/v3/projects/{PROJECT}/timeSeries"
    answer = requests.get(url, params=query, timeout=10, proxies={"http": ""})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
