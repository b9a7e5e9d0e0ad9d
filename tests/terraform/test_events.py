"""Events in every way: who may send into the queue, who may read it, what is touched at the bucket, and who hears of it
when nobody reads.
"""

import json
from typing import Any

import boto3
import pytest

from tests.terraform.conftest import STANDS_IN, Terraform, moto_side
from tests.terraform.plans import resources
from tests.terraform.rules import faults
from tests.terraform.values import wrong

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not STANDS_IN, reason="the google provider would reach a cloud"),
]

TOPIC = "arn:aws:sns:us-east-1:111122223333:alerts"
EVENTBRIDGE = f'{{ follow = true, alarm_actions = ["{TOPIC}"] }}'
NOTIFICATION = '{ follow = true, way = "notification" }'
WAYS = {
    "eventbridge": EVENTBRIDGE,
    "notification, with the bucket's notifications": '{ follow = true, way = "notification", own_bucket_notification = true }',
}
"""Each way, and each answer to whose the notifications are: a plan takes half a minute."""

OF_AWS = ("aws_sqs_queue_policy.events", "aws_cloudwatch_event_target.events", "aws_cloudwatch_metric_alarm.events")
"""What the queue needs, and who watches it, and what they wait for; but not who may name its dead letters: moto never shows that, and the
provider waits until it is shown.
"""


def of_moto(service: str, moto: str) -> Any:
    return boto3.client(service, "us-east-1", endpoint_url=moto, aws_access_key_id="a", aws_secret_access_key="s")


def example(events: str) -> tuple[str, ...]:
    return "-var-file=example.tfvars", f"-var=events={events}"


@pytest.mark.parametrize("way", WAYS)
def test_it_breaks_no_rule_and_has_what_its_way_needs(terraform: Terraform, moto: str, way: str) -> None:
    moto_side(terraform, moto)
    plan = terraform.plan(*example(WAYS[way]))
    assert faults(plan) == []
    assert wrong(plan) == []
    bridged, owned = way.startswith("eventbridge"), way.endswith("notifications")
    found = [item.kind for item in resources(plan) if item.module == "module.job"]
    assert found.count("aws_sqs_queue") == found.count("aws_cloudwatch_metric_alarm") == 2
    for kind, wanted in (
        ("aws_sqs_queue_policy", True),
        ("aws_sqs_queue_redrive_allow_policy", True),
        ("aws_cloudwatch_event_rule", bridged),
        ("aws_cloudwatch_event_target", bridged),
        ("aws_s3_bucket_notification", owned),
    ):
        assert (found.count(kind) == 1) is wanted, kind
    for queue in resources(plan, "aws_sqs_queue"):
        assert queue.values["sqs_managed_sse_enabled"]
        assert queue.values["message_retention_seconds"] == 14 * 86_400
        assert queue.values["tags"]["job"] == "photos"
        assert queue.values["name"].startswith("my-project_photos_")
    for rule in resources(plan, "aws_cloudwatch_event_rule"):
        pattern = json.loads(rule.values["event_pattern"])
        assert pattern["detail"] == {"bucket": {"name": ["my-photos"]}}
        assert pattern["detail-type"] == ["Object Created", "Object Deleted"]
    (timer,) = [
        item for item in resources(plan, "google_cloud_scheduler_job") if item.values["name"].endswith("-events")
    ]
    assert timer.values["schedule"] == "* * * * *"
    lines = [
        log["filter"]
        for item in resources(plan, "google_monitoring_alert_policy")
        for log in item.values["conditions"][0]["condition_matched_log"]
    ]
    for message in ("events lag behind", "events cannot be followed", "an event that nobody can read"):
        assert any(f'jsonPayload.message="{message}"' in line for line in lines), message
    notified = plan["planned_values"]["outputs"].get("events", {}).get("value") or {}
    if bridged and not owned:
        assert json.loads(notified["notification"]) == {"EventBridgeConfiguration": {}}


def test_without_events_there_is_no_queue(terraform: Terraform, moto: str) -> None:
    moto_side(terraform, moto)
    kinds = {item.kind for item in resources(terraform.plan(*example("{}")))}
    assert not {kind for kind in kinds if "sqs" in kind or "event" in kind or "alarm" in kind}


