"""What Terraform makes and what the code asks for are one: settings, indexes, rights, archives."""

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import hcl2
import pytest

from benchmarks.simulation import limits
from local.children import ROOT
from shared.domain.counts import Outcome
from shared.domain.errors import Transient
from shared.domain.messages import ListMessage, Message, VerifyMessage
from shared.domain.missed import Change
from shared.gcp.firestore.ranges import SUMMED
from shared.gcp.firestore.sums import groups
from shared.runs.expire_uploads import STAGING_RULE_DAYS, UPLOAD_LIFE_SECONDS
from shared.settings import Settings
from tests.unit.test_follow_events import follow, written
from tests.world import World

FOLDER = ROOT / "terraform"
MODULE = FOLDER / "modules" / "job"
LOCAL = {"AWS_ENDPOINT_URL_S3"}
"""For local stacks only."""

PLATFORM = {"THREADS"}
"""Read by functions-framework: how many messages an instance handles at a time."""


def parsed(name: str) -> dict[str, Any]:
    with (MODULE / name).open() as file:
        found: dict[str, Any] = hcl2.load(file)
    return found


def local(name: str, value: str) -> Any:
    return next(block[value] for block in parsed(name)["locals"] if value in block)


def test_every_setting_is_set_and_every_variable_is_a_setting() -> None:
    ours = {name.upper() for name in Settings.model_fields} - LOCAL
    theirs = {name for name in local("settings.tf", "settings") if not name.startswith("__")}
    answered = set(re.findall(r"\{ ([A-Z_]+) = ", section("settings.tf", "  answers = merge(")))
    assert len(answered) == 4
    assert theirs | answered == ours
    assert not theirs & answered
    merged = re.search(r"environment_variables\s*=\s*merge\(local\.environment, \{ (\w+) =", read("functions.tf"))
    assert merged is not None
    assert {merged[1]} == PLATFORM


def test_every_tuning_reaches_the_functions() -> None:
    names = set(
        re.findall(r"^    (\w+)\s*= optional\(", section("variables_work.tf", 'variable "tuning"'), re.MULTILINE)
    )
    assert names == set(re.findall(r"var\.tuning\.(\w+)", read("settings.tf")))
    assert {name.upper() for name in names} <= {name.upper() for name in Settings.model_fields}


def test_a_petabyte_is_the_size_that_was_simulated() -> None:
    sizes = read("sizes.tf")
    instances = re.search(r"petabyte = \{ lister = (\d+), transfer = (\d+), verifier = \d+ \}", sizes)
    assert instances is not None
    assert (int(instances[1]), int(instances[2])) == (limits.LISTER_INSTANCES, limits.TRANSFER_INSTANCES)
    assert f"lister   = {{ concurrency = {limits.LISTER_CONCURRENCY}," in sizes


def test_the_indexes_are_those_that_the_queries_need() -> None:
    """The embedded Firestore refuses what is missing; here, that nothing is there which nobody needs."""
    wanted: set[tuple[str, ...]] = {
        ("ledger", "first", "keys"), ("ledger", "level", "first"), ("ledger", "shared", "last"),
        ("ledger", "run", "open"), ("ledger", "run", "outcomes.failed.keys"), ("pulses", "run", "at"),
        ("ranges", "run", "state"), ("ranges", "run", "stopped"), ("ranges", "run", "slice", "edges"),
        ("spending", "run", "objects", "bytes", "nanodollars"),
    }  # fmt: skip
    for collection, summed in (("ledger", {"outcomes": Outcome, "changes": Change}), ("ranges", SUMMED)):
        for field, names in summed.items():
            wanted |= {(collection, "run", "slice", *paths) for paths in groups(field, names)}
    table = indexes()
    found = [
        (index["collectionGroup"], *(field["fieldPath"] for field in index["fields"])) for index in table["indexes"]
    ]
    assert set(found) == wanted
    assert len(found) == len(wanted)


GROWING = {"extras", "parts", "pulses", "ranges", "rejected", "runs", "spending", "uploads"}
"""Collections that get more documents with time."""

LASTING = {
    "control": "three or four documents a job",
    "ledger": "what is copied, as long as it is; records are merged",
    "prefixes": "a document a folder",
}


