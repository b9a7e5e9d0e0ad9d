"""Two runs beside each other: counts, and every key of two manifests."""

import gzip
import json
import random
import re
from pathlib import Path

import pytest

from shared.domain.errors import Forbidden, KmsDenied
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage, VerifyMessage
from tests.operator import Operator
from tests.world import World, filled

REPORTS = {"report_bucket": "reports"}


def compared(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Operator, str]:
    operator = Operator(world, monkeypatch, **REPORTS)
    operator.run()
    return operator, operator.run(VerifyMessage())


def closed(operator: Operator) -> None:
    operator.run(VerifyMessage(close=True))


def test_the_same_is_said_only_of_what_was_read_to_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(10)
    operator, first = compared(world, monkeypatch)
    second = operator.run(VerifyMessage())
    closed(operator)
    found = operator.asks("compare", first, second)
    assert (found["same"], found["differs"], found["counts"], found["not_covered"]) == (True, False, {}, [])
    assert found["keys"] == {
        "read": [10, 10],
        "changed": 0,
        "other_version": 0,
        "agreeing": 10,
        "by_verdict": [],
        "first": [],
    }
    shown = operator.types("compare", first, second).stdout
    assert shown.startswith(f"the same: {first} and {second} say the same of 10 keys")
    assert "rows read: 10 of A, 10 of B, each to its end" in shown


def test_every_figure_has_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(3), monkeypatch, **REPORTS)
    first, second = operator.run(), operator.run(ListMessage(prefix=b"k/", force=True))
    closed(operator)
    name = f"job/{first}/report.json"
    body, kind = operator.world.reports.files[name]
    figures = json.loads(body)
    figures |= {"seconds": 8.0, "copying": {**figures["copying"], "objects": 10_500, "bytes": 4096, "seconds": 8.0}}
    operator.world.reports.files[name] = (json.dumps(figures).encode(), kind)
    shown = [re.split("  +", line.strip()) for line in operator.types("compare", first, second).stdout.splitlines()]
    counts = shown.index(["what", "which", "keys A", "keys B", "bytes A", "bytes B"])
    assert shown[counts + 1] == ["listed", "3", "3", "3 B", "3 B"]
    measures = shown.index(["what", "A", "B"])
    assert [row[:2] for row in shown[measures + 1 :]] == [
        ["took", "8.0 s"],
        ["while copying", "1,312 objects/s"],
        ["while copying", "512 B/s"],
        ["cost", "less than $0.01"],
    ]