@pytest.mark.parametrize("events", [EVENTBRIDGE, NOTIFICATION], ids=["eventbridge", "notification"])
def test_only_this_bucket_may_send_only_the_role_may_read_and_both_queues_are_watched(
    terraform: Terraform, empty_moto: str, events: str
) -> None:
    """As moto has it, where addresses are known."""
    moto_side(terraform, empty_moto)
    targets = [f"-target=module.job.{name}" for name in (*OF_AWS, "aws_iam_role_policy.events")]
    terraform("apply", "-auto-approve", "-input=false", "-no-color", *targets, *example(events))
    state = json.loads(terraform("show", "-json").stdout)["values"]["root_module"]["child_modules"][0]["resources"]
    made: dict[str, dict[str, Any]] = {
        f"{item['type']}.{item['name']}": item["values"] for item in state if item["mode"] == "managed"
    }
    queue = made["aws_sqs_queue.events"]
    sends, tls = json.loads(made["aws_sqs_queue_policy.events"]["policy"])["Statement"]
    bridged = events == EVENTBRIDGE
    assert (sends["Effect"], sends["Action"], sends["Resource"]) == ("Allow", "sqs:SendMessage", queue["arn"])
    assert sends["Principal"] == {"Service": "events.amazonaws.com" if bridged else "s3.amazonaws.com"}
    source = made["aws_cloudwatch_event_rule.events"]["arn"] if bridged else "arn:aws:s3:::my-photos"
    assert sends["Condition"]["ArnEquals"] == {"aws:SourceArn": source}
    account = queue["arn"].split(":")[4]
    if bridged:
        assert f":{account}:rule/" in source, "a rule's name says of which account it is; a bucket's does not"
    else:
        assert sends["Condition"]["StringEquals"] == {"aws:SourceAccount": account}
    assert (tls["Effect"], tls["Action"], tls["Resource"]) == ("Deny", "sqs:*", queue["arn"])
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (reads,) = json.loads(made["aws_iam_role_policy.events"]["policy"])["Statement"]
    assert (sorted(reads["Action"]), reads["Resource"]) == (["sqs:DeleteMessage", "sqs:ReceiveMessage"], queue["arn"])
    aside = made["aws_sqs_queue.events_dead_letters"]["arn"]
    assert json.loads(queue["redrive_policy"]) == {"deadLetterTargetArn": aside, "maxReceiveCount": 5}
    watched(of_moto("cloudwatch", empty_moto), queue["name"], aside.split(":")[-1], [TOPIC] if bridged else [])
    again = terraform.plan(*targets, *example(events))
    kept = [item["change"]["actions"] for item in again["resource_changes"] if item["type"].endswith("_metric_alarm")]
    assert kept == [["no-op"], ["no-op"]]
    if bridged:
        sqs, bridge = (of_moto(name, empty_moto) for name in ("sqs", "events"))
        rule = made["aws_cloudwatch_event_rule.events"]["name"]
        (target,) = bridge.list_targets_by_rule(Rule=rule)["Targets"]
        assert target["Arn"] == queue["arn"]
        assert sqs.get_queue_attributes(QueueUrl=queue["url"], AttributeNames=["Policy"])["Attributes"]


def watched(cloudwatch: Any, queue: str, dead_letters: str, told: list[str]) -> None:
    """Two alarms in the form in which CloudWatch has them. A queue that is misspelt would be one that never is late."""
    unread, aside = sorted(cloudwatch.describe_alarms()["MetricAlarms"], key=lambda alarm: alarm["MetricName"])
    for alarm, name, metric, above, missing in (
        (unread, queue, "ApproximateAgeOfOldestMessage", 10 * 86_400, "notBreaching"),
        (aside, dead_letters, "ApproximateNumberOfMessagesVisible", 0, "ignore"),
    ):
        assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/SQS", metric, "Maximum")
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": name}]
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", above)
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (300, 1, missing)
        assert (alarm["ActionsEnabled"], alarm["AlarmActions"]) == (True, told)
        assert alarm["AlarmName"].startswith("my-project_photos_")
        assert len(alarm["AlarmDescription"]) <= 1024