def test_a_single_field_is_indexed_only_where_a_query_asks_by_it_alone() -> None:
    """Everything else is exempt, whatever fields a document gets: outcomes, times that only grow, packed tables."""
    overrides = indexes()["fieldOverrides"]
    assert {item["collectionGroup"] for item in overrides if item["fieldPath"] == "*"} == GROWING | set(LASTING)
    assert all(item["indexes"] == [] for item in overrides if item["fieldPath"] == "*")
    indexed = {(item["collectionGroup"], item["fieldPath"]) for item in overrides if item["indexes"]}
    assert indexed == {
        ("extras", "run"), ("ledger", "first"), ("parts", "upload"), ("pulses", "run"),
        ("ranges", "run"), ("runs", "reported"), ("runs", "state"), ("spending", "run"), ("uploads", "opened_at"),
    }  # fmt: skip


def test_each_collection_that_grows_expires() -> None:
    collections = set(re.findall(r'\.collection\("(\w+)"\)', "\n".join(path.read_text() for path in ADAPTERS)))
    assert collections - {"jobs"} == GROWING | set(LASTING)
    expiring = [item for item in indexes()["fieldOverrides"] if item["ttl"]]
    assert {item["fieldPath"] for item in expiring} == {"expires_at"}
    assert {item["collectionGroup"] for item in expiring} == GROWING
    for name in GROWING:
        adapters = [path.read_text() for path in ADAPTERS if f'job.collection("{name}")' in path.read_text()]
        assert any("expiry(" in text for text in adapters), f"{name}: who writes when it expires?"


def indexes() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "firestore.indexes.json").read_text())
    return found


def test_the_staging_bucket_is_empty_before_an_upload_is_forgotten() -> None:
    rule = re.search(
        r'"AbortIncompleteMultipartUpload", "Delete"\].*?age = (\d+)',
        section("buckets.tf", 'resource "google_storage_bucket" "staging"'),
        re.DOTALL,
    )
    assert rule is not None
    assert int(rule[1]) == STAGING_RULE_DAYS
    assert UPLOAD_LIFE_SECONDS >= (STAGING_RULE_DAYS + 1) * 86_400


ADAPTERS = sorted((ROOT / "shared" / "gcp" / "firestore").glob("*.py"))

RIGHTS = {
    "lister/list": ("shared/bootstrap/app.py", "range_work(adapters, config, config.list_topic"),
    "lister/transfer": ("shared/ranges/range_work.py", "await out.resend(step.unsent)"),
    "lister/first": ("shared/listing/follow_events.py", "ceiling, lease, set(), first=True)"),
    "lister/verify": ("shared/runs/follow_up.py", "VerifyMessage(prefix=run.prefix)"),
    "lister/dead-letters": ("shared/entrypoints/push.py", "app.adapters.queue.reject("),
    "transfer/transfer": ("shared/copying/transfer_batch.py", "await self.queue.publish(self.topic"),
    "transfer/first": ("shared/copying/copy_large.py", "self.queue.publish(self.topics.of(message)"),
    "transfer/dead-letters": ("shared/entrypoints/push.py", "app.adapters.queue.reject("),
    "verifier/verify": ("shared/bootstrap/app.py", "range_work(adapters, config, config.verify_topic"),
    "verifier/list": ("shared/runs/follow_up.py", "self.list_topic, [ListMessage(sort=run.name)]"),
    "verifier/transfer": ("shared/verifying/compare_page.py", "published = wrong - queued if self.repair"),
    "verifier/dead-letters": ("shared/entrypoints/push.py", "app.adapters.queue.reject("),
    "transfer/destination": ("shared/copying/copy_object.py", "await self.destination.write("),
    "verifier/destination": ("shared/verifying/verify_range.py", "self.destination.listing("),
    "transfer/staging": ("shared/copying/copy_large.py", "await self.staging.put("),
    "transfer/staging-bucket": ("shared/gcp/staging.py", "softDeletePolicy"),
    "lister/reports": ("shared/runs/lifecycle.py", "self.report(run, state"),
    "verifier/reports": ("shared/verifying/write_manifest.py", "await self.reports.put("),
    "verifier/extras": ("shared/verifying/delete_extraneous.py", "await self.destination.delete("),
}
"""Each right of a function, and the line that needs it."""

