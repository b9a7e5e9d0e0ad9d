"""What each answer of a service means to a job: a row for each thing that `doctor` can find."""

from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cli.checks import destination, queue, settings, source
from cli.checks.finding import Level
from cli.checks.queue import Push
from shared.settings import CdnAuth, Settings
from tests.world import SETTINGS

GIVEN = Settings(**SETTINGS)
WELL = Push("lister", "https://lister", "pusher@example.com", True, 600)


def given(**more: Any) -> Settings:
    return Settings(**{**SETTINGS, "report_bucket": "reports", **more})


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "they go together"),
        ({"report_bucket": None}, "without REPORT_BUCKET"),
        ({"route": "cheapest", "cdn_url": "https://edge"}, "knows nothing of this month"),
        ({"delete_extras": "on", "verify_after": "never"}, "VERIFY_AFTER=never"),
        ({"restore_tier": "Bulk"}, "at any price"),
    ],
)
def test_settings_that_do_not_go_together(more: dict[str, Any], text: str) -> None:
    (found,) = settings.settings(given(**more))
    assert text in found.text
    assert found.level is (Level.WARNING if more else Level.OK)
    assert bool(found.mend) is bool(more)


def test_a_ceiling_makes_restores_bearable() -> None:
    assert settings.settings(given(restore_tier="Bulk", ceiling_bytes=10))[0].level is Level.OK


@pytest.mark.parametrize(
    ("bucket", "level", "text"),
    [
        ({}, Level.OK, "nothing keeps"),
        ({"softDeletePolicy": {"retentionDurationSeconds": "0"}}, Level.OK, "nothing keeps"),
        ({"softDeletePolicy": {"retentionDurationSeconds": "604800"}}, Level.WARNING, "for 7 days"),
        ({"retentionPolicy": {"retentionPeriod": "86400"}}, Level.FAILED, "for a day"),
        ({"defaultEventBasedHold": True}, Level.FAILED, "is held"),
        ({"billing": {"requesterPays": True}}, Level.FAILED, "requester pay"),
        ({"hierarchicalNamespace": {"enabled": True}}, Level.WARNING, "hierarchical"),
    ],
)
def test_what_a_bucket_may_not_have(bucket: dict[str, Any], level: Level, text: str) -> None:
    (found,) = destination.judged("DESTINATION_BUCKET", bucket)
    assert (found.level, text in found.text) == (level, True)


RULES = [{"action": {"type": "AbortIncompleteMultipartUpload"}}, {"action": {"type": "Delete"}}]


@pytest.mark.parametrize(
    ("location", "rules", "level"),
    [("EU", RULES, Level.OK), ("US", RULES, Level.FAILED), ("EU", RULES[:1], Level.WARNING), ("EU", [], Level.WARNING)],
)
def test_what_staging_needs(location: str, rules: list[dict[str, Any]], level: Level) -> None:
    (found,) = destination.judged_staging({"location": location, "lifecycle": {"rule": rules}}, {"location": "EU"})
    assert found.level is level


@pytest.mark.parametrize(
    ("pushes", "more", "levels"),
    [
        ([WELL], {}, [Level.OK]),
        ([], {}, [Level.FAILED]),
        ([replace(WELL, endpoint="")], {}, [Level.FAILED]),
        ([WELL, replace(WELL, name="second")], {}, [Level.WARNING]),
        ([WELL], {"push_service_account": "pusher@example.com"}, [Level.OK]),
        ([WELL], {"push_service_account": "other@example.com"}, [Level.FAILED]),
        ([replace(WELL, dead_letters=False)], {}, [Level.WARNING]),
        ([replace(WELL, deadline_seconds=10)], {}, [Level.FAILED]),
        ([replace(WELL, deadline_seconds=60)], {"budget_seconds": 60}, [Level.OK]),
    ],
)
def test_what_a_topic_needs(pushes: list[Push], more: dict[str, Any], levels: list[Level]) -> None:
    assert [found.level for found in queue.judged("LIST_TOPIC", pushes, given(**more))] == levels


