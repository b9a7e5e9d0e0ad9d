"""What a first copy would be: what is counted, what it would cost by each way, how long it would take."""

from dataclasses import replace

import pytest

from shared.domain.archive import Restore
from shared.domain.filters import Filters
from shared.domain.instance import Places
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.domain.parts import MIB, MOST_OBJECT_BYTES
from shared.domain.routes import CLOUDFRONT, DIRECT
from shared.pricing.catalog import published
from shared.pricing.egress import ALL_BY_CDN, ALL_DIRECT
from shared.pricing.estimate import Use, bill, overhead
from shared.pricing.forecast import CHEAPEST, FLAT_RATE, Wanted, by_service, cost, routes
from shared.pricing.speed import INSTANCE_BYTES_A_SECOND, objects_a_second
from tests.operator import Operator
from tests.world import World, filled

TB = 2**40
PRICES = published().at("us-east-1")
PLANS = published().plans


def wanted(objects: int, size: int, **more: object) -> Wanted:
    fields = {"classes": {}, "keys_per_message": 100, "seconds": 3000.0, "gib": 1.0, "written": {"STANDARD": objects}}
    return Wanted(listed=objects, sizes={size / objects: (objects, size)}, **{**fields, **more})  # type: ignore[arg-type]


def mixed(monkeypatch: pytest.MonkeyPatch, **settings: object) -> Operator:
    world = World(filters=Filters(exclude=("x/*",)))
    bucket = world.bucket
    for number in range(10):
        bucket.put(f"a/{number}", b"x" * 10 ** (number % 3))
    bucket.put("a/\n", b"refused")
    bucket.put("x/left out", b"left out")
    bucket.put("c/frozen", b"cold", storage_class="GLACIER")
    bucket.put("c/thawed", b"warm", storage_class="GLACIER")
    bucket.objects[b"c/thawed"].restore = Restore.DONE
    bucket.put("c/rare", b"rare", storage_class="STANDARD_IA")
    return Operator(world, monkeypatch, exclude="x/*", **settings)


def test_every_key_is_counted_as_the_run_will_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = mixed(monkeypatch)
    found = operator.asks("plan")
    assert (found["complete"], found["listed"]["keys"]) == (True, 15)
    assert found["filtered"] == {"exclude": {"keys": 1, "bytes": 8}}
    assert found["archived"]["GLACIER"]["keys"] == 1
    assert set(found["archived"]["GLACIER"]["restore_dollars"]) == {"Bulk", "Standard", "Expedited"}
    (unsupported,) = found["unsupported"].values()
    assert (unsupported["keys"], unsupported["examples"]) == (1, ["a/\n"])
    assert {name: amount["keys"] for name, amount in found["storage_classes"].items()} == {
        "STANDARD": 10,
        "GLACIER": 1,
        "STANDARD_IA": 1,
    }
    operator.run()
    (run,) = operator.asks("runs")
    assert run["outcomes"]["copied"] == found["to_copy"]
    assert run["outcomes"]["filtered"] == found["filtered"]["exclude"]
    assert run["listed"] == found["listed"]


def test_sizes_are_told_in_the_units_of_reports_and_small_amounts_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(0)
    for number, size in enumerate((0, 15, 16, 5000, 70_000)):
        world.bucket.put(f"k/{number}", b"x" * size)
    operator = Operator(world, monkeypatch)
    assert [(item["below"], item["keys"]) for item in operator.asks("plan")["sizes"]] == [
        (1, 1),
        (16, 1),
        (256, 1),
        (65_536, 1),
        (1_048_576, 1),
    ]
    shown = operator.types("plan").stdout
    assert "below 64.0 KiB" in shown
    assert "empty" in shown
    assert "below 1 B" not in shown
    assert "forecast of a first copy of 5 objects" in shown
    assert "what the job has copied already is not left out" in shown
    assert "< 0.01" in shown
    heads = [line.split() for line in shown.splitlines()]
    assert ["size", "objects", "bytes"] in heads
    assert ["US$", "for", "cloudfront", "direct", "cheapest", "flat-rate"] in heads


def test_to_ask_changes_nothing_and_one_prefix_is_one_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = mixed(monkeypatch)
    assert operator.asks("plan", "c/")["listed"]["keys"] == 3
    assert not operator.world.destination.objects
    assert not operator.world.stores.runs.documents
    assert not operator.sender.sent
    assert operator.asks("plan", "never/")["to_copy"] == {"keys": 0, "bytes": 0}


def test_what_was_not_listed_is_said_and_scaled_only_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = mixed(monkeypatch)
    found = operator.asks("plan", "--most", "10")
    assert (found["complete"], found["listed"]["keys"], found["forecast_for"]["times"]) == (False, 10, 1.0)
    assert "NOT ALL: only the first 10 keys listed" in operator.types("plan", "--most", "10").stdout
    scaled = operator.asks("plan", "--most", "10", "--objects", "10000")
    assert scaled["forecast_for"]["keys"] == 1000 * found["to_copy"]["keys"]
    shown = operator.types("plan", "--most", "10", "--objects", "10000").stdout
    assert "as if all were like those that were listed" in shown
    assert "\x1b" not in shown
    assert "all 15 objects were listed" in operator.types("plan", "--objects", "99", status=2).stderr
    assert operator.asks("plan", "--most", "15")["complete"] is True