OTHERS = {
    ("google_project_iam_member", "builder", "roles/cloudbuild.builds.builder"),
    ("google_project_iam_member", "state", "roles/datastore.user"),
    ("google_storage_bucket_iam_member", "builder_code", "roles/storage.objectViewer"),
    ("google_storage_bucket_iam_member", "function", "${each.value.role}"),
    ("google_pubsub_topic_iam_member", "function", "roles/pubsub.publisher"),
    ("google_pubsub_topic_iam_member", "agent", "roles/pubsub.publisher"),
    ("google_pubsub_subscription_iam_member", "agent", "roles/pubsub.subscriber"),
    ("google_service_account_iam_member", "agent", "roles/iam.serviceAccountOpenIdTokenCreator"),
    ("google_secret_manager_secret_iam_member", "function", "roles/secretmanager.secretAccessor"),
    ("google_cloud_run_v2_service_iam_member", "invoker", "roles/run.invoker"),
    ("google_cloud_run_v2_service_iam_member", "replicate", "roles/run.invoker"),
}
"""Every binding there is: one that comes is thought about here, and in docs/security.md."""


@pytest.mark.parametrize("right", RIGHTS)
def test_every_right_of_a_function_is_used(right: str) -> None:
    path, evidence = RIGHTS[right]
    assert evidence in (ROOT / path).read_text()


def test_no_function_has_a_right_besides() -> None:
    topics = {f"{name}/{topic}" for name, found in local("pubsub.tf", "publishers").items() if isinstance(found, list)
              for topic in (item.strip('"') for item in found)}  # fmt: skip
    buckets = set(re.findall(r'^\s+"(\w+/[\w-]+)"\s*= \{', section("buckets.tf", "bucket_roles"), re.MULTILINE))
    assert topics | buckets == set(RIGHTS)


def test_the_bindings_are_those_that_were_thought_about() -> None:
    found = set()
    for path in sorted(MODULE.glob("*.tf")):
        for block in parsed(path.name).get("resource", []):
            for kind, named in block.items():
                if "google_" in kind and "_iam_" in kind and "custom_role" not in kind:
                    ((name, body),) = ((n, b) for n, b in named.items() if not n.startswith("__"))
                    found.add((kind.strip('"'), name.strip('"'), body["role"].strip('"')))
    assert found == OTHERS
    security = (ROOT / "docs" / "security.md").read_text()
    missing = [role for _, _, role in found if role.startswith("roles/") and role not in security]
    assert not missing, "docs/security.md does not say who has it"


def test_a_function_is_deployed_once_its_queries_have_their_indexes() -> None:
    """One that is still being built serves none: https://cloud.google.com/firestore/docs/query-data/indexing"""
    (function,) = (
        body for block in parsed("functions.tf")["resource"] for kind, body in block.items()
        if kind.strip('"') == "google_cloudfunctions2_function"
    )  # fmt: skip
    needs = str(function)
    assert "google_firestore_index.this" in needs
    assert "google_firestore_field.this" in needs


def test_the_archive_holds_what_the_archive_test_serves() -> None:
    assert 'fileset(local.root, "shared/**/*.{py,json,html,css,js}")' in read("functions.tf")
    assert '"requirements.txt" = "requirements.lock"' in read("functions.tf")
    taken = (".py", ".json", ".html", ".css", ".js", ".pyc")
    others = [path for path in (ROOT / "shared").rglob("*") if path.is_file() and path.suffix not in taken]
    assert not others, "Terraform would leave it out"
    for name in ("lister", "transfer", "verifier"):
        given = ROOT / "functions" / name / "requirements.txt"
        assert given.read_text() == (ROOT / "requirements.lock").read_text()


def test_metrics_and_alerts_are_made_of_lines_that_are_written() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    metrics = section("monitoring.tf", "  metrics = merge({")
    found = re.findall(r'message = "([^"]+)", value = (?:"(\w+)"|null)', metrics)
    assert len(found) == metrics.split("\n  } : {})\n")[0].count("message =") == 8
    events = re.findall(r'jsonPayload\.message=\\"([^"\\$]+)\\"', read("monitoring.tf"))
    assert len(events) == 12
    for message, value in [*found, *((event, "") for event in events)]:
        written = [
            code[at.end() : at.end() + 600]
            for at in re.finditer(
                rf'log\.\w+\(\s*"{message}"|say\("{message}"|report\(\s*"{message}"|else "{message}"', code
            )
        ]
        assert written, message
        assert not value or any(f"{value}=" in fields or f'"{value}": ' in fields for fields in written), (
            f"{message}: {value}"
        )


def test_an_event_is_late_where_the_functions_say_so() -> None:
    default = Settings.model_fields["events_late_seconds"].default
    assert f"late_seconds = coalesce(var.events.late_seconds, {default:g})" in read("events.tf")


