"""The page's verdict, a row a line, and that nothing in it can be taken for markup."""

import json
from collections import Counter
from dataclasses import replace
from html import unescape

import pytest

from shared.domain.archive import Tier
from shared.domain.progress import MOST_INTERVALS, MOST_SLOW, Interval, Progress, Slow, merged
from shared.domain.rollup import FolderRollup, Rollup
from shared.domain.runs import RunKind, RunState
from shared.pricing.catalog import published
from shared.pricing.estimate import bill, split, total
from shared.pricing.money import in_dollars
from shared.pricing.restores import restore_prices
from shared.reporting.model import Report
from shared.reporting.page import KINDS, page
from shared.reporting.sentence import STATES

GB = 2**30

GOOD = Report(
    run="verify-1", kind=RunKind.VERIFY, prefix="", source="s3://a", destination="gs://b", state=RunState.FINISHED, started_at=0,
    ended_at=7200, listed=(10, 1000), pending=0, outcomes=[("unchanged", 10, 1000)], filters=[],
    verdicts=[("same", 10, 1000)], sums=Rollup(proofs=Counter(md5=7, crc32c=3)), failed=[], progress=Progress(), files=[],
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "tone", "words"),
    [
        ({}, "good", "All 10 keys are the same: 7 by MD5, 3 by the CRC32C remembered from their copy."),
        ({"verdicts": [("same", 10, 1), ("extra", 2, 1)]}, "good", "2 copies belong to no object."),
        ({"kind": RunKind.LIST, "outcomes": [("copied", 10, 1)]}, "good", "All 10 keys are settled; 10 were copied."),
        (
            {"kind": RunKind.LIST},
            "settled",
            "Nothing to copy of 10 keys: 10 unchanged as remembered. This run proves none of them: a comparison does.",
        ),
        (
            {"kind": RunKind.LIST, "found_there": 7},
            "settled",
            "Nothing to copy of 10 keys: 3 unchanged as remembered, 7 found there already. A copy that was found there has",
        ),
        (
            {"kind": RunKind.LIST, "outcomes": [("copied", 1, 1), ("unchanged", 9, 1)]},
            "settled",
            "All 10 keys are settled; 1 was copied, 9 unchanged as remembered.",
        ),
        (
            {"kind": RunKind.LIST, "outcomes": [("unchanged", 9, 1), ("unsupported", 1, 1)]},
            "warning",
            "Nothing to copy of 10 keys: 1 unsupported, 9 unchanged as remembered.",
        ),
        (
            {"kind": RunKind.LIST, "listed": (1, 1), "outcomes": [("copied", 1, 1)]},
            "good",
            "The one key is settled; 1 was copied.",
        ),
        (
            {
                "listed": (1, 1),
                "verdicts": [("same", 1, 1), ("extra", 1, 1)],
                "outcomes": [("unchanged", 1, 1)],
                "sums": Rollup(proofs=Counter(md5=1)),
            },
            "good",
            "The one key is the same: 1 by MD5. 1 copy belongs to no object.",
        ),
        (
            {"kind": RunKind.LIST, "outcomes": [("copied", 8, 1), ("unsupported", 2, 1)]},
            "warning",
            "8 were copied, 2 unsupported.",
        ),
        ({"listed": (0, 0), "outcomes": [], "verdicts": []}, "warning", "No key was listed"),
        (
            {
                "verdicts": [("missing", 1, 1), ("same", 9, 1)],
                "outcomes": [("copied", 1, 1), ("unchanged", 9, 1)],
                "sums": Rollup(proofs=Counter(md5=9)),
            },
            "warning",
            "9 of 10 keys are the same (9 by MD5); 1 missing; 1 was copied again.",
        ),
        ({"verdicts": [("same", 9, 1)]}, "bad", "Not every key was compared"),
        ({"sums": Rollup()}, "warning", "0 of 10 keys are the same; 10 unproven."),
        ({"sums": Rollup(proofs=Counter(etag=10))}, "warning", "0 of 10 keys are the same; 10 unproven."),
        ({"outcomes": [("failed", 3, 1)]}, "bad", "3 of 10 keys are not at the destination"),
        ({"pending": 4}, "bad", "4 of 10 keys are not"),
        ({"state": RunState.STOPPED}, "bad", "has stopped: not every key was looked at"),
        ({"state": RunState.TIMED_OUT}, "bad", "has timed out"),
    ],
)
def test_the_verdict_stands_at_the_top(change: dict[str, object], tone: str, words: str) -> None:
    report = replace(GOOD, **change)  # type: ignore[arg-type]
    assert report.verdict()[0] == tone
    assert words in report.verdict()[1]
    assert f'<header class="{tone}"><h1>' in page(report)


