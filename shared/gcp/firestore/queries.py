"""Every query of the functions, each to be asked once, of runs and keys that are nobody's.

Firestore refuses a query without an index whether or not a document fits:
https://firebase.google.com/docs/firestore/query-data/indexing
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.errors import BucketError
from shared.gcp.firestore.control import FirestoreControl
from shared.gcp.firestore.extras import FirestoreExtras
from shared.gcp.firestore.ledger import FirestoreLedger
from shared.gcp.firestore.ranges import FirestoreRanges
from shared.gcp.firestore.runs import FirestoreRuns
from shared.gcp.firestore.sums import SLICES
from shared.gcp.firestore.uploads import FirestoreUploads
from shared.ports.log import Log

NOBODY = "nobody"
"""A run that never was."""

Query = tuple[str, Callable[[], Awaitable[Any]]]


async def refusals(asked: Sequence[Query]) -> dict[str, str]:
    """What is refused, and in which words: Firestore's own have a link that makes the index."""
    found = {}
    for name, ask in asked:
        try:
            await ask()
        except (BucketError, GoogleAPICallError) as error:
            found[name] = str(error)
    return found


def queries(client: AsyncClient, job: str, log: Log) -> list[Query]:
    """All that the functions ask with a condition, by what they want to know."""
    root = client.collection("jobs").document(job)
    ledger, ranges = FirestoreLedger(client, root, log), FirestoreRanges(client, root)
    runs, extras = FirestoreRuns(client, root, ranges, ledger), FirestoreExtras(client, root)
    uploads = FirestoreUploads(client, root)
    prefix, after = f"{NOBODY}/".encode(), f"{NOBODY}/a".encode()
    marks = root.collection("extras").where(filter=FieldFilter("run", "!=", NOBODY)).select([]).limit(1)
    heartbeats = root.collection("pulses").where(filter=FieldFilter("run", "==", NOBODY))
    shards = root.collection("spending").where(filter=FieldFilter("run", "==", NOBODY))
    return [
        ("ledger: the records of a prefix", lambda: _all(ledger.scan(prefix, b""))),
        ("ledger: the records of a range", lambda: _all(ledger.scan(prefix, after, f"{NOBODY}/b".encode()))),
        ("ledger: how many there are", lambda: ledger.count(prefix, after, None)),
        ("ledger: a sample", lambda: ledger.sample(prefix, after, None, 4, 100)),
        ("ledger: what has not ended", lambda: _all(ledger.unsettled(NOBODY))),
        ("ledger: what a run's records span", lambda: ledger.outlines(NOBODY)),
        ("ledger: outcomes", lambda: ledger.outcomes(NOBODY, range(SLICES))),
        ("ledger: what events had told", lambda: ledger.changes(NOBODY, range(SLICES))),
        ("ledger: what failed", lambda: _all(ledger.failed(NOBODY))),
        ("ranges: sums", lambda: ranges.rollup(NOBODY)),
        ("ranges: messages", lambda: ranges.messages(NOBODY)),
        ("ranges: one that is open", lambda: ranges.is_open(NOBODY)),
        ("ranges: listed", lambda: ranges.listed(NOBODY)),
        ("ranges: outcomes", lambda: ranges.sums(NOBODY, "outcomes", range(SLICES))),
        ("ranges: filters", lambda: ranges.sums(NOBODY, "filters", range(SLICES))),
        ("ranges: verdicts", lambda: ranges.sums(NOBODY, "verdicts", range(SLICES))),
        ("ranges: edges", lambda: ranges.edges(NOBODY, range(SLICES))),
        ("ranges: open and stopped", lambda: ranges.open_and_stopped(NOBODY)),
        ("runs: those that are running", runs.running),
        ("runs: those that began since then", lambda: runs.since(time.time())),
        ("runs: progress", lambda: runs.progress(NOBODY)),
        ("runs: the last heartbeat", heartbeats.order_by("at", direction="DESCENDING").limit(1).get),
        ("runs: those without a report", runs.unreported),
        ("spending: the shards of a run", shards.get),
        ("spending: the sum of a run", lambda: FirestoreControl(client, root).spent(NOBODY)),
        ("uploads: how many parts have arrived", lambda: uploads.count(NOBODY)),
        ("uploads: those of long ago", lambda: uploads.unpublished_since(time.time())),
        ("extras: those seen before", lambda: _all(extras.marked(NOBODY, time.time()))),
        ("extras: those of other comparisons", marks.get),
    ]


async def _all(found: AsyncIterator[object]) -> None:
    async for _ in found:
        pass
