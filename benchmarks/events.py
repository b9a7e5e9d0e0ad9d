"""Events of S3, followed: `python -m benchmarks.events`, `make bench-events`.

Objects are written at an even pace into the local S3, whose events come by a queue of moto's to the deployed lister;
the transfer copies them. How late a copy is, is told twice: from outside, as the time between sending the PUT of an
object and the moment at which the local Cloud Storage says that it was created; and by the run itself, from the time in
the event to the end of the copy. What Firestore writes and what all of it costs is as the local servers have counted,
from before the first event until the run's end is written down; what brings events to the queue is not in it
(`shared.pricing.following.BusyMonth` has that). The servers share the machine with the functions; how busy each process
was while objects were written is in a table of its own, because one that took a core whole would be what was measured.

EVENTS=10000, A_SECOND=200 and BYTES=1000 (of an object) choose what is measured.
"""

import asyncio
import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarks.processes import of_group
from local import runs
from local.children import ROOT
from local.clients import gcs_client, pubsub_clients, s3_client
from local.names import DESTINATION, LIST, PROJECT, SOURCE
from local.prices import PRICES, priced
from local.stack import Stack
from shared.aws.sigv4 import Keys, signed_headers
from shared.domain.lag import Lag
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.run_store import RunSummary
from shared.pricing.following import busy_month
from shared.pricing.money import in_dollars
from shared.reporting.lateness import lag_figures
from shared.telemetry import Log

RESULTS = ROOT / "benchmarks" / "results" / "events.json"
SETTINGS = {"LEASE_SECONDS": "60", "HEARTBEAT_SECONDS": "60", "ROUTE": "direct"}
"""As they are in the cloud, where the stack's own are for the impatient."""

WAIT_SECONDS = 300.0
_CONNECTIONS = 64
_WARM = "warm"
_OURS = ("AmazonSQS.ReceiveMessage", "AmazonSQS.DeleteMessageBatch")
SHARES = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Measured:
    """late: seconds from PUT to copy, in order. paced: seconds that all the writing took. written: seconds that a PUT
    took, at the longest. bill: what the servers counted. requests: of the queue's, by action. busy: the share of a core
    that each process took from the first PUT to the last.
    """

    late: Sequence[float]
    paced: float
    written: float
    bill: Mapping[str, int]
    requests: Mapping[str, int]
    busy: Mapping[str, float]
    summary: RunSummary

    @property
    def writes_a_hundred(self) -> float:
        return 100 * self.bill.get("firestore.writes", 0) / len(self.late)

    @property
    def asked(self) -> int:
        """Requests of the queue's that the lister sent."""
        return sum(self.requests.get(action, 0) for action in _OURS)

    @property
    def dollars(self) -> float:
        queue = PRICES.cost("sqs.request", self.asked)
        return queue + sum(line.dollars for line in priced(self.bill))

    def within(self, share: float) -> float:
        return self.late[max(math.ceil(share * len(self.late)), 1) - 1]

    def figures(self) -> dict[str, Any]:
        """For programs."""
        return {
            "events": len(self.late),
            "events_a_second": len(self.late) / self.paced,
            "seconds_from_put_to_copy": {
                **{f"p{share * 100:g}": round(self.within(share), 3) for share in SHARES},
                "worst": round(self.late[-1], 3),
            },
            "seconds_from_event_to_copy_as_the_run_counts": lag_figures(self.summary.lag),
            "slowest_put_seconds": round(self.written, 3),
            "outcomes": self.summary.outcomes.keys,
            "firestore_writes_a_hundred_events": round(self.writes_a_hundred, 3),
            "requests_of_the_queue": dict(self.requests),
            "share_of_a_core": {name: round(share, 3) for name, share in self.busy.items()},
            "bill": {**self.bill, "sqs.request": self.asked},
            "dollars": round(self.dollars, 6),
        }


def measure(stack: Stack, events: int, a_second: float, size: int) -> Measured:
    """One run of events, followed since before the first of them."""
    copies = gcs_client(stack.environment).bucket(DESTINATION)
    publisher, _ = pubsub_clients(stack.environment)
    topic = publisher.topic_path(PROJECT, LIST)
    began = publisher.publish(topic, b'{"events": true, "scheduled": true}').result(timeout=30)
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key=_WARM, Body=b"warm")
    runs.wait_until(lambda: copies.get_blob(_WARM) is not None, WAIT_SECONDS)
    before, asked, used, since = stack.bill(), _requests(stack), _cpu(stack), time.monotonic()
    sent, paced, written = asyncio.run(_write(stack, events, a_second, size))
    took = time.monotonic() - since
    busy = {name: (cpu - used[name]) / took for name, cpu in _cpu(stack).items()}
    runs.wait_until(lambda: "events followed" in stack.children["lister"].log.read_text(), WAIT_SECONDS)
    summary = asyncio.run(_ended(stack, began))
    bill, requests = _more(stack.bill(), before), _more(_requests(stack), asked)
    found = {blob.name: blob.time_created for blob in copies.list_blobs() if blob.name != _WARM}
    missing = sent.keys() - found.keys()
    if missing:
        raise SystemExit(f"{len(missing)} of {events} objects were not copied, {min(missing)!r} among them")
    late = sorted(_seconds(found[key]) - at for key, at in sent.items())
    return Measured(late, paced, written, bill, requests, busy, summary)