def test_what_comes_from_keys_is_never_markup() -> None:
    evil = "<script>alert(1)</script>&\"'"
    sums = Rollup(folders={evil.encode(): FolderRollup(1, 2, 3, 4, 5, 6)})
    shown = page(replace(GOOD, prefix=evil, failed=[(evil, 1, f"gone: {evil}")], sums=sums, files=[evil]))
    assert "<script>alert" not in shown
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert "it was deleted at the source" in shown


def test_charts_are_drawn_from_what_there_is() -> None:
    sums = Rollup()
    sums.sizes.update({0: 2, 11: 5, 30: 1})
    beats = [Interval(0, 5, 1000), Interval(60, 10, 4000), Interval(180, 1, 1)]
    progress = Progress({beat.at: beat for beat in beats}, [Slow(9.53125, 4000, "slow/key")])
    progress.ended(60, "failed", 3, 30)
    shown = page(replace(GOOD, sums=sums, progress=progress, outcomes=[("copied", 18, 5001)]))
    assert "16 objects copied, 4.9 KiB; 2 more, 0 B, came after the last heartbeats and are not in it; " in shown
    assert "; 3 keys were handled by the transfer" in shown
    assert "1 KiB and more, below 2 KiB: 5 objects" in shown
    assert "slow/key</td>" in shown
    assert '<td class="n" data-v="9.53125">9.5 s</td>' in shown
    assert shown.count("<svg") == 5
    assert page(GOOD).count("<svg") == 0


def test_what_several_instances_tell_is_added_up() -> None:
    one, other = Progress(), Progress()
    for instance, at, size in ((one, 0.0, 1), (one, 60.0, 10), (other, 60.0, 20)):
        instance.at_work(at, 60)
        instance.copied(at, "cloudfront", 1, size)
        instance.took(float(size), size, f"key {size}")
    other.copied(60.0, "direct", 1, 5)
    one.read("GLACIER_IR", 1, 10)
    for _ in range(2):
        other.read("GLACIER_IR", 1, 20)
    one.kms, other.kms = 1, 2
    for instance in (one, other):
        instance.ended(60.0, "failed", 1, 7)
        instance.sized(0)
        instance.sized(1023)
    found = merged([one, Progress.of(json.loads(json.dumps(other.table())))])
    assert found.in_order == [Interval(0, 1, 1), Interval(60, 3, 35)]
    assert [slow.bytes for slow in found.slowest] == [20, 10, 1]
    assert found.ways == {"cloudfront": (3, 31), "direct": (1, 5)}
    assert found.seconds == 180
    assert (found.classes, found.kms) == ({"GLACIER_IR": (3, 50)}, 3)
    assert found.others == {(60.0, "failed"): (2, 14)}
    assert found.sizes == {0: (2, 0), 10: (2, 2046)}
    assert found.told() == {"copied": 4, "failed": 2}
    new = ("classes", "kms", "others", "sizes")
    before = Progress.of(
        json.loads(json.dumps({name: value for name, value in other.table().items() if name not in new}))
    )
    assert (before.classes, before.others, before.sizes) == ({}, {}, {}), "told by a version that did not count them"


def test_what_is_kept_of_a_long_run_has_an_end() -> None:
    progress = Progress()
    for minute in range(MOST_INTERVALS + 5):
        progress.at_work(minute * 60.0, 60)
        progress.took(float(minute), 1, "key")
        progress.ended(minute * 60.0, "failed", 1, 1)
    assert len(progress.others) == MOST_INTERVALS
    assert len(progress.intervals) == MOST_INTERVALS
    assert [slow.seconds for slow in progress.slowest] == [MOST_INTERVALS + 4.0 - n for n in range(MOST_SLOW)]
    assert progress.seconds == (MOST_INTERVALS + 5) * 60


