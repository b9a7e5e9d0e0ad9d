"""`make demo`: a bucket travels from S3 through the edge into Cloud Storage, and is checked on arrival.

Exit status 0 only if every step did what it should and an independent comparison finds no difference.
"""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from botocore.exceptions import ClientError
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.storage import Client
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from rich.table import Table

from local import runs
from local.children import ROOT, StackError, interruptible
from local.choices import Flavour, chosen_settings
from local.clients import S3Client, gcs_client, pubsub_clients, s3_client
from local.comparison import Comparison, compare
from local.followed import QUIET, written_while_followed
from local.names import DESTINATION, LIST, PROJECT, REPORTS, SOURCE
from local.prices import priced, total
from local.sample import MIB, UNSUPPORTED, Sample, chosen, load, samples
from local.stack import Stack
from shared.domain.counts import Outcome
from shared.ports.run_store import RunSummary
from shared.pricing.money import in_dollars
from shared.reporting.index_rows import parse
from shared.reporting.units import in_units

_WIDE = 120
"""Columns, where no terminal says how many there are."""

CHANGED, ADDED = 25, 15
FORCED = "photos/2021/"
RUN_SECONDS = 900.0
REPORT_SECONDS = 60.0
REPORT_FOLDER = ROOT / ".local" / "reports"
MOST_LATE = 2.0
"""Seconds, from writing an object to its copy while S3's events are followed."""

IN_PARTS = {"LARGE_BYTES": str(64 * MIB), "PART_BYTES": str(32 * MIB)}
"""Small enough for the largest sample to be copied in parts."""


@dataclass(slots=True)
class Step:
    """One run of the demo. bill: what was added to the bill while it was waited for."""

    title: str
    run: str
    summary: RunSummary
    seconds: float
    bill: dict[str, int]