def test_the_parts_of_large_objects_are_requests_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(World(), monkeypatch, large_bytes=16 * MIB, part_bytes=5 * MIB)
    large = [SourceObject(b"a", "e", 16 * MIB, 1), SourceObject(b"b", "e", 16 * MIB + 1, 1)]
    huge = SourceObject(b"c", "e", MOST_OBJECT_BYTES + 1, 1)

    class Bucket:
        async def pages(self, prefix: bytes, after: bytes):  # type: ignore[no-untyped-def]
            yield Page.of([*large, huge])

    operator.world.bucket = Bucket()  # type: ignore[assignment]
    found = operator.asks("plan")
    assert found["to_copy"]["keys"] == 2
    assert [amount["keys"] for amount in found["unsupported"].values()] == [1]
    assert list(found["unsupported"]) == ["larger than the 5 TiB that Cloud Storage holds"]
    assert found["forecast_for"]["further_parts"] == 3, "one of them is in four parts"
    of_parts = wanted(2, 32 * MIB + 1, further_parts=3 + 3)
    assert of_parts.use(ALL_BY_CDN).own["cdn.request"] == of_parts.use(ALL_BY_CDN).own["gcs.class_a"] == 6
    assert "cdn.request" not in of_parts.use(ALL_DIRECT).own
    assert "s3.get" not in wanted(2, 32 * MIB + 1).use(ALL_BY_CDN).own


@pytest.mark.parametrize("way", [CLOUDFRONT, DIRECT])
def test_a_way_s_bill_is_the_one_that_a_run_by_it_would_have(way: str) -> None:
    given = wanted(10**6, TB)
    own = overhead(10**6, 100, 3000.0, 1.0)
    use = Use(10**6, {way: (10**6, TB)}, {}, 0, {"STANDARD": 10**6}, own)
    assert cost(routes(given, PRICES, ())[way]) == pytest.approx(cost(bill(use, PRICES)))


def test_a_terabyte_by_hand() -> None:
    found = {name: by_service(items) for name, items in routes(wanted(10**6, TB), PRICES, ()).items()}
    assert found[CLOUDFRONT]["CloudFront"] == 0, "1,024 GB and 10 M requests are free"
    assert found[DIRECT]["S3"] == pytest.approx((1024 - 100) * 0.09 + 0.405)
    assert found[CLOUDFRONT]["Cloud Storage"] == pytest.approx(995_000 / 1000 * 0.005)


@pytest.mark.parametrize(("objects", "size"), [(10**9, 10 * TB), (10**6, 500 * TB), (3 * 10**9, 1000 * TB)])
def test_the_cheapest_way_is_never_dearer_than_either(objects: int, size: int) -> None:
    given = wanted(objects, size)
    both = replace(given, sizes={**given.sizes, 100.0: (objects, 100 * objects), 1e9: (1000, 10**12)})
    found = {name: cost(items) for name, items in routes(both, PRICES, ()).items()}
    assert found[CHEAPEST] <= min(found[CLOUDFRONT], found[DIRECT]) + 0.01


def test_of_flat_rate_plans_the_cheapest_that_is_meant_for_as_much() -> None:
    def plan(objects: int, size: int) -> float | None:
        found = routes(wanted(objects, size), PRICES, PLANS.values())
        return by_service(found[FLAT_RATE])["CloudFront"] if FLAT_RATE in found else None

    assert plan(10**6, 40 * TB) == 15
    assert plan(10**8, 40 * TB) == 200
    assert plan(10**6, 60 * TB) == 1450
    assert plan(10**6, 5000 * TB) is None


def test_an_instance_is_held_back_by_its_cpu_its_places_or_its_network() -> None:
    assert objects_a_second(1e9, Places(64)) == pytest.approx(INSTANCE_BYTES_A_SECOND / 1e9, rel=0.01)
    assert objects_a_second(1000, Places(64)) == pytest.approx(64 / 0.2, rel=0.01)
    assert objects_a_second(1000, Places(1024, 2**30)) == pytest.approx(1 / (0.21e-3 + 1.5e-6), rel=0.01)
    assert objects_a_second(0, Places(64)) == pytest.approx(64 / 0.2)


def test_large_objects_have_fewer_places_because_memory_has_an_end() -> None:
    assert Places(256, 120 * MIB).of(10_000) == 256
    assert Places(256, 120 * MIB).of(MIB) == pytest.approx(120 * MIB / (MIB + 2**17))
    assert Places(256, 120 * MIB).of(10**12) == Places(256, 120 * MIB).of(16 * MIB) == pytest.approx(7.44, rel=0.01)
    assert Places(256, MIB).of(10**9) == 1, "one always goes"


def test_more_instances_take_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(9), monkeypatch)
    found = operator.asks("plan", "--most", "5", "--objects", "3000000000")
    assert found["hours"]["100"] == pytest.approx(found["instance_seconds"] / 100 / 3600, rel=0.01)
    assert found["hours"]["1000"] == pytest.approx(found["hours"]["100"] / 10, rel=0.01)
