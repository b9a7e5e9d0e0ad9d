"""Runs of every kind, with keys that would do harm if a page let them."""

from collections import Counter
from dataclasses import replace
from random import Random

from shared.domain.progress import Interval, Progress, Slow
from shared.domain.rollup import FolderRollup, Rollup
from shared.domain.runs import RunKind, RunState
from shared.pricing.catalog import published
from shared.reporting.index_rows import IndexRow
from shared.reporting.model import Report

GIB = 2**30
BEGAN = 1_795_910_400.0

HOSTILE = (
    "<script>document.title='taken'</script>",
    "\"'><img src=x onerror=alert(1)>",
    "photos/\u202egnp.exe",
    "zero\u200bwidth/\u2066isolate\u2069",
    '=HYPERLINK("http://evil","click")',
    "line\nbreak\tand\x00nul",
    "{{ 7 * 7 }}{% raw %}",
    "שלום/مرحبا/ключ/鍵/🗝️",
    b"no/\xff\xfeutf-8".decode(errors="surrogateescape"),
    "javascript:alert(1)",
    "a" * 900,
)
"""Keys, as a bucket may have them."""


def progress(minutes: int = 70) -> Progress:
    """Of some instances that copy for so many minutes."""
    draw, found = Random(1), Progress(seconds=minutes * 60.0 * 20)
    for minute in range(minutes):
        at = BEGAN + minute * 60
        pace = min(minute + 1, 12) / 12 * draw.uniform(0.8, 1.1)
        found.intervals[at] = Interval(at, int(18_000 * pace), int(22 * GIB * pace))
        if minute % 4 == 1:
            found.ended(at, "failed", int(900 * draw.random()), int(3 * GIB * draw.random()))
        if minute < 20:
            found.ended(at, "unchanged", int(5000 * draw.random()), int(4 * GIB * draw.random()))
        if minute % 7 == 2:
            found.ended(at, "archived", 300, GIB)
    objects = sum(item.objects for item in found.intervals.values())
    size = sum(item.bytes for item in found.intervals.values())
    found.ways = {"cloudfront": (objects - objects // 40, size - size // 40), "direct": (objects // 40, size // 40)}
    for bits, share in ((11, 0.1), (14, 0.25), (17, 0.3), (20, 0.2), (23, 0.1), (27, 0.049), (33, 0.001)):
        count = int(objects * share)
        found.sizes[bits] = (count, int(count * 0.75 * 2**bits))
    found.slowest = [
        Slow(812.41, 32 * 2**20, "archive/backup-2025.tar, part 17"),
        Slow(61.2, 5 * GIB, "video/master.mov"),
        Slow(9.53125, 4000, "small/but slow"),
        Slow(0.41266812, 4000, HOSTILE[0]),
    ]
    return found


def rollup() -> Rollup:
    """Of both sides of some hundred folders."""
    draw, sums = Random(2), Rollup(proofs=Counter(md5=900_000, crc32c=60_000))
    for number in range(140):
        size = int(40 * GIB * draw.paretovariate(1.1) / (number + 1))
        name = f"photos/20{number:02d}/" if number % 3 else f"logs/service-{number}/"
        wrong = draw.randrange(1, 90) if number % 11 == 0 else 0
        extra = draw.randrange(1, 9) if number % 13 == 5 else 0
        sums.folders[name.encode()] = FolderRollup(size // 200_000, size, size // 200_000 - wrong, size, wrong, extra)
    for key in HOSTILE:
        sums.folders[key.encode(errors="surrogateescape")] = FolderRollup(10, 3 * GIB, 9, 3 * GIB, 1, 0)
    sums.sizes.update({0: 12, 9: 400, 11: 90_000, 14: 220_000, 17: 310_000, 20: 250_000, 23: 90_000, 28: 4000, 37: 12})
    sums.add_archived("DEEP_ARCHIVE", 2000, 900 * GIB)
    sums.add_archived("GLACIER", 40, 9 * GIB)
    kinds = ("missing", "checksum_differs", "size_differs", "unproven")
    sums.differing = [(f"photos/20{number:02d}/image.jpg", 10_000 * number, kinds[number % 4]) for number in range(160)]
    sums.differing += [(key, 4096, kinds[number % 4]) for number, key in enumerate(HOSTILE)]
    sums.unwritten_rows = 8
    return sums


def copying() -> Report:
    """A first run that left something behind."""
    told = progress()
    objects, size = (sum(amounts) for amounts in zip(*told.ways.values(), strict=True))
    failed = [(f"reports/q{number}.csv", 1000 + number, "forbidden: HTTP 403 AccessDenied") for number in range(40)]
    failed += [(key, 77, f"transient: HTTP 500 <b>{key}</b>") for key in HOSTILE]
    failed += [("vault/secret.bin", 5, "kms_denied: HTTP 403 KMS.AccessDenied")]
    outcomes = [
        ("archived", 3000, 10 * GIB),
        ("copied", objects + 400, size + GIB),
        ("failed", len(failed), 12_345_678),
        ("filtered", 120, 1000),
        ("unchanged", 50_000, 40 * GIB),
        ("unsupported", 3, 100),
    ]
    return Report(
        run="list-20261129T020000-9312",
        kind=RunKind.LIST,
        prefix="",
        source="s3://media-archive",
        destination="gs://media-archive-copy",
        state=RunState.FINISHED,
        started_at=BEGAN,
        ended_at=BEGAN + 4711.5,
        listed=(sum(keys for _, keys, _ in outcomes), sum(size for _, _, size in outcomes)),
        pending=0,
        outcomes=outcomes,
        filters=[("exclude *.tmp", 120, 1000)],
        verdicts=[],
        sums=Rollup(),
        failed=failed,
        progress=told,
        files=[],
        plans=tuple(published().plans.values()),
        most_dollars=500.0,
        before="verify-20261128T030000-17",
    )


def comparing() -> Report:
    """A comparison that found differences of every kind, and had some copied again."""
    told = Progress(seconds=240.0, ways={"cloudfront": (128, 95_000_000)}, sizes={20: (128, 95_000_000)})
    for minute, objects in enumerate((20, 60, 48)):
        told.intervals[BEGAN + minute * 60] = Interval(BEGAN + minute * 60, objects, objects * 742_187)
    told.ended(BEGAN + 60, "unchanged", 7, 5_000_000)
    verdicts = [
        ("checksum_differs", 43, 10**7), ("missing", 55, 10**8), ("same", 960_000, 50 * GIB), ("size_differs", 43, 10**6),
        ("unproven", 4000, 10**9), ("extra", 31, 10**6), ("archived", 2040, 909 * GIB),
    ]  # fmt: skip
    listed = sum(keys for name, keys, _ in verdicts if name != "extra")
    return replace(
        copying(),
        run="verify-20261129T060000-9400",
        kind=RunKind.VERIFY,
        prefix=HOSTILE[0],
        verdicts=verdicts,
        outcomes=[("archived", 2040, 909 * GIB), ("copied", 141, 10**8), ("unchanged", listed - 2181, 50 * GIB)],
        listed=(listed, 959 * GIB + 10**8),
        filters=[],
        sums=rollup(),
        failed=[],
        progress=told,
        files=["part-0001.ndjson.gz", "part-0002.ndjson.gz"],
        before="list-20261129T020000-9312",
    )


def green() -> Report:
    """A comparison that found nothing."""
    sums = Rollup(proofs=Counter(md5=12))
    sums.sizes.update({4: 12})
    sums.folders[b"a/"] = FolderRollup(12, 100, 12, 100, 0, 0)
    return replace(
        comparing(), prefix="a/", verdicts=[("same", 12, 100)], outcomes=[("unchanged", 12, 100)], listed=(12, 100),
        sums=sums, progress=Progress(), files=[], ended_at=BEGAN + 3,
    )  # fmt: skip


def quiet() -> Report:
    """A listing that left nothing to do."""
    return replace(
        copying(), listed=(1000, GIB), outcomes=[("unchanged", 1000, GIB)], filters=[], failed=[], progress=Progress(),
        ended_at=BEGAN + 9,
    )  # fmt: skip


def running() -> Report:
    """The first run, half an hour after it began."""
    whole = copying()
    told = progress(30)
    objects = sum(item.objects for item in told.intervals.values())
    size = sum(item.bytes for item in told.intervals.values())
    outcomes = [("copied", objects, size), ("failed", len(whole.failed), 10_000)]
    return replace(
        whole, state=RunState.RUNNING, ended_at=BEGAN + 1800, outcomes=outcomes, progress=told,
        pending=whole.listed[0] - objects - len(whole.failed),
    )  # fmt: skip


def index_rows() -> list[IndexRow]:
    """Some weeks of runs, one of them still running."""
    tones = (green(), comparing(), copying(), quiet())
    rows = []
    for number in range(60):
        row = IndexRow.of_report(tones[(number * 7) % 4])
        began = BEGAN - (60 - number) * 43_200
        rows.append(replace(row, run=f"{row.kind}-{number:04d}", began=began, ended=began + 90 * (number % 50 + 1)))
    rows.append(IndexRow("list-<b>", RunKind.LIST, HOSTILE[2], RunState.STOPPED, BEGAN - 50, BEGAN - 3))
    return [*rows, IndexRow("list-now", RunKind.LIST, "", RunState.RUNNING, BEGAN)]