@dataclass(slots=True)
class Demo:
    """The scenario, step by step; what is off is collected in `wrong`."""

    stack: Stack
    console: Console
    objects: list[Sample]
    steps: list[Step] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    bill: dict[str, int] = field(default_factory=dict)

    async def play(self) -> Comparison:
        s3, gcs = s3_client(self.stack.environment), gcs_client(self.stack.environment)
        self._load(s3)
        copyable = len(self.objects) - len(UNSUPPORTED)
        changed = list(chosen(self.objects, "photos/", CHANGED))
        stale = changed[0].key
        self.stack.post("edge", "/_local/stale", {"key": stale})

        first = await self._run("first run", self.stack.tick("list"))
        self._expect(first.summary, Outcome.COPIED, copyable)
        self._expect(first.summary, Outcome.UNSUPPORTED, len(UNSUPPORTED))
        proofs = await runs.proofs(first.run)
        self._check(proofs.total() == copyable, f"of {copyable} copies only {proofs.total()} have a proof")
        shown = ", ".join(f"{count:,} {proof}" for proof, count in proofs.most_common())
        self.console.print(f"proven by: {shown}; the largest object went in parts")

        idle = await self._run("delta run, nothing to do", self.stack.tick("list"))
        self._expect(idle.summary, Outcome.COPIED, 0)
        reads, most = idle.bill.get("firestore.reads", 0), runs.FIXED_READS + len(self.objects) / 100
        self._check(reads <= most, f"the idle delta run billed {reads} Firestore reads, more than {most:.0f}")

        new = [replace(item, size=item.size + 7, seed=item.seed + 10**6) for item in changed]
        new += [Sample(f"photos/new/image-{number:04d}.jpg", 5000 + number, 77 + number) for number in range(ADDED)]
        load(s3, SOURCE, new, lambda size: None)
        delta = await self._run(f"{CHANGED} changed (1 stale at the edge), {ADDED} added", self.stack.tick("list"))
        self._expect(delta.summary, Outcome.COPIED, CHANGED + ADDED)

        served_stale = (
            delta.bill.get("cdn.stale_answers", 0) > 0 or os.environ.get("ROUTE", "cloudfront") != "cloudfront"
        )
        self._check(served_stale, "the edge was meant to serve a stale copy and did not")

        victim, lost = self.objects[-1], self.objects[-2]
        gcs.bucket(DESTINATION).blob(victim.key).upload_from_string(bytes(victim.size))
        gcs.bucket(DESTINATION).blob(lost.key).delete()
        repair = await self._run("1 damaged, 1 deleted: verify and repair", self.stack.tick("verify"))
        self._expect(repair.summary, Outcome.COPIED, 2)
        self.stack.tick("close")
        again = await runs.next_run({step.run for step in self.steps}, RUN_SECONDS)
        clean = await self._run("verified again by itself, as it had repaired", again)
        self._expect(clean.summary, Outcome.COPIED, 0)

        in_prefix = sum(item.key.startswith(FORCED) for item in self.objects)
        forced = await self._run(f"forced prefix {FORCED}", self._publish({"prefix": FORCED, "force": True}))
        self._expect(forced.summary, Outcome.COPIED, in_prefix)

        began = time.monotonic()
        following, late = await written_while_followed(self.stack, s3, gcs)
        self.console.print(f"written while S3's events are followed: at the destination {late:.1f} s later")
        self._check(late <= MOST_LATE, f"what S3's events told of came after {late:.1f} s, not {MOST_LATE:g}")
        followed = await self._run("S3's events followed", following, began)
        self._expect(followed.summary, Outcome.COPIED, 1)
        self.bill = self.stack.bill()
        with self.console.status("comparing both buckets independently"):
            result = await asyncio.to_thread(compare, s3, SOURCE, gcs, DESTINATION, set(UNSUPPORTED))
        await self._save_reports(gcs, first.run, repair.run, clean.run, forced.run, followed.run)
        return result

    async def _save_reports(self, gcs: Client, *wanted: str) -> None:
        """What the functions wrote of all runs, as files to open: pages, their index, and manifests."""
        self.stack.tick("close")
        bucket = gcs.bucket(REPORTS)
        name = f"{runs.JOB}/index.html"

        def are_there() -> bool:
            try:
                index = bucket.blob(name).download_as_bytes()
            except NotFound:
                return False
            return {row.run for row in parse(index) if row.sentence} >= set(wanted)

        await asyncio.to_thread(runs.wait_until, are_there, REPORT_SECONDS)
        shutil.rmtree(REPORT_FOLDER, ignore_errors=True)
        for blob in bucket.list_blobs(prefix=f"{runs.JOB}/"):
            path = REPORT_FOLDER / blob.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bucket.blob(blob.name).download_as_bytes())
        self.console.print(f"reports of all runs: {(REPORT_FOLDER / name).relative_to(ROOT)}")

    def _load(self, s3: S3Client) -> None:
        size = sum(item.size for item in self.objects)
        with self._progress() as progress:
            bar = progress.add_task("loading the source bucket", total=size, objects="")
            load(s3, SOURCE, self.objects, lambda done: progress.advance(bar, done))
        self.console.print(f"loaded {len(self.objects):,} objects, {in_units(size)}, into s3://{SOURCE}")

    async def _run(self, title: str, message_id: str, began: float | None = None) -> Step:
        """Wait for the run of a message. began: when it was sent, on the monotonic clock; just now if None."""
        before, started = self.stack.bill(), time.monotonic() if began is None else began
        with self._progress() as progress:
            bar = progress.add_task(title, total=None, objects="")

            def tell() -> None:
                now = self.stack.bill()
                moved = now.get("gcs.ingress_bytes", 0) - before.get("gcs.ingress_bytes", 0)
                written = now.get("gcs.objects_written", 0) - before.get("gcs.objects_written", 0)
                progress.update(bar, completed=moved, objects=f"{written:,} objects")

            run = await runs.wait(self.stack, message_id, RUN_SECONDS, tell)
        seconds = time.monotonic() - started
        after = self.stack.bill()
        summary = await runs.summary(run)
        step = Step(title, run, summary, seconds, {name: count - before.get(name, 0) for name, count in after.items()})
        self.steps.append(step)
        self._check(summary.balanced, f"{title}: the counts do not add up: {summary}")
        ended = ", ".join(f"{count:,} {outcome}" for outcome, count, _ in summary.outcomes)
        self.console.print(f"{title}: {summary.listed_keys:,} listed = {ended or 'nothing'}  ({seconds:.1f} s)")
        return step

    def _publish(self, message: Mapping[str, object]) -> str:
        """What `gcloud pubsub topics publish list --message …` does."""
        publisher, _ = pubsub_clients(self.stack.environment)
        topic = publisher.topic_path(PROJECT, LIST)
        return str(publisher.publish(topic, json.dumps(message).encode()).result(timeout=30))

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30 if self.console.width >= _WIDE else 8),
            TextColumn("{task.fields[objects]}"),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def _expect(self, summary: RunSummary, outcome: Outcome, keys: int) -> None:
        found = summary.outcomes.keys.get(outcome, 0)
        self._check(found == keys, f"expected {keys} {outcome}, found {found}")

    def _check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            title = self.steps[-1].title if self.steps else "start"
            self.wrong.append(f"{title}: {otherwise}")


