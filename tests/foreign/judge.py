"""What both servers say at the end, asked by their own clients; and what the functions said of it."""

import html
import re
from pathlib import Path

from google.cloud.firestore import AsyncClient
from google.cloud.storage import Client

from local.clients import S3Client
from local.comparison import Comparison, Scope, compare
from local.deployed import FUNCTIONS
from local.names import DESTINATION, PROJECT, REPORTS, SOURCE, STAGING
from local.runs import JOB
from shared.domain.runs import RunState
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.run_store import RunRecord
from shared.telemetry import Log
from tests.chaos.judge import unexpected
from tests.foreign import loop
from tests.foreign.bucket import SERVERS_OWN
from tests.shapes import ENCODED, TOO_LONG, encoded

_HEADERS = ("content_encoding", "content_language", "content_disposition", "cache_control")


def _name(key: str) -> str:
    return encoded(key) if key in ENCODED else key


def bytes_agree(s3: S3Client, gcs: Client, gone: set[str]) -> tuple[Comparison, list[str]]:
    """Every byte of both buckets, read; what is wrong. gone: keys that the source has no more."""
    scope = Scope(name=_name, read_every=1, added=SERVERS_OWN)
    found = compare(s3, SOURCE, gcs, DESTINATION, set(TOO_LONG), scope)
    allowed = {f"{_name(key)!r}: only at the destination" for key in gone}
    return found, [text for text in found.differences if text not in allowed]


def headers_agree(s3: S3Client, gcs: Client, dropped: set[str]) -> list[str]:
    """Headers that travel along, as both servers tell them. dropped: those that the destination keeps of nobody."""
    wrong = []
    for key in ("attr/all", "attr/gzip"):
        head, blob = s3.head_object(Bucket=SOURCE, Key=key), gcs.bucket(DESTINATION).get_blob(key)
        for name in _HEADERS:
            left = head.get("".join(word.title() for word in name.split("_"))) or None
            right = getattr(blob, name) or None
            if left != right and name not in dropped:
                wrong.append(f"{key}: {name} {left!r} became {right!r}")
    return wrong


def records() -> list[RunRecord]:
    """All runs, as the functions have stored them."""
    stores = firestore_stores(PROJECT, "(default)", JOB, Log("ERROR"))
    return loop.run(stores.runs.since(0))


def runs_balance(found: list[RunRecord]) -> list[str]:
    wrong = []
    for record in found:
        summary = record.summary
        if record.state is not RunState.FINISHED or summary is None:
            wrong.append(f"{record.run.name} is {record.state}")
        elif not summary.balanced:
            wrong.append(f"{record.run.name} does not balance: {summary}")
    return wrong


def sentence(gcs: Client, run: str) -> tuple[str, str]:
    """The tone and the first sentence of a run's report. Raises LookupError if there is none."""
    blob = gcs.bucket(REPORTS).get_blob(f"{JOB}/{run}/report.html")
    if blob is None:
        raise LookupError(run)
    said = re.search(r'<header class="(\w+)"><h1>(.*?)</h1>', blob.download_as_text(), re.DOTALL)
    return (said[1], html.unescape(said[2])) if said else ("", "")


def nothing_is_left(gcs: Client, logs: Path) -> list[str]:
    """Staged objects, open ranges, uploads on record, messages that nobody could read, what nobody expected."""
    wrong = [f"staged: {blob.name}" for blob in gcs.list_blobs(STAGING)]
    wrong += loop.run(_documents())
    for name in FUNCTIONS:
        wrong += [f"{name}: {text}" for text in unexpected((logs / f"{name}.log").read_text(errors="replace"))[:2]]
    return wrong


async def _documents() -> list[str]:
    root = AsyncClient(project=PROJECT).collection("jobs").document(JOB)
    open_ranges = [item.id async for item in root.collection("ranges").stream() if item.get("state") == "open"]
    uploads = [item.id async for item in root.collection("uploads").stream()]
    rejected = [str(item.to_dict()) async for item in root.collection("rejected").stream()]
    told = {"open range": open_ranges, "upload on record": uploads, "rejected": rejected}
    return [f"{what}: {item}" for what, items in told.items() for item in items]
