from pathlib import Path

import pytest

from shared.domain.errors import SettingsError
from shared.settings import TOPICS, Route, Settings, load

GOOD = {
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "SOURCE_BUCKET": "from-here",
    "DESTINATION_BUCKET": "to-there",
    "STAGING_BUCKET": "in-between",
    "CDN_URL": "https://d111111abcdef8.cloudfront.net/",
    "LIST_TOPIC": "list",
    "TRANSFER_TOPIC": "transfer",
    "VERIFY_TOPIC": "verify",
    "DEAD_LETTER_TOPIC": "dead-letters",
}


def test_good_settings() -> None:
    settings = load({**GOOD, "KEYS_PER_MESSAGE": "20", "SOURCE_PREFIX": "", "HOME": "/nowhere"})
    assert settings.keys_per_message == 20
    assert settings.cdn_url == "https://d111111abcdef8.cloudfront.net"
    assert settings.route is Route.CLOUDFRONT


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({})
    for name in GOOD:
        if name != "CDN_URL":
            assert f"{name} is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"CDN_URL": ""}, "CDN_URL is missing: set it, or set ROUTE=direct"),
        ({"CDN_URL": "d111.cloudfront.net"}, "CDN_URL: must begin with https://"),
        ({"ROUTE": "pigeon"}, "ROUTE: "),
        ({"KEYS_PER_MESSAGE": "many"}, "KEYS_PER_MESSAGE: must be a whole number ("),
        ({"KEYS_PER_MESSAGE": "0"}, "KEYS_PER_MESSAGE: "),
        ({"BUDGET_SECONDS": "700"}, "BUDGET_SECONDS: must be "),
        ({"PART_BYTES": str(5 * 2**30 + 1)}, "PART_BYTES: must be "),
        ({"AWS_REGION": "Virginia"}, "AWS_REGION: "),
        ({"AWS_CREDENTIALS_SECRET": "my-secret"}, "AWS_CREDENTIALS_SECRET: "),
        ({"SOURCE_BUCKET": "No Such_Bucket!"}, "SOURCE_BUCKET: "),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: "),
        ({"CDN_AUTH": "cookie"}, "CDN_AUTH: "),
        ({"CDN_AUTH": "signed-url"}, "CDN_AUTH=signed-url needs CDN_KEY_PAIR_ID and CDN_PRIVATE_KEY_SECRET"),
        ({"CDN_AUTH": "signed-url", "CDN_KEY_PAIR_ID": "K1"}, "CDN_AUTH=signed-url needs CDN_PRIVATE_KEY_SECRET"),
        ({"CDN_POLICY_SECONDS": "60"}, "CDN_POLICY_SECONDS: "),
        ({"SOURCE_BUCKET": "fast--use1-az4--x-s3"}, "SOURCE_BUCKET: a directory bucket"),
        ({"EXCLUDE": "a/[z-a]"}, "EXCLUDE.0: 'a/[z-a]' is not a glob"),
        ({"EXCLUDE": "logs/[]"}, "EXCLUDE.0: 'logs/[]' is not a glob"),
        ({"INCLUDE": "[!]"}, "INCLUDE.0: '[!]' is not a glob"),
        ({"MODIFIED_AFTER": "yesterday"}, "MODIFIED_AFTER: "),
        ({"MODIFIED_AFTER": "2026-01-01T00:00:00"}, "MODIFIED_AFTER: must say its time zone"),
        (
            {"MODIFIED_AFTER": "2026-01-02T00:00:00Z", "MODIFIED_BEFORE": "2026-01-01T00:00:00Z"},
            "MODIFIED_AFTER is not",
        ),
        ({"LEAST_BYTES": "5", "MOST_BYTES": "4"}, "LEAST_BYTES is above MOST_BYTES"),
        ({"VERIFY_AFTER": "lunch"}, "VERIFY_AFTER: "),
        ({"REPORT_BUCKET": GOOD["DESTINATION_BUCKET"]}, "REPORT_BUCKET must be a bucket of its own"),
        ({"STAGING_BUCKET": GOOD["DESTINATION_BUCKET"]}, "STAGING_BUCKET must be a bucket of its own"),
        ({"STORAGE_CLASS_MAP": "GLACIER=FROZEN"}, "STORAGE_CLASS_MAP: Cloud Storage has no class FROZEN"),
        ({"STORAGE_CLASS_MAP": "GLACIER"}, "STORAGE_CLASS_MAP: must look like old=new,old=new"),
        (
            {
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
                "AWS_CREDENTIALS_SECRET": "projects/p/secrets/s/versions/1",
            },
            "AWS_ROLE_ARN and AWS_CREDENTIALS_SECRET are both set",
        ),
        ({"PRICES": "/no/such/file.json"}, "PRICES: is neither JSON nor a file that can be read"),
        (
            {"PRICES": '{"job": {"plan": "gold"}}'},
            "PRICES: the price list is not usable: job.plan: 'gold'",
        ),
        ({"PRICE_S3_EGRESS_GB": "-1"}, "PRICE_S3_EGRESS_GB: "),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({**GOOD, **change})
    assert said in str(caught.value)


