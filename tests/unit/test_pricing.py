"""The price list, its arithmetic, and the cheaper way out of S3."""

import json
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.routes import DIRECT
from shared.pricing.catalog import BadPrices, Prices, published, read
from shared.pricing.egress import ALL_BY_CDN, ALL_DIRECT, Threshold, by_cdn, cheapest, direct, marginal
from shared.pricing.estimate import Use, bill, total
from shared.pricing.meter import Meter
from shared.pricing.money import in_dollars

GB = 2**30
TB = 2**40
US = published().at("us-east-1")


@pytest.mark.parametrize(
    ("before", "amount", "dollars"),
    [
        (0, 0, 0),
        (0, 2, 0),  # free
        (0, 3, 10),
        (1, 2, 10),
        (2, 8, 80),  # to the end of the first step
        (2, 10, 80 + 2 * 5),
        (9, 2, 10 + 5),  # across a step
        (100, 10, 50),
    ],
)
def test_a_meter_s_steps(before: float, amount: float, dollars: float) -> None:
    meter = Meter(service="s", what="w", unit="u", per=1000, free=2, price=((10, 10), (None, 5)), source="x")
    assert meter.cost(amount * 1000, before * 1000) == pytest.approx(dollars)


@pytest.mark.parametrize(("before", "dollars"), [(0, 0), (1.9, 0), (2, 10), (9.9, 10), (10, 5), (10**9, 5)])
def test_what_one_more_costs(before: float, dollars: float) -> None:
    meter = Meter(service="s", what="w", unit="u", per=1000, free=2, price=((10, 10), (None, 5)), source="x")
    assert meter.marginal(before * 1000) == pytest.approx(dollars / 1000)


@given(st.floats(0, 1e16), st.floats(0, 1e16), st.floats(0, 1e16))
def test_the_parts_of_a_month_cost_what_the_month_does(a: float, b: float, c: float) -> None:
    meter = US.meters["cdn.egress_bytes"]
    apart = meter.cost(a) + meter.cost(b, a) + meter.cost(c, a + b)
    assert apart == pytest.approx(meter.cost(a + b + c), rel=1e-9, abs=1e-6)


sizes = st.dictionaries(
    st.one_of(st.integers(0, 600_000), st.integers(0, 10**9), st.sampled_from([0, 1, 4096, 150_000, 214_748, 2**20])),
    st.one_of(st.integers(0, 10**5), st.integers(0, 10**11)),
    max_size=8,
)
used = st.fixed_dictionaries(
    {},
    optional={
        "cdn.egress_bytes": st.integers(0, 10**16),
        "cdn.request": st.integers(0, 10**11),
        "s3.egress_bytes": st.integers(0, 10**16),
    },
)


def dollars_of(prices: Prices, mix: dict[int, int], way: Threshold) -> float:
    """What a month of these objects costs to bring out, each by the way that the threshold says."""
    through = {size: count for size, count in mix.items() if way.by_cdn(size)}
    straight = sum(size * count for size, count in mix.items() if not way.by_cdn(size))
    by_way = by_cdn(prices, sum(size * count for size, count in through.items()), sum(through.values()))
    return by_way + direct(prices, straight)


@settings(max_examples=1000, deadline=None)
@given(mix=sizes, month=used, region=st.sampled_from(["us-east-1", "eu-west-1"]), plan=st.sampled_from([None, "pro"]))
def test_cheapest_is_never_dearer_than_either_way_alone(
    mix: dict[int, int], month: dict[str, float], region: str, plan: str | None
) -> None:
    prices = read(json.dumps({"job": {"month_to_date": month, "plan": plan}})).at(region)
    found = dollars_of(prices, mix, cheapest(prices, mix))
    if any(mix.values()):
        for alone in (ALL_BY_CDN, ALL_DIRECT):
            assert found <= dollars_of(prices, mix, alone) * (1 + 1e-9) + 1e-6


@settings(max_examples=300, deadline=None)
@given(mix=sizes, month=used, other=st.integers(0, 10**9))
def test_no_other_threshold_is_cheaper(mix: dict[int, int], month: dict[str, float], other: int) -> None:
    prices = replace(US, month=month)
    if any(mix.values()):
        found = dollars_of(prices, mix, cheapest(prices, mix))
        assert found <= dollars_of(prices, mix, Threshold(other)) * (1 + 1e-9) + 1e-6


