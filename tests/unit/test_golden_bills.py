"""Bills worked out by hand, to the cent.

Tiers, free allowances and prices are those of `shared/pricing/prices.json`; the pages they are from:
https://aws.amazon.com/cloudfront/pricing/ (US and EU: 0.085 to 10 TB, 0.08 to 50, 0.06 to 150, 0.04 to 500, 0.03 to 1 PB,
0.025 to 5 PB, 0.02; 1 TB and 10 M requests free; HTTPS 0.01 US, 0.012 EU for 10,000), https://aws.amazon.com/s3/pricing/
(egress 0.09, 0.085, 0.07, 0.05, 100 GB free; LIST 0.005, GET 0.0004 for 1,000), https://aws.amazon.com/kms/pricing/,
https://cloud.google.com/storage/pricing (class A 0.005 for 1,000, 5,000 free; 0.02 a GiB written to several regions),
https://cloud.google.com/pubsub/pricing (40 a TiB, 10 GiB free), https://cloud.google.com/firestore/pricing,
https://cloud.google.com/run/pricing (0.000024 a vCPU second, 180,000 free; 0.0000025 a GiB second, 360,000 free; 0.40 a
million requests, 2 M free). A TB is 1,024 GB of 2^30 bytes.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from shared.domain.archive import Tier
from shared.domain.routes import DIRECT
from shared.pricing.catalog import read
from shared.pricing.estimate import Use, bill, overhead, split, total
from shared.pricing.restores import restore_prices

TB = 2**40
CENT = 0.005


@dataclass(frozen=True)
class Golden:
    name: str
    region: str
    way: str
    objects: int
    bytes: int
    seconds: float  # of instances with one vCPU and one GiB
    dollars: dict[str, float]
    job: dict[str, object] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    kms: int = 0
    written: str = "STANDARD"


GOLDEN = [
    Golden(
        "1 TB, a million objects, US", "us-east-1", "cloudfront", 1_000_000, TB, 3_000,
        {
            "CloudFront": 0,  # 1,024 GB and 1 M requests are free
            "S3": 0.405,  # 1,000 LIST: 0.005; 1 M GET: 0.40
            "Cloud Storage": 4.975,  # 995,000 / 1,000 * 0.005
            "Pub/Sub": 0,  # 10,000 messages of 14,000 bytes, twice: 0.26 GiB
            "Firestore": 0.018,  # 20,000 / 100,000 * 0.09
            "Cloud Run": 0,
        },
    ),
    Golden(
        "the same straight from S3, what is free being used up", "us-east-1", DIRECT, 1_000_000, TB, 3_000,
        {
            "S3": 92.565,  # 1,024 * 0.09 = 92.16; 0.405
            "Cloud Storage": 5.0,
            "Pub/Sub": 0,
            "Firestore": 0.018,
            "Cloud Run": 0,
        },
        {"month_to_date": {"s3.egress_bytes": 100 * 2**30, "gcs.class_a": 5_000}},
    ),
    Golden(
        "10 TB of 16 KiB, EU, straight", "eu-west-1", DIRECT, 671_088_640, 10 * TB, 200_000,
        {
            "S3": 1184.390901,  # 10,140 * 0.09 = 912.60; 671,089 LIST: 3.355445; GET: 268.435456
            "Cloud Storage": 3355.4182,  # 671,083,640 * 0.000005
            "Pub/Sub": 6.445313,  # 2 * 6,710,887 * 14,000 = 0.170899 TiB, less 10 GiB, at 40
            "Firestore": 12.079597,  # 13,421,774 * 0.0000009
            "Cloud Run": 2.364355,  # 20,000 * 0.000024 = 0.48; 4,710,887 * 0.0000004 = 1.884355
        },
    ),
    Golden(
        "10 TB of 16 KiB, EU, through CloudFront", "eu-west-1", "cloudfront", 671_088_640, 10 * TB, 200_000,
        {
            "CloudFront": 1576.666368,  # 9,216 * 0.085 = 783.36; 661,088,640 * 0.0000012 = 793.306368
            "S3": 271.790901,
            "Cloud Storage": 3355.4182,
            "Pub/Sub": 6.445313,
            "Firestore": 12.079597,
            "Cloud Run": 2.364355,
        },
    ),
    Golden(
        "100 TB of Standard-IA in 100 MiB, US", "us-west-2", "cloudfront", 1_048_576, 100 * TB, 2_000_000,
        {
            "CloudFront": 7132.16,  # 9,216 * 0.085 = 783.36; 40,960 * 0.08 = 3,276.80; 51,200 * 0.06 = 3,072
            "S3": 1025.053821,  # 1,049 LIST: 0.005245; GET at 0.001: 1.048576; 102,400 * 0.01 = 1,024
            "Cloud Storage": 5.21788,  # 1,043,576 * 0.000005
            "Pub/Sub": 0,
            "Firestore": 0.018875,  # 20,972 * 0.0000009
            "Cloud Run": 47.78,  # 1,820,000 * 0.000024 = 43.68; 1,640,000 * 0.0000025 = 4.10
        },
        storage_class="STANDARD_IA",
    ),
    Golden(
        "50 TB that was restored from Glacier, EU", "eu-west-1", "cloudfront", 524_288, 50 * TB, 1_000_000,
        {
            "CloudFront": 4060.16,  # 783.36 + 40,960 * 0.08
            "S3": 0.21234,  # 525 LIST: 0.002625; GET of the readable copy: 0.209715
            "Cloud Storage": 2.59644,  # 519,288 * 0.000005
            "Pub/Sub": 0,
            "Firestore": 0.009437,
            "Cloud Run": 21.28,  # 820,000 * 0.000024 = 19.68; 640,000 * 0.0000025 = 1.60
        },
        storage_class="GLACIER",
    ),
    Golden(
        "100 TB of 1 MiB, EU, into several regions", "eu-central-1", "cloudfront", 104_857_600, 100 * TB, 3_000_000,
        {
            "CloudFront": 7245.98912,  # 7,132.16; 94,857,600 * 0.0000012 = 113.82912
            "S3": 42.46733,  # 104,858 LIST: 0.52429; GET: 41.94304
            "Cloud Storage": 3096.576,  # 104,857,600 * 0.00001 = 1,048.576, nothing free; 102,400 GiB replicated * 0.02
            "Pub/Sub": 0.67749,  # 2 * 1,048,576 * 14,000 = 27.34 GiB, less 10, at 40 / 1,024
            "Firestore": 3.774874,  # 2,097,152 * 0.0000018
            "Cloud Run": 74.28,  # 2,820,000 * 0.000024 = 67.68; 2,640,000 * 0.0000025 = 6.60
        },
        {"location": "dual-region", "firestore": "multi-region"},
    ),
    Golden(
        "10^15 bytes, three billion objects, US", "us-east-1", "cloudfront", 3 * 10**9, 10**15, 24_000_000,
        {
            # 931,322.5746 GB: 783.36 + 3,276.80 + 102,400 * 0.06 + 358,400 * 0.04 + 419,322.5746 * 0.03 = 37,119.837;
            # 2,990 M requests: 2,990
            "CloudFront": 40109.837238,
            "S3": 1215.0,  # 3 M LIST: 15; 3 G GET: 1,200
            "Cloud Storage": 14999.975,
            "Pub/Sub": 30.168397,  # 2 * 30 M * 14,000 = 0.763976 TiB, less 10 GiB, at 40
            "Firestore": 54.0,  # 60 M * 0.0000009
            "Cloud Run": 641.98,  # 23.82 M * 0.000024 = 571.68; 23.64 M * 0.0000025 = 59.10; 28 M requests: 11.20
        },
    ),
    Golden(
        "5 PB of 1 GiB, US", "us-east-2", "cloudfront", 5_242_880, 5 * 1024 * TB, 75_000_000,
        {
            # 783.36 + 3,276.80 + 6,144 + 14,336 + 536,576 * 0.03 = 16,097.28 + 4,194,304 * 0.025 = 104,857.60
            "CloudFront": 145495.04,
            "S3": 2.123367,  # 5,243 LIST: 0.026215; GET: 2.097152
            "Cloud Storage": 26.1894,
            "Pub/Sub": 0,
            "Firestore": 0.094372,
            "Cloud Run": 1982.28,  # 74.82 M * 0.000024 = 1,795.68; 74.64 M * 0.0000025 = 186.60
        },
    ),
    Golden(
        "20 TB of Glacier Instant Retrieval under KMS, into Nearline", "us-east-1", "cloudfront", 2_097_152, 20 * TB, 500_000,
        {
            "CloudFront": 1602.56,  # 783.36 + 10,240 * 0.08
            "S3": 635.38201,  # 2,098 LIST: 0.01049; GET at 0.01: 20.97152; 20,480 * 0.03 = 614.40
            "KMS": 6.231456,  # 2,077,152 * 0.000003
            "Cloud Storage": 20.97152,  # 2,097,152 * 0.00001
            "Pub/Sub": 0,
            "Firestore": 0.03775,
            "Cloud Run": 8.03,  # 320,000 * 0.000024 = 7.68; 140,000 * 0.0000025 = 0.35
        },
        storage_class="GLACIER_IR", kms=2_097_152, written="NEARLINE",
    ),
    Golden(
        "30 TB of Intelligent-Tiering under a flat plan", "us-east-1", "cloudfront", 245_760, 30 * TB, 400_000,
        {
            "CloudFront": 15.0,
            "S3": 583.779534,  # 246 LIST: 0.00123; GET: 0.098304; 30,720 * 0.019 = 583.68 at most, for a month
            "Cloud Storage": 1.2038,
            "Pub/Sub": 0,
            "Firestore": 0.004424,
            "Cloud Run": 5.38,  # 220,000 * 0.000024 = 5.28; 40,000 * 0.0000025 = 0.10
        },
        {"plan": "pro"}, storage_class="INTELLIGENT_TIERING",
    ),
    Golden(
        "100 TB after 450 TB in the same month", "us-east-1", "cloudfront", 819_200, 100 * TB, 2_000_000,
        {
            "CloudFront": 3584.8192,  # 51,200 * 0.04 = 2,048; 51,200 * 0.03 = 1,536; 819,200 * 0.000001
            "S3": 0.33178,
            "Cloud Storage": 4.071,
            "Pub/Sub": 0,
            "Firestore": 0.014746,
            "Cloud Run": 47.78,
        },
        {"month_to_date": {"cdn.egress_bytes": 450 * TB, "cdn.request": 50_000_000}},
    ),
]  # fmt: skip


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_a_bill_is_right_to_the_cent(golden: Golden) -> None:
    prices = read(json.dumps({"job": golden.job})).at(golden.region)
    use = Use(
        listed=golden.objects,
        ways={golden.way: (golden.objects, golden.bytes)},
        classes={golden.storage_class: (golden.objects, golden.bytes)},
        kms=golden.kms,
        written={golden.written: golden.objects},
        own=overhead(golden.objects, 100, golden.seconds, 1.0),
    )
    found: dict[str, float] = defaultdict(float)
    items = list(bill(use, prices))
    for item in items:
        found[item.service] += item.dollars
    assert found.keys() == golden.dollars.keys()
    for service, dollars in golden.dollars.items():
        assert abs(found[service] - dollars) < CENT, (service, found[service], dollars)
    assert abs(total(items) - sum(golden.dollars.values())) < CENT
    assert sum(split(items)) == pytest.approx(total(items))


def test_a_restore_is_right_to_the_cent() -> None:
    """50 TB in 524,288 objects, readable for seven days: the copies are 51,200 * 0.023 * 7 / 30 = 274.773."""
    found = dict(restore_prices(read("{}").at("eu-west-1"), "GLACIER", 524_288, 50 * TB, 7))
    by_hand = {
        Tier.BULK: 274.773333,
        Tier.STANDARD: 812.987733,  # 51,200 * 0.01 = 512; 524,288 / 1,000 * 0.05 = 26.2144
        Tier.EXPEDITED: 7053.653333,  # 51,200 * 0.03 = 1,536; 524,288 / 1,000 * 10 = 5,242.88
    }
    assert found == pytest.approx(by_hand, abs=CENT)


def test_a_petabyte_s_overhead_is_small() -> None:
    """What nobody can avoid, and what this project adds: at most 1.5 % of the whole."""
    golden = next(golden for golden in GOLDEN if golden.bytes == 10**15)
    own = overhead(golden.objects, 100, golden.seconds, 1.0)
    use = Use(golden.objects, {"cloudfront": (golden.objects, golden.bytes)}, own=own)
    given, added = split(bill(use, read("{}").at("us-east-1")))
    assert given == pytest.approx(56324.812, abs=CENT)
    assert added == pytest.approx(726.148, abs=CENT)
    assert added / (given + added) < 0.015