def test_dead_letters_are_kept_by_somebody() -> None:
    assert queue.judged_dead_letters([WELL]).level is Level.OK
    assert queue.judged_dead_letters([]).level is Level.WARNING


@pytest.mark.parametrize(
    ("auth", "status", "level"),
    [
        (CdnAuth.SIGV4, 403, Level.OK),
        (CdnAuth.SIGNED_URL, 400, Level.OK),
        (CdnAuth.SIGV4, 206, Level.FAILED),
        (CdnAuth.SIGNED_URL, 200, Level.FAILED),
        (CdnAuth.SIGV4, 404, Level.FAILED),
        (CdnAuth.SIGV4, 502, Level.FAILED),
        (CdnAuth.PUBLIC, 206, Level.OK),
        (CdnAuth.PUBLIC, 403, Level.FAILED),
    ],
)
def test_an_edge_serves_whom_it_should(auth: CdnAuth, status: int, level: Level) -> None:
    found = source.judged_edge(auth, status)
    assert (found.level, bool(found.mend)) == (level, level is not Level.OK)


@pytest.mark.parametrize(("off", "level"), [(0, Level.OK), (-59, Level.OK), (61, Level.WARNING), (-900, Level.FAILED)])
def test_a_clock_that_is_off(off: float, level: Level) -> None:
    told = {"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(1_800_000_000, usegmt=True)}}}
    assert source.clock(told, 1_800_000_000 + off).level is level


class Bucket:
    """boto3, as far as the doctor asks it. refuses: by operation, with which code."""

    def __init__(self, refuses: dict[str, str], keys: int = 1) -> None:
        self.refuses, self.keys = refuses, keys

    def _ask(self, operation: str) -> None:
        if self.refuses.get(operation) == "no connection":
            raise EndpointConnectionError(endpoint_url="https://s3")
        if operation in self.refuses:
            raise ClientError({"Error": {"Code": self.refuses[operation], "Message": "no"}}, operation)

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        self._ask("list")
        now = formatdate(usegmt=True)
        contents = [{"Key": "a", "Size": 0, "ETag": '"e"'}] * self.keys
        return {"Contents": contents, "ResponseMetadata": {"HTTPHeaders": {"date": now}}}

    def get_object(self, **asked: Any) -> dict[str, Any]:
        assert "Range" not in asked, "nothing has no first byte: S3 answers 416"
        self._ask("get")

        class Body:
            def read(self) -> bytes:
                return b""

        return {"Body": Body()}


@pytest.mark.parametrize(
    ("refuses", "keys", "level", "text"),
    [
        ({}, 1, Level.OK, ""),
        ({}, 0, Level.WARNING, "SOURCE_PREFIX"),
        ({"list": "AccessDenied"}, 1, Level.FAILED, "REQUESTER_PAYS"),
        ({"list": "PermanentRedirect"}, 1, Level.FAILED, "AWS_REGION"),
        ({"list": "NoSuchBucket"}, 1, Level.FAILED, "SOURCE_BUCKET"),
        ({"list": "no connection"}, 1, Level.FAILED, "network"),
        ({"get": "AccessDenied"}, 1, Level.FAILED, "policy"),
        ({"get": "InvalidObjectState"}, 1, Level.WARNING, "restore"),
    ],
)
def test_what_the_source_says(refuses: dict[str, str], keys: int, level: Level, text: str) -> None:
    found, key = source.source(Bucket(refuses, keys), GIVEN)
    assert (found[-1].level, text in found[-1].mend) == (level, True)
    assert (key == "a") is (level is Level.OK)


def test_a_direct_route_asks_no_edge() -> None:
    assert source.edge(GIVEN, "a").level is Level.OK
    unasked = source.edge(given(route="cloudfront", cdn_url="https://edge.example"), None)
    assert unasked.level is Level.WARNING