def test_the_bill_adds_up_and_says_what_direct_egress_costs() -> None:
    ways = {"cloudfront": (50, 500_000_000), "direct": (50, 500_000_000)}
    report = replace(GOOD, outcomes=[("copied", 1000, 10**12)], progress=Progress(ways=ways, seconds=3600))
    prices = report.prices.without_allowances()
    items = list(bill(report.use(), prices))
    dollars = {(item.service, item.what): item.dollars for item in items}
    assert dollars["CloudFront", "egress"] == pytest.approx(500e9 / GB * 0.085)
    assert dollars["S3", "egress"] == pytest.approx(500e9 / GB * 0.09)
    assert dollars["S3", "GET requests"] == pytest.approx(0.0004)
    assert dollars["Cloud Run", "vCPU"] + dollars["Cloud Run", "memory"] == pytest.approx(3600 * 0.00002525)
    assert dollars["Cloud Run", "requests"] == pytest.approx(4 * 0.0000004)
    assert total(bill(replace(report.use(), ways={"direct": report.copied}), prices)) > total(items)
    shown = page(report)
    unavoidable, added = split(items)
    assert added == pytest.approx(0.09 + 8 * 0.0000009 + 4 * 0.0000004 + 2 * 4 * 35_000 / 2**40 * 40, rel=0.02)
    for sum_ in (unavoidable + added, unavoidable, added):
        assert f">{in_dollars(sum_)}</td>" in shown
    # 1 TB of egress is all free, 100 GB of the other way, and everything of Google's
    free = 500e9 / GB * 0.085 + 100 * 0.09 + added + 500 * 0.000001 + 1000 * 0.000005
    assert f"at most ${in_dollars(free)}, is not taken off" in shown
    assert f"List prices of {prices.published}" in shown
    assert "stand in" not in shown
    elsewhere = replace(report, prices=published().at("ap-south-1"))
    assert "does not name the bucket's region: the prices of us stand in" in unescape(page(elsewhere))
    nothing = bill(GOOD.use(), GOOD.prices)
    assert {item.service for item in nothing} == {"S3", "Cloud Storage"}


def test_the_bill_knows_what_was_read_from_which_class() -> None:
    """A tenth was told of: half of it Standard-IA under KMS, which goes to Nearline."""
    progress = Progress(ways={"cloudfront": (100, 100 * GB)}, classes={"STANDARD_IA": (50, 50 * GB)}, kms=50)
    report = replace(
        GOOD, outcomes=[("copied", 1000, 1000 * GB)], progress=progress, storage_classes={"STANDARD_IA": "NEARLINE"}
    )
    items = list(bill(report.use(), report.prices.without_allowances()))
    dollars = {(item.service, item.what): item.dollars for item in items if not item.added}
    assert dollars["S3", "retrieval, Standard-IA"] == pytest.approx(500 * 0.01)
    assert dollars["S3", "GET requests, Standard-IA"] == pytest.approx(500 * 0.000001)
    assert dollars["S3", "GET requests"] == pytest.approx(500 * 0.0000004)
    assert dollars["KMS", "requests"] == pytest.approx(500 * 0.000003)
    assert dollars["Cloud Storage", "class A operations"] == pytest.approx(500 * 0.000005)
    assert dollars["Cloud Storage", "class A operations, Nearline"] == pytest.approx(500 * 0.00001)


def test_archived_objects_are_shown_with_what_a_restore_costs() -> None:
    sums = Rollup()
    sums.add_archived("DEEP_ARCHIVE", 2000, 1000 * GB)
    sums.add_archived("DEEP_ARCHIVE, being restored", 1, 7)
    costs = dict(restore_prices(GOOD.prices, "DEEP_ARCHIVE", 2000, 1000 * GB, 7))
    kept = 1000 * 0.023 * 7 / 30
    assert costs == pytest.approx({Tier.BULK: 2.5 + 0.05 + kept, Tier.STANDARD: 20 + 0.2 + kept})
    assert dict(restore_prices(GOOD.prices, "GLACIER", 0, 0, 7)) == dict.fromkeys(Tier, 0)
    silent = dict(restore_prices(GOOD.prices, "INTELLIGENT_TIERING", 1000, 100 * GB, 7))
    assert silent == pytest.approx({Tier.BULK: 0, Tier.STANDARD: 0, Tier.EXPEDITED: 3 + 10})
    assert not dict(restore_prices(GOOD.prices, "STANDARD", 1, 1, 7))
    shown = page(replace(GOOD, sums=sums))
    assert "being restored" in shown
    assert "7.92" in shown


def test_failed_keys_are_told_apart_by_whether_the_next_run_tries_them_again() -> None:
    failed = [("gone/key", 1, "gone: no such key"), ("slow/key", 1, "transient: HTTP 500")]
    shown = page(replace(GOOD, failed=failed))
    stay, _, again = shown.partition("Failed keys that the next run tries again")
    assert "Failed keys that stay so" in stay
    assert "gone/key" in stay
    assert "gone/key" not in again
    assert "slow/key" in again
    assert "slow/key" not in stay


def test_every_kind_and_state_of_a_run_has_its_words() -> None:
    assert KINDS.keys() == set(RunKind)
    assert STATES.keys() == set(RunState)
