"""How much CPU the verifier takes for a key that agrees on both sides: `make bench-walk`.

No wire: pages of both listings, as S3 and Cloud Storage write them, are handed to the production adapters' parsers, and
the production VerifyRange walks them; with a manifest and without one. Medians of RUNS=5 runs of 200,000 keys.
"""

import asyncio
import base64
import json
import os
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.canned import CANNED_PAGES, Canned, CannedHttp, OneRange, canned_app, canned_stores
from local.children import ROOT
from shared.aws.listing import parse
from shared.clock import SystemClock
from shared.domain.budget import Budget
from shared.domain.comparison import Comparison
from shared.domain.messages import VerifyMessage
from shared.domain.objects import SOURCE_ETAG, SOURCE_MTIME
from shared.domain.page import Page
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.http.client import Answer, Request
from shared.ports.ledger_store import KeyCount, Versioned

KEYS = CANNED_PAGES * 1000
CANNED_GCS = "http://canned"
RESULTS = ROOT / "benchmarks" / "results" / "walk.json"


def copies_of(page: Page, token: str) -> bytes:
    """As Cloud Storage lists what was copied of a page."""
    items = [
        {
            "name": key.decode(),
            "size": str(size),
            "generation": str(1_700_000_000_000_000 + size),
            "crc32c": "AAAAAA==",
            "md5Hash": base64.b64encode(bytes.fromhex(etag)).decode(),
            "metadata": {SOURCE_ETAG: etag, SOURCE_MTIME: "1700000000"},
        }
        for key, etag, size in zip(page.keys, page.etags, page.sizes, strict=True)
    ]
    return json.dumps({"items": items, **({"nextPageToken": token} if token else {})}).encode()


@dataclass(slots=True)
class BothSides:
    """Answers each side's listing with its canned pages."""

    s3: CannedHttp
    gcs: dict[str, bytes]

    clock: SystemClock = field(default_factory=SystemClock)

    async def send(self, request: Request) -> Answer:
        if not request.url.startswith(CANNED_GCS):
            return await self.s3.send(request)
        token = request.url.partition("pageToken=")[2].partition("&")[0]
        return Answer(200, {}, self.gcs[token])


class EmptyLedger:
    """Nothing is in flight."""

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        none: tuple[Versioned, ...] = ()
        for record in none:
            yield record

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        return KeyCount(KEYS, KEYS // 100)


class Nowhere:
    """`shared.ports.reports.Reports`."""

    def link(self, name: str) -> str:
        return ""

    async def put(self, name: str, body: bytes, content_type: str) -> None: ...

    async def read(self, name: str) -> tuple[bytes, int]:
        return b"", 0

    async def replace(self, name: str, body: bytes, content_type: str, generation: int) -> bool:
        return True


def sides(pages: int = CANNED_PAGES) -> tuple[Canned, BothSides]:
    """Both sides of a bucket of so many pages that agree."""
    canned = Canned.make(pages)
    bodies = list(canned.pages.values())
    gcs = {
        str(number) if number else "": copies_of(parse(body).page, str(number + 1) if number + 1 < len(bodies) else "")
        for number, body in enumerate(bodies)
    }
    return canned, BothSides(CannedHttp(canned), gcs)


def walk(canned: Canned, both: BothSides, manifest: bool) -> float:
    """CPU seconds of one comparison that finds both sides alike."""
    ranges = OneRange()
    http: Any = both
    destination = GcsDestination("d", CANNED_GCS, http, Token(None))
    app = canned_app(http, canned_stores(EmptyLedger(), ranges), destination, Nowhere() if manifest else None)
    before = time.process_time()
    asyncio.run(app.verifier(VerifyMessage(prefix=b"photos/"), "run", Budget(app.adapters.clock.monotonic(), 540)))
    spent = time.process_time() - before
    verdicts = ranges.counts.verdicts.keys if ranges.counts else {}
    if verdicts != {Comparison.SAME: canned.keys}:
        raise SystemExit(f"the walk went wrong: {verdicts}")
    return spent


def main() -> None:
    console = Console()
    canned, both = sides()
    report: dict[str, dict[str, float]] = {}
    count = int(os.environ.get("RUNS") or 5)
    made = Table("walk", title=f"Both sides compared, {KEYS:,} keys that agree: medians of {count} runs")
    for head in ("CPU us/key", "keys/s/core", "peak memory MiB"):
        made.add_column(head, justify="right")
    for name, manifest in (("compare", False), ("compare, and write a manifest", True)):
        median = statistics.median(walk(canned, both, manifest) for _ in range(count)) / KEYS
        tracemalloc.start()
        walk(canned, both, manifest)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        made.add_row(name, f"{median * 1e6:.2f}", f"{1 / median:,.0f}", f"{peak:.1f}")
        report[name] = {"cpu_us_a_key": median * 1e6, "keys_a_core_second": 1 / median, "peak_memory_mib": peak}
    console.print(made)
    RESULTS.write_text(json.dumps({"keys": KEYS, "runs": count, "walks": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