def test_nobody_is_called_for_what_mends_itself() -> None:
    """An instance that is ended, before another may read what it had received: none is called for within that. In a
    pause somebody is called while the queue still has its oldest event.
    """
    alarms, queue = read("events_alarms.tf"), read("events.tf")
    bound = re.search(r"unread_seconds = var\.schedules\.paused \? (\d+) : max\(local\.late_seconds, (\d+)\)", alarms)
    hidden = re.search(r"visibility_timeout_seconds = (\d+)", queue)
    invocation = re.search(r"timeout_seconds += (\d+)", read("functions.tf"))
    kept = set(re.findall(r"message_retention_seconds += (\d+)", queue))
    assert bound is not None
    assert hidden is not None
    assert invocation is not None
    minute = 60
    assert int(bound[2]) == minute + int(invocation[1]) + int(hidden[1])
    assert kept == {str(int(bound[1]) + 4 * 86_400)}


def test_the_root_passes_everything_on() -> None:
    """A thin root: what the module takes and gives is what the root takes and gives, in the order of the alphabet."""
    for file, kind in (("variables.tf", "variable"), ("outputs.tf", "output")):
        names = re.findall(rf'^{kind} "(\w+)"', (FOLDER / file).read_text(), re.MULTILINE)
        assert names == sorted(names)
        assert names == named(kind)
        passed = (FOLDER / ("main.tf" if kind == "variable" else "outputs.tf")).read_text()
        pattern = r"^  (\w+) += var\.\1$" if kind == "variable" else r"= module\.job\.(\w+)$"
        assert re.findall(pattern, passed, re.MULTILINE) == names
    assert '# backend "gcs" {' in (FOLDER / "versions.tf").read_text()
    assert not [path.name for path in MODULE.glob("*.tf") if re.search("^provider ", path.read_text(), re.MULTILINE)]


def test_the_guide_names_every_variable_and_output() -> None:
    guide = (FOLDER / "README.md").read_text()
    for kind in ("variable", "output"):
        assert [name for name in named(kind) if f"`{name}`" not in guide] == []


def test_the_guide_says_where_each_rule_was_read() -> None:
    guide = (FOLDER / "README.md").read_text()
    for number in range(1, 13):
        assert re.search(rf"^\| {number} \|", guide, re.MULTILINE), f"point {number}"


def named(kind: str) -> list[str]:
    """The module's variables or outputs; each file of them is in the order of the alphabet."""
    found = []
    for path in sorted(MODULE.glob(f"{kind}s*.tf")):
        names = re.findall(rf'^{kind} "(\w+)"', path.read_text(), re.MULTILINE)
        assert names == sorted(names), path.name
        found += names
    return sorted(found)


def read(name: str) -> str:
    return (MODULE / name).read_text()


def section(name: str, start: str) -> str:
    """From a line on to the end of its block."""
    text = read(name)
    begin = text.index(start)
    return text[begin : text.index("\n}\n", begin)]


async def test_each_function_may_publish_wherever_it_does() -> None:
    """Whichever sees that a run of events has ended has its batches sorted, which is the lister's work."""
    world = World(first_topic="first", keys_per_message=100, large_bytes=1000, verify_initial=True, repair_passes=2)
    rights = {"list": "lister", "transfer": "transfer", "first": "transfer", "verify": "verifier"}
    used: set[tuple[str, str]] = set()
    deliver, publish, working = world._deliver, world.queue.publish, [""]

    async def delivered(delivery: tuple[str, Message, str]) -> None:
        working[0] = rights[delivery[0]]
        await deliver(delivery)

    async def published(topic: str, messages: Sequence[Message]) -> None:
        used.update((working[0], topic) for _ in messages)
        await publish(topic, messages)

    world._deliver, world.queue.publish = delivered, published  # type: ignore[method-assign]
    world.bucket.put("large", bytes(3500))
    world.cdn.faults[b"k/1"] = [Transient("reset")] * 6
    world.events.send(*(written(world, f"k/{number}", b"x", number) for number in range(20)))
    await follow(world)
    world.send("verify", VerifyMessage(close=True))
    await world.drain()
    await world.run(ListMessage(scheduled=True))
    await world.run(ListMessage(keys=(b"k/1", b"large")))
    world.destination.objects.clear()
    await world.run(VerifyMessage())
    publishers = {function: topics for function, topics in local("pubsub.tf", "publishers").items()}
    allowed = {(name.strip('"'), topic.strip('"')) for name, topics in publishers.items() for topic in topics}
    assert {function for function, _ in used} == {"lister", "transfer", "verifier"}
    assert used <= allowed, f"not allowed: {sorted(used - allowed)}"


