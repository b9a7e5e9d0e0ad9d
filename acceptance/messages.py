"""Messages as a person publishes them, and what they begin."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping

from acceptance.services import Services
from shared import clients
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.run_store import RunSummary
from shared.telemetry import Log

_CALM = 2
"""Times in a row that a run must look finished: its counts are several reads, and work goes on between them."""


async def publish(services: Services, topic: str, message: Mapping[str, object]) -> str:
    """What `gcloud pubsub topics publish` does; the message's id."""
    data = json.dumps(message).encode()
    return await clients.publish(services.publisher, services.settings.google_cloud_project, topic, data)


async def run_of(services: Services, message_id: str) -> str:
    """The run that a message began, "" while there is none: it is named for the message."""
    runs = services.firestore.collection("jobs").document(services.settings.job).collection("runs")
    found = [item.id async for item in runs.list_documents() if item.id.endswith(f"-{message_id}")]
    return str(found[0]) if found else ""


async def until(true: Callable[[], Awaitable[bool]], seconds: float, every: float) -> float | None:
    """Seconds that it took to become true; None if it did not within so many."""
    started = time.monotonic()
    while not await true():
        if time.monotonic() - started > seconds:
            return None
        await asyncio.sleep(every)
    return time.monotonic() - started


async def summary(services: Services, run: str) -> RunSummary:
    """A run's counts, as `bucket-transfer runs RUN` reads them."""
    given = services.settings
    stores = firestore_stores(given.google_cloud_project, given.firestore_database, given.job, Log("ERROR"))
    return await stores.runs.summary(run)


async def finished(services: Services, run: str) -> RunSummary | None:
    """The counts of a run once it is done; None if it is not within the time that a run may take."""
    calm = 0

    async def done() -> bool:
        nonlocal calm
        calm = calm + 1 if (await summary(services, run)).finished else 0
        return calm >= _CALM

    waited = await until(done, services.run_seconds, 5 if services.live else 0.3)
    return None if waited is None else await summary(services, run)