def report(demo: Demo, result: Comparison) -> None:
    """The runs with their counts, the bill, and the verdict."""
    console = demo.console
    console.print(of_runs(demo.steps))
    first = demo.steps[0]
    copied, seconds = first.summary.outcomes, first.seconds
    keys, moved = copied.keys.get(Outcome.COPIED, 0), copied.bytes.get(Outcome.COPIED, 0)
    console.print(f"first run: {keys / seconds:,.0f} objects/s, {in_units(moved / seconds)}/s on this machine")
    bill = demo.bill
    shown = _table("The measured bill of the whole demo, at list prices", "service", "counted", ">amount", ">US$")
    for item in priced(bill):
        shown.add_row(item.service, item.what, f"{item.amount:,}", in_dollars(item.dollars))
    shown.add_row("", "", "total", in_dollars(total(bill)))
    console.print(shown)
    if demo.stack.flavour is Flavour.GOOGLE:
        console.print("Google's emulators do not count Pub/Sub and Firestore: these are missing from the bill.")
    console.print(
        f"independent comparison: {result.objects:,} objects, {in_units(result.bytes)}, {result.read:,} read "
        f"byte for byte; {len(result.differences)} differences; {len(result.unsupported)} unsupported names"
    )
    for line in result.differences[:20]:
        console.print(f"  {line}", markup=False)


def of_runs(steps: Sequence[Step]) -> Table:
    """A row a run; outcomes that none of them has are left out. written: the bytes of what was copied."""
    there = [outcome for outcome in Outcome if any(step.summary.outcomes.keys.get(outcome) for step in steps)]
    heads = [f">{outcome.replace('_', ' ')}" for outcome in there]
    table = _table("Runs: outcomes add up to what was listed", "run", *heads, ">listed", ">written", ">took")
    for step in steps:
        outcomes = step.summary.outcomes
        table.add_row(
            step.title,
            *(f"{outcomes.keys.get(outcome, 0):,}" for outcome in there),
            f"{step.summary.listed_keys:,}",
            in_units(outcomes.bytes.get(Outcome.COPIED, 0)),
            f"{step.seconds:.1f} s",
        )
    return table


def _table(title: str, *heads: str) -> Table:
    """heads: those that begin with > stand right. It fits a terminal of 80 columns: words wrap, numbers never do."""
    table = Table(title=title, box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    for head in heads:
        right = head.startswith(">")
        table.add_column(head.removeprefix(">"), justify="right" if right else "left", no_wrap=right)
    return table


def main() -> int:
    """Exit status for the shell."""
    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE)
    interruptible()
    try:
        count = int(os.environ.get("OBJECTS") or 3000)
        if count < 200:
            raise StackError(f"OBJECTS={count} is too few for the scenario; it needs at least 200")
        flavour = Flavour.from_environment()
        objects = samples(count)
        settings = {**IN_PARTS, **QUIET, **chosen_settings()}
        with Stack(flavour, settings=settings, events=True, silent=True) as stack:
            os.environ.update(stack.environment)
            console.print(f"the stack is up ({flavour}); objects go s3://{SOURCE} → edge → gs://{DESTINATION}")
            demo = Demo(stack, console, objects)
            result = asyncio.run(demo.play())
            report(demo, result)
    except (StackError, ClientError, GoogleAPICallError, OSError) as error:
        console.print(f"the demo cannot go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing is left behind")
        return 130
    except ValueError:
        console.print(f"OBJECTS={os.environ.get('OBJECTS')} is not a number", style="red")
        return 1
    demo.wrong.extend(result.differences)
    if set(result.unsupported) != set(UNSUPPORTED):
        demo.wrong.append(f"unsupported keys: expected {UNSUPPORTED}, found {result.unsupported}")
    for line in demo.wrong[:40]:
        console.print(f"WRONG  {line}", markup=False, style="red")
    console.print("[green]everything arrived, everything adds up[/]" if not demo.wrong else "[red]the demo failed[/]")
    return 1 if demo.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