def test_a_network_has_room_for_each_instance_twice() -> None:
    """Cloud Run takes two addresses an instance, and both revisions have theirs while a new one takes over; four of a
    subnetwork are Google's. https://cloud.google.com/run/docs/configuring/vpc-direct-vpc#direct-vpc-ip-allocation
    """
    scales = local("sizes.tf", "scales")
    text = " ".join((FOLDER / "README.md").read_text().split())
    said = re.findall(r"a /(\d+) for `(start|large|petabyte)`", text)
    assert [scale for _, scale in said] == ["start", "large", "petabyte"]
    for bits, scale in said:
        needed = 2 * 2 * sum(int(number) for name, number in scales[scale].items() if not name.startswith("__"))
        assert 2 ** (32 - int(bits)) - 4 >= needed, scale
        assert 2 ** (31 - int(bits)) - 4 < needed, f"{scale} needs no more"
    about = " ".join(section("variables.tf", 'variable "network"').split())
    assert all(f"/{bits} for {'scale ' * (scale == 'start')}{scale}" in about for bits, scale in said)


ASKED_OF_AWS = {
    "aws_cloudfront_distribution": "cloudfront: CreateDistribution GetDistribution UpdateDistribution DeleteDistribution "
    "TagResource UntagResource ListTagsForResource",
    "aws_cloudfront_key_group": "cloudfront: CreateKeyGroup GetKeyGroup UpdateKeyGroup DeleteKeyGroup",
    "aws_cloudfront_origin_access_control": "cloudfront: CreateOriginAccessControl GetOriginAccessControl "
    "UpdateOriginAccessControl DeleteOriginAccessControl",
    "aws_cloudfront_public_key": "cloudfront: CreatePublicKey GetPublicKey UpdatePublicKey DeletePublicKey",
    "aws_cloudwatch_event_rule": "events: PutRule DescribeRule DeleteRule TagResource UntagResource ListTagsForResource",
    "aws_cloudwatch_event_target": "events: PutTargets ListTargetsByRule RemoveTargets",
    "aws_cloudwatch_metric_alarm": "cloudwatch: PutMetricAlarm DescribeAlarms DeleteAlarms TagResource UntagResource "
    "ListTagsForResource",
    "aws_iam_role": "iam: CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole TagRole "
    "UntagRole ListRolePolicies ListAttachedRolePolicies ListInstanceProfilesForRole",
    "aws_iam_role_policy": "iam: PutRolePolicy GetRolePolicy DeleteRolePolicy",
    "aws_s3_bucket_notification": "s3: PutBucketNotification GetBucketNotification",
    "aws_s3_bucket_policy": "s3: PutBucketPolicy GetBucketPolicy DeleteBucketPolicy",
    "aws_sqs_queue": "sqs: CreateQueue GetQueueAttributes SetQueueAttributes DeleteQueue TagQueue UntagQueue ListQueueTags",
    "aws_sqs_queue_policy": "sqs: GetQueueAttributes SetQueueAttributes",
    "aws_sqs_queue_redrive_allow_policy": "sqs: GetQueueAttributes SetQueueAttributes",
}
"""By kind of resource, the actions of IAM that the provider's calls need to make, read, change and delete one. What has
tags is read with them: https://github.com/hashicorp/terraform-provider-aws/tree/main/internal/service (tags_gen.go)
"""


def test_the_guide_names_each_right_that_an_apply_needs_on_aws() -> None:
    files = "\n".join(path.read_text() for path in MODULE.glob("*.tf"))
    assert set(re.findall(r'^resource "(aws_\w+)"', files, re.MULTILINE)) == ASKED_OF_AWS.keys()
    paragraph = (FOLDER / "README.md").read_text().partition("\nAWS: ")[2].partition("\n\n")[0]
    named, service = set[str](), ""
    for own, action in re.findall(r"`(?:([a-z0-9]+):)?([A-Z*][A-Za-z*]+)`", paragraph):
        service = own or service
        named.add(f"{service}:{action}")
    needed = set[str]()
    for actions in ASKED_OF_AWS.values():
        service, _, names = actions.partition(": ")
        needed.update(f"{service}:{name}" for name in names.split())
    assert {action for action in needed if not any(fnmatchcase(action, name) for name in named)} == set()
    assert {name for name in named if not any(fnmatchcase(action, name) for action in needed)} == set()