@pytest.mark.parametrize("page_size", [3, 1000])
def test_each_key_with_another_verdict_is_named(
    page_size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = filled(40)
    world.bucket.page_size = page_size
    operator, first = compared(world, monkeypatch)
    del world.destination.objects[b"k/003"]
    world.bucket.put("k/005", b"another")
    del world.bucket.objects[b"k/007"]
    world.bucket.put("l/new", b"new")
    second = operator.run(VerifyMessage(repair=False))
    closed(operator)
    found = operator.asks("compare", first, second, "-o", str(tmp_path / "changed.jsonl.gz"), status=3)
    assert (found["same"], found["differs"], found["not_covered"]) == (False, True, [])
    said = {(change["key"], change["from"], change["to"]) for change in found["keys"]["first"]}
    assert said == {
        ("k/003", "same", "missing"),
        ("k/005", "same", "size_differs"),
        ("k/007", "same", None),
        ("k/007", None, "extra"),
        ("l/new", None, "missing"),
    }
    assert found["keys"]["read"] == [40, 41]
    assert found["counts"]["verdicts"]["same"]["keys"] == [40, 37]
    assert found["counts"]["listed"]["keys"] == [40, 40]
    with gzip.open(tmp_path / "changed.jsonl.gz", "rt") as lines:
        assert [json.loads(line) for line in lines] == found["keys"]["first"]
    assert list(tmp_path.iterdir()) == [tmp_path / "changed.jsonl.gz"]
    written = operator.types("compare", first, second, "--output", "-", status=3).stdout.splitlines()
    assert [json.loads(line) for line in written] == found["keys"]["first"]
    shown = operator.types("compare", first, second, status=3).stdout
    assert "same to missing  k/003" in shown
    assert "choose one" in operator.types("compare", first, second, "-o", "-", "--json", status=2).stderr


def test_a_new_version_that_is_the_same_again_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(4)
    operator, first = compared(world, monkeypatch)
    world.bucket.put("k/002", b"yy")
    operator.run()
    second = operator.run(VerifyMessage())
    closed(operator)
    found = operator.asks("compare", first, second, status=3)
    assert (found["counts"], found["keys"]["changed"], found["keys"]["other_version"]) == ({}, 0, 1)
    (change,) = found["keys"]["first"]
    assert (change["key"], change["from"], change["to"]) == ("k/002", "same", "same")
    assert change["etag_from"] != change["etag_to"]
    assert "  same, of another version  k/002" in operator.types("compare", first, second, status=3).stdout


def test_a_hundred_are_shown_and_all_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = filled(150)
    operator, first = compared(world, monkeypatch)
    world.destination.objects.clear()
    second = operator.run(VerifyMessage(repair=False))
    closed(operator)
    found = operator.asks("compare", first, second, "-o", str(tmp_path / "all.jsonl"), status=3)
    assert (found["keys"]["changed"], len(found["keys"]["first"])) == (150, 100)
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 150
    assert found["keys"]["by_verdict"] == [{"from": "same", "to": "missing", "keys": 150}]
    assert "… and 50 more; --output FILE has all" in operator.types("compare", first, second, status=3).stdout


def test_one_file_of_a_manifest_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(30)
    world.bucket.page_size = 5
    monkeypatch.setattr("shared.reporting.manifest.PART_BYTES", 1)
    operator, first = compared(world, monkeypatch)
    second = operator.run(VerifyMessage())
    closed(operator)
    files = [name for name in world.reports.files if name.endswith(".ndjson.gz")]
    assert len(files) == 12
    operator.reports.read.clear()
    assert operator.asks("compare", first, second)["same"] is True
    read = [name.split("/")[1] for name in operator.reports.read if name.endswith(".ndjson.gz")]
    assert read == [first, second] * 6


def test_for_copies_of_no_object_only_the_files_are_read_again_that_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(30)
    world.bucket.page_size = 5
    monkeypatch.setattr("shared.reporting.manifest.PART_BYTES", 1)
    operator, first = compared(world, monkeypatch)
    del world.bucket.objects[b"k/012"]
    second = operator.run(VerifyMessage())
    closed(operator)
    operator.reports.read.clear()
    found = operator.asks("compare", first, second, status=3)
    assert found["keys"]["by_verdict"] == [
        {"from": "same", "to": None, "keys": 1},
        {"from": None, "to": "extra", "keys": 1},
    ]
    read = [name for name in operator.reports.read if name.endswith(".ndjson.gz")]
    assert len(read) == 6 + 6 + 1
    assert read[-1].split("/")[1] == second
    assert found["keys"]["read"] == [30, 30]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_changes_each_change_is_found(seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Held against what both manifests say, read by nobody's rules."""
    chance = random.Random(seed)
    world = filled(0, range_keys=20)
    world.bucket.page_size = chance.choice((2, 7, 50))
    monkeypatch.setattr("shared.reporting.manifest.PART_BYTES", chance.choice((1, 2000)))
    names = sorted({f"{chance.choice('ab/é')}{chance.choice('ab/é')}{chance.randrange(99)}" for _ in range(120)})
    for name in names:
        world.bucket.put(name, name.encode())
    operator, first = compared(world, monkeypatch)
    for name in names:
        key = name.encode()
        match chance.randrange(8):
            case 0:
                world.destination.objects.pop(key, None)
            case 1:
                del world.bucket.objects[key]
            case 2:
                world.bucket.put(name, b"another")
            case 3:
                world.bucket.put(f"{name}+", b"new")
    second = operator.run(VerifyMessage(repair=False))
    closed(operator)
    before, after = said(world, first), said(world, second)
    expected = {(at[0], before.get(at), after.get(at)) for at in before.keys() | after.keys()}
    operator.types("compare", first, second, "-o", str(tmp_path / "all.jsonl"), status=3)
    found = [json.loads(line) for line in (tmp_path / "all.jsonl").open()]
    other = [item for item in found if item["from"] == item["to"]]
    assert all(item["etag_from"] != item["etag_to"] for item in other)
    found = [item for item in found if item["from"] != item["to"]]
    assert {(item["key"], item["from"], item["to"]) for item in found} == {e for e in expected if e[1] != e[2]}
    assert len(found) > 10


def said(world: World, run: str) -> dict[tuple[str, bool], str]:
    """Verdicts by key, or by name where there is no key."""
    found = {}
    for name, (body, _) in world.reports.files.items():
        if f"/{run}/" in name and name.endswith(".ndjson.gz"):
            for line in gzip.decompress(body).splitlines():
                row = json.loads(line)
                found[row.get("key", row.get("name")), row.get("key") is None] = row["verdict"]
    return found


def damaged(world: World, run: str, how: str) -> str:
    """Do something to a run's manifest; what is said of it."""
    (name,) = [name for name in world.reports.files if f"/{run}/" in name and name.endswith(".ndjson.gz")]
    body, kind = world.reports.files[name]
    index = f"job/{run}/manifest.json"
    told = json.loads(world.reports.files[index][0])
    match how:
        case "gone":
            del world.reports.files[name]
            return "is gone"
        case "changed":
            world.reports.files[name] = gzip.compress(gzip.decompress(body)[: len(body) // 2]), kind
            return "is not the file that the index means"
        case "fewer rows":
            told["files"][0]["rows"] += 1
            world.reports.files[index] = json.dumps(told).encode(), kind
            return "its index says 11"
        case "twice":
            told["files"] *= 2
            world.reports.files[index] = json.dumps(told).encode(), kind
            return "comes behind a key that is not less"
        case "no index":
            del world.reports.files[index]
            return f"there is no manifest of {run}"
    world.reports.files[index] = b"[", kind
    return "cannot be read"


@pytest.mark.parametrize("how", ["gone", "changed", "fewer rows", "twice", "no index", "no JSON"])
def test_a_manifest_that_is_not_whole_is_never_the_same(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(10)
    operator, first = compared(world, monkeypatch)
    second = operator.run(VerifyMessage())
    closed(operator)
    said = damaged(world, second, how)
    found = operator.asks("compare", first, second, status=3)
    assert (found["same"], found["keys"], found["counts"]) == (False, None, {})
    assert len(found["not_covered"]) == 1
    assert said in found["not_covered"][0]
    shown = operator.types("compare", first, second, status=3).stdout
    assert "which keys differ is not known" in shown
    assert "the same" not in shown


def test_what_is_not_of_both_is_not_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(5)
    world.bucket.put("l/1", b"1")
    operator, whole = compared(world, monkeypatch)
    part = operator.run(VerifyMessage(prefix=b"k/"))
    apart = operator.run(VerifyMessage(prefix=b"l/"))
    cut = operator.run(VerifyMessage().model_copy(update={"cursor": b"k/002"}))
    closed(operator)
    found = operator.asks("compare", whole, part, status=3)
    assert found["keys"]["agreeing"] == 5
    assert found["not_covered"] == [
        "their prefixes differ: '' and 'k/'",
        "1 key outside 'k/', of one of the runs only",
    ]
    found = operator.asks("compare", part, apart, status=3)
    assert found["not_covered"][1:] == ["no key was read: no key is of both prefixes"]
    found = operator.asks("compare", cut, whole, status=3)
    assert found["not_covered"] == [f"{cut} was asked for a part of its prefix only"]


def test_filters_that_were_changed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(5)
    operator, first = compared(world, monkeypatch)
    closed(operator)
    later = filled(0, filters=Filters(exclude=("k/001",)), stores=world.stores, bucket=world.bucket)
    later.destination.objects.update(world.destination.objects)
    later.reports.files = world.reports.files
    later._numbers = iter(range(100, 200))
    operator = Operator(later, monkeypatch, **REPORTS)
    second = operator.run(VerifyMessage())
    closed(operator)
    found = operator.asks("compare", first, second, status=3)
    assert "the filters were changed: none and {'exclude': ['k/001']}" in found["not_covered"]
    assert {"key": "k/001", "from": "same", "to": "filtered"}.items() <= found["keys"]["first"][0].items()


def test_two_listings_are_compared_by_their_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(6)
    operator = Operator(world, monkeypatch, **REPORTS)
    first = operator.run()
    again, third = operator.run(ListMessage()), operator.run(ListMessage(keys=(b"k/000", b"never")))
    verified = operator.run(VerifyMessage())
    closed(operator)
    found = operator.asks("compare", first, again, status=3)
    assert found["counts"]["outcomes"]["copied"]["keys"] == [6, 0]
    assert found["counts"]["outcomes"]["unchanged"]["keys"] == [0, 6]
    assert (found["same"], found["keys"], found["not_covered"]) == (False, None, [])
    assert "listings leave no manifest" in found["notes"][-1]
    found = operator.asks("compare", again, third, status=3)
    assert found["counts"]["outcomes"]["failed"]["keys"] == [0, 1]
    assert f"{third}: of 1 failed key no cause is on record" in found["notes"]
    equal = operator.run(ListMessage())
    closed(operator)
    found = operator.asks("compare", again, equal)
    assert (found["same"], found["differs"]) == (False, False)
    shown = operator.types("compare", again, equal).stdout
    assert shown.startswith(f"{again} and {equal}: their counts are equal; which keys differ is not known")
    for pair in ((first, verified), (verified, first)):
        refused = operator.types("compare", *pair, status=2).stderr
        assert f"{verified} is a comparison, {first} is none" in refused, "whichever is named first"
    assert "there is no run 'never'" in operator.types("compare", first, "never", status=1).stderr
    assert "--output is for two of these" in operator.types("compare", first, again, "-o", "x", status=2).stderr


def test_failures_are_compared_by_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(6)
    world.cdn.faults[b"k/001"] = [Forbidden("denied")] * 9
    operator = Operator(world, monkeypatch, **REPORTS)
    first = operator.run()
    world.cdn.faults[b"k/001"] = [KmsDenied("no grant")] * 9
    second = operator.run(ListMessage(prefix=b"k/"))
    closed(operator)
    found = operator.asks("compare", first, second, status=3)
    assert found["counts"]["causes"] == {"forbidden": [1, 0], "kms_denied": [0, 1]}
    assert "their prefixes differ: '' and 'k/'" in found["not_covered"]


def test_without_a_bucket_for_reports_no_key_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(6)
    operator = Operator(world, monkeypatch)
    operator.run()
    first, second = operator.run(VerifyMessage()), operator.run(VerifyMessage())
    found = operator.asks("compare", first, second, status=3)
    assert found["not_covered"] == [
        f"{second} is running: its counts are of {'1970-01-12T13:46:40Z'}",
        "no key was read: the job writes no manifests (REPORT_BUCKET)",
    ]
    assert found["a"]["sentence"].startswith("All 6 keys are the same")