async def _write(stack: Stack, events: int, a_second: float, size: int) -> tuple[dict[str, float], float, float]:
    """When each key's PUT was sent (epoch seconds); how long all took, and the slowest of them."""
    environment, sent = stack.environment, dict[str, float]()
    keys = Keys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    base, slowest = stack.url("s3"), 0.0
    host = base.partition("://")[2]

    async def put(session: aiohttp.ClientSession, key: str) -> None:
        nonlocal slowest
        body = hashlib.sha256(key.encode()).digest() * (size // 32 + 1)
        path, now = f"/{SOURCE}/{key}", time.time()
        signed = hashlib.sha256(body).hexdigest()
        headers = signed_headers("PUT", host, path, "", keys, "us-east-1", now, body_sha256=signed)
        sent[key] = now
        async with session.put(base + path, data=body, headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()
        slowest = max(slowest, time.time() - now)

    began = time.monotonic()
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for number in range(events):
            wait = began + number / a_second - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            name = hashlib.sha256(str(number).encode()).hexdigest()[:32]
            group.create_task(put(session, f"{name[:2]}/{name}"))
    return sent, time.monotonic() - began, slowest


async def _ended(stack: Stack, began: str) -> RunSummary:
    """The counts of the run that a message began, once its end is written down."""
    run, stores = await runs.run_name(began), firestore_stores(PROJECT, "(default)", runs.JOB, Log("ERROR"))
    asked = False
    for _ in range(int(WAIT_SECONDS)):
        record = await stores.runs.record(run)
        if record is not None and record.summary is not None:
            return record.summary
        if not asked and (await stores.runs.summary(run)).finished:
            asked = bool(stack.tick("close"))
        await asyncio.sleep(1)
    raise SystemExit(f"the end of {run} is not written down")


def _requests(stack: Stack) -> dict[str, int]:
    """What the queue was asked, by action."""
    return stack.get("sqs", "/_local/bill")


def _more(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def _cpu(stack: Stack) -> dict[str, float]:
    """CPU seconds of each process of the stack, with those that it started, and of this one."""
    return {name: of_group(child.pid).cpu_seconds for name, child in stack.children.items()} | {
        "benchmark": time.process_time()
    }


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else math.inf


def table(found: Measured) -> Table:
    """From outside, and as the run counts it."""
    title = f"{len(found.late):,} events at {len(found.late) / found.paced:,.0f} a second: seconds until the copy"
    made = Table(title=title)
    for head in ("counted", *(f"p{share * 100:g}" for share in SHARES), "worst", "copies"):
        made.add_column(head, justify="left" if head == "counted" else "right")
    own: Lag = found.summary.lag
    outside = [*(f"{found.within(share):.2f}" for share in SHARES), f"{found.late[-1]:.2f}", f"{len(found.late):,}"]
    inside = [*(f"{own.within(share) or 0:.2f}" for share in SHARES), f"{own.worst:.2f}", f"{own.counted:,}"]
    made.add_row("from sending the PUT, seen from outside", *outside)
    made.add_row("from the event's time, by the run", *inside)
    return made


def bill(found: Measured) -> Table:
    made = Table(title=f"{found.writes_a_hundred:.2f} Firestore writes a hundred events; the bill at list prices")
    for head in ("service", "counted", "amount", "US$"):
        made.add_column(head, justify="right" if head in ("amount", "US$") else "left")
    for line in priced(found.bill):
        made.add_row(line.service, line.what, f"{line.amount:,}", in_dollars(line.dollars))
    queue = PRICES.cost("sqs.request", found.asked)
    made.add_row("SQS", "requests of the lister's", f"{found.asked:,}", in_dollars(queue))
    made.add_row("", "", "together", in_dollars(found.dollars))
    return made


def busy(found: Measured) -> Table:
    """What was busy: whoever took a core whole is what was measured."""
    asked = ", ".join(f"{count:,} {name.partition('.')[2]}" for name, count in sorted(found.requests.items()))
    made = Table(title=f"share of a core; the queue was asked {asked}")
    for name in found.busy:
        made.add_column({"sqs": "SQS (moto)"}.get(name, name), justify="right")
    made.add_row(*(f"{share:.0%}" for share in found.busy.values()))
    return made


def brought(a_second: float) -> str:
    """What a month of events costs until they are received, either way."""
    bridged, straight = (busy_month(PRICES, a_second, bridged=by_bus) for by_bus in (True, False))
    return f"{in_dollars(bridged.dollars)} US$ a month by EventBridge, {in_dollars(straight.dollars)} straight"


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    events, a_second = int(os.environ.get("EVENTS") or 10_000), float(os.environ.get("A_SECOND") or 200)
    size = int(os.environ.get("BYTES") or 1_000)
    with Stack(events=True, settings=SETTINGS) as stack:
        os.environ.update(stack.environment)
        found = measure(stack, events, a_second, size)
    console.print(table(found))
    console.print(busy(found))
    console.print(bill(found))
    console.print(f"what brings events is not in it; at this pace all day, {brought(a_second)}")
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "measured": time.strftime("%Y-%m-%d"),
        "bytes": size,
        **found.figures(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    console.print(f"written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