def test_the_price_of_the_moment_cannot_choose_for_a_month() -> None:
    """A petabyte of 150 KB objects: one by one, each is cheaper straight from S3; all together they are not."""
    mix = {150_000: 10**15 // 150_000}
    moment, month = marginal(US).threshold, cheapest(US, mix)
    assert not moment.by_cdn(150_000)
    assert month.by_cdn(150_000)
    assert dollars_of(US, mix, moment) > 1.15 * dollars_of(US, mix, month)


def test_with_nothing_expected_the_price_of_one_more_decides() -> None:
    """0.000001 dollars a request against 0.005 a GB: 214,749 bytes; at the end of the tiers 0.03 a GB, 35,792 bytes."""
    assert cheapest(US, {}).least_bytes == pytest.approx(1e-6 / 0.005 * GB)
    late = replace(US, month={"cdn.egress_bytes": 6 * 1024 * TB, "s3.egress_bytes": 200 * TB})
    assert cheapest(late, {}).least_bytes == pytest.approx(1e-6 / 0.03 * GB)


@pytest.mark.parametrize(
    ("agreed", "least_bytes"),
    [
        ({"s3.egress_bytes": 0.05, "cdn.egress_bytes": 0.085}, inf),  # a byte is cheaper straight: always straight
        ({"s3.egress_bytes": 0.05, "cdn.egress_bytes": 0.05}, inf),
        ({"cdn.request": 0.0}, 0),
        ({"s3.egress_bytes": 0.05, "cdn.egress_bytes": 0.05, "cdn.request": 0.0}, 0),
    ],
)
def test_prices_of_a_contract_decide(agreed: dict[str, float | None], least_bytes: float) -> None:
    assert cheapest(US.agreed(agreed), {}).least_bytes == least_bytes


def test_under_a_flat_plan_everything_takes_the_cdn() -> None:
    flat = read('{"job": {"plan": "premium"}}').at("us-east-1")
    assert cheapest(flat, {1: 10**9}) == ALL_BY_CDN
    assert cheapest(flat, {}) == ALL_BY_CDN
    items = list(bill(Use(10**9, {"cloudfront": (10**9, TB)}), flat))
    assert [item.dollars for item in items if item.service == "CloudFront"] == [1000]
    assert "1,099,511,627,776 of 54,975,581,388,800 bytes" in items[0].amount


def test_a_bill_knows_what_the_month_has_seen() -> None:
    use = Use(0, {DIRECT: (1, 100 * GB)})
    assert total(bill(use, US)) == pytest.approx(0.0000004), "100 GB are free; the GET is not"
    spent = replace(US, month={"s3.egress_bytes": 100 * GB})
    assert total(bill(use, spent)) == pytest.approx(9.0000004)
    assert total(bill(use, US.without_allowances())) == pytest.approx(9.0000054), "nor is the write"


def test_what_is_asked_twice_of_one_meter_is_free_once() -> None:
    use = Use(0, {DIRECT: (5_000, 0)}, own={"gcs.class_a": 1_000})
    dollars = {(item.service, item.added): item.dollars for item in bill(use, US)}
    assert dollars["Cloud Storage", False] == 0
    assert dollars["Cloud Storage", True] == pytest.approx(0.005)


def test_the_published_list_is_whole() -> None:
    catalog = published()
    for region in ("us-east-1", "eu-west-3", "ca-central-1"):
        prices = catalog.at(region)
        assert prices.listed
        assert not [name for name in prices.meters if "@" in name]
    assert catalog.at("eu-west-1").region == "eu"
    elsewhere = catalog.at("ap-southeast-2")
    assert (elsewhere.region, elsewhere.listed) == ("us", False)
    assert all(source.read or source.note for source in catalog.sources.values()), "unread prices say where from"


def test_where_bucket_and_database_lie() -> None:
    spread = read('{"job": {"location": "dual-region", "firestore": "multi-region"}}').at("us-east-1")
    assert spread.cost("gcs.class_a", 10**6) == pytest.approx(10)
    assert spread.cost("firestore.writes", 10**6) == pytest.approx(1.80)
    assert US.without_allowances().cost("gcs.class_a", 10**6) == pytest.approx(5)
    assert US.cost("firestore.writes", 10**6) == pytest.approx(0.90)
    assert US.name("s3.get", "GLACIER_IR") == "s3.get.GLACIER_IR"
    assert US.name("s3.get", "STANDARD") == "s3.get"


def test_a_job_s_list_is_a_patch() -> None:
    mine = read('{"published": "2027-02-01", "meters": {"cdn.egress_bytes": {"price": 0.01, "free": null}}}')
    assert mine.at("us-east-1").cost("cdn.egress_bytes", 100 * GB) == pytest.approx(1)
    assert mine.at("us-east-1").cost("s3.egress_bytes", 200 * GB) == pytest.approx(9), "the rest is as published"


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"meters": {"s3.egress_bytes": {"price": -1}}}', "meters.s3.egress_bytes.price"),
        ('{"meters": {"s3.egress_bytes": {"price": [[10, 1]]}}}', "only the last goes up to null"),
        ('{"meters": {"s3.egress_bytes": {"price": [[10, 2], [5, 1], [null, 1]]}}}', "rising"),
        ('{"meters": {"s3.egress_bytes": {"price": []}}}', "rising"),
        ('{"meters": {"s3.egress_bytes": {"price": true}}}', "meters.s3.egress_bytes.price"),
        ('{"meters": {"s3.egress_bytes": {"per": 0}}}', "meters.s3.egress_bytes.per"),
        ('{"meters": {"s3.egress_bytes": {"prise": 1}}}', "prise"),
        ('{"meters": {"s3.egress_bytes": null}}', "regions.us: no price for s3.egress_bytes"),
        ('{"meters": {"s3.egress_bytes": {"source": "hearsay"}}}', "source 'hearsay' is unknown"),
        ('{"currency": "EUR"}', "currency"),
        ('{"job": {"plan": "platinum"}}', "'platinum' is none of business, free"),
        ('{"job": {"month_to_date": {"s3.egres": 1}}}', "no meter s3.egres"),
        ('{"job": {"expected_sizes": {"4096": -1}}}', "not negative"),
        ('{"job": {"expected_sizes": {"small": 1}}}', "job.expected_sizes"),
        ('{"regions": {"us": {"aws": []}}}', "regions.us.aws"),
    ],
)
def test_a_bad_list_is_refused_and_says_why(patch: str, words: str) -> None:
    with pytest.raises(BadPrices, match="price list") as refused:
        read(patch)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0"), (1e-18, "0"), (1e-9, "<0.000001"), (0.0013749, "0.00137"), (0.0547, "0.0547"), (0.9999, "1.00"), (12.345, "12.3"),
        (99.96, "100"), (780.4, "780"), (58_123.45, "58,100"), (999_500, "1,000,000"), (-4.321, "-4.32"),
    ],
)  # fmt: skip
def test_no_digit_that_nobody_knows(amount: float, shown: str) -> None:
    assert in_dollars(amount) == shown