def test_filters_are_read_from_the_environment() -> None:
    given = {"INCLUDE": "a/**,b%2C/*", "EXCLUDE": "**/tmp", "MODIFIED_AFTER": "2026-01-31T01:00:00+01:00"}
    filters = load({**GOOD, **given, "SOURCE_STORAGE_CLASSES": "STANDARD, STANDARD_IA", "MOST_BYTES": "9"}).filters
    assert (filters.include, filters.exclude) == (("a/**", "b,/*"), ("**/tmp",))
    assert filters.after == "2026-01-31T00:00:00.000Z"
    assert (filters.storage_classes, filters.most_bytes) == (frozenset({"STANDARD", "STANDARD_IA"}), 9)
    assert load(GOOD).filters.idle


def test_storage_classes_are_read_from_the_environment() -> None:
    given = load({**GOOD, "STORAGE_CLASS_MAP": "STANDARD_IA=NEARLINE, GLACIER_IR=COLDLINE"}).storage_class_map
    assert given == (("STANDARD_IA", "NEARLINE"), ("GLACIER_IR", "COLDLINE"))


def test_direct_needs_no_cdn() -> None:
    assert load({**GOOD, "CDN_URL": "", "ROUTE": "direct"}).cdn_url is None


def test_a_secret_value_is_never_part_of_the_settings() -> None:
    settings = load({**GOOD, "AWS_SECRET_ACCESS_KEY": "hush", "AWS_ACCESS_KEY_ID": "hush"})
    assert "hush" not in repr(settings)


def test_keys_stay_as_they_are_unless_a_destination_prefix_is_set() -> None:
    assert load({**GOOD, "SOURCE_PREFIX": "a/"}).mapping.name(b"a/k") == b"a/k"
    assert load({**GOOD, "SOURCE_PREFIX": "a/", "DESTINATION_PREFIX": "b/"}).mapping.name(b"a/k") == b"b/k"
    assert load({**GOOD, "SOURCE_PREFIX": "a/", "DESTINATION_PREFIX": ""}).mapping.name(b"a/k") == b"k"
    assert load({**GOOD, "SOURCE_PREFIX": "a/"}).mapping.name(b"a/k") == b"a/k"


def test_every_setting_says_what_it_means_and_errors_say_so_too() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    with pytest.raises(SettingsError) as caught:
        load({**GOOD, "SOURCE_BUCKET": "", "KEYS_PER_MESSAGE": "0"})
    assert "SOURCE_BUCKET is missing: the S3 bucket" in str(caught.value)
    assert f"({Settings.model_fields['keys_per_message'].description})" in str(caught.value)


def test_every_setting_belongs_to_one_topic() -> None:
    names = [name for topic in TOPICS for name in topic.model_fields]
    assert len(names) == len(set(names))
    assert set(names) == set(Settings.model_fields)


def test_prices_are_the_published_ones_unless_the_job_has_its_own(tmp_path: Path) -> None:
    gb = 2**30
    assert load(GOOD).price_list.cost("s3.egress_bytes", 200 * gb) == pytest.approx(9.0), "100 GB are free"
    assert load({**GOOD, "AWS_REGION": "eu-west-1"}).price_list.region == "eu"
    agreed = load({**GOOD, "PRICE_S3_EGRESS_GB": "0.02", "PRICE_CDN_10K_REQUESTS": "0"}).price_list
    assert agreed.cost("s3.egress_bytes", 200 * gb) == pytest.approx(4.0)
    assert agreed.cost("cdn.request", 10**9) == 0
    own = '{"job": {"plan": "pro", "expected_sizes": {"4096": 1000}}}'
    (tmp_path / "prices.json").write_text(own)
    for given in (own, str(tmp_path / "prices.json")):
        prices = load({**GOOD, "PRICES": given}).price_list
        assert prices.plan is not None
        assert prices.plan.dollars == 15
        assert prices.expected_sizes == {4096: 1000}
