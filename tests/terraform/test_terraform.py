"""Terraform on the real schemas: what is right passes, what is mistyped does not, and a second apply changes nothing."""

import base64
import json
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from shared.domain.messages import ListMessage, VerifyMessage, decode
from shared.settings import load
from tests.terraform.conftest import STANDS_IN, Terraform
from tests.terraform.values import ALLOWED, wrong

pytestmark = pytest.mark.timeout(900)
stands_in = pytest.mark.skipif(not STANDS_IN, reason="the google provider would reach a cloud")

MOTO = """
provider "aws" {{
  access_key        = "test"
  secret_key        = "test"
  s3_use_path_style = true
  endpoints {{
    cloudfront = "{0}"
    iam        = "{0}"
    s3         = "{0}"
    sts        = "{0}"
  }}
}}
"""

MISTAKES = [
    ("functions.tf", "max_instance_count  ", "max_instances_count "),
    ("pubsub.tf", "minimum_backoff", "minimal_backoff"),
    ("pubsub.tf", "  retry_policy {", "  retry_polices {"),
    ("buckets.tf", "uniform_bucket_level_access = true", 'uniform_bucket_level_access = "sometimes"'),
    ("scheduler.tf", "    topic_name = ", "    topic      = "),
    ("aws_cdn.tf", "viewer_protocol_policy   =", "viewer_protocol          ="),
    ("aws_role.tf", "max_session_duration =", "max_session_seconds  ="),
    ("firestore.tf", "google_firestore_database.memory.name", "google_firestore_database.memories.name"),
]

VALUES = [
    ("functions.tf", '"ALLOW_INTERNAL_ONLY"', '"ALLOW_INTERNAL"'),
    ("functions.tf", '"python311"', '"python3.11"'),
    ("buckets.tf", '"AbortIncompleteMultipartUpload"\n    }', '"AbortMultipartUpload"\n    }'),
    ("pubsub.tf", "ack_deadline_seconds       = 600", "ack_deadline_seconds       = 900"),
    ("firestore.tf", '"FIRESTORE_NATIVE"', '"NATIVE"'),
    ("monitoring.tf", '"OR"', '"ANY"'),
]


def test_it_is_valid(terraform: Terraform) -> None:
    terraform("validate", "-no-color")


def test_shapes_and_contradictions(terraform: Terraform) -> None:
    """`terraform test`, whose providers are mocked: contradictory input fails at plan, each choice makes what it should."""
    done = terraform("test", "-no-color")
    assert " failed" not in done.stdout.replace("0 failed", "")
    assert "31 passed" in done.stdout


@pytest.mark.parametrize(("file", "right", "mistake"), MISTAKES)
def test_a_mistake_is_caught(terraform: Terraform, file: str, right: str, mistake: str) -> None:
    terraform.plant(file, right, mistake)
    assert terraform("validate", "-no-color", check=False).returncode == 1


TWO = """
module "photos" {
  source             = "../terraform"
  project            = "my-project"
  region             = "us-east4"
  job                = "photos"
  source_bucket      = { name = "my-photos", region = "us-east-1" }
  destination_bucket = { name = "my-photos-on-google", location = "us-east4" }
}

module "videos" {
  source             = "../terraform"
  project            = "my-project"
  region             = "europe-west1"
  job                = "videos"
  source_bucket      = { name = "my-videos", region = "eu-west-1" }
  destination_bucket = { name = "my-videos-on-google", location = "EU" }
}
"""


def test_two_jobs_may_share_a_state(terraform: Terraform) -> None:
    both = Terraform(terraform.root, "both")
    both.folder.mkdir()
    (both.folder / "main.tf").write_text(TWO)
    both("init", "-backend=false", "-input=false")
    both("validate", "-no-color")


def moto_side(terraform: Terraform, moto: str) -> None:
    (terraform.folder / "moto_override.tf").write_text(MOTO.format(moto))


@stands_in
def test_a_value_that_the_provider_would_refuse_is_caught(terraform: Terraform, moto: str) -> None:
    moto_side(terraform, moto)
    assert wrong(terraform.plan()) == []
    for file, right, mistake in VALUES:
        terraform.plant(file, right, mistake)
    mistaken = " ".join(wrong(terraform.plan()))
    for value in ("ALLOW_INTERNAL", "python3.11", "AbortMultipartUpload", "900", "NATIVE", "ANY"):
        assert f"= {value}" in mistaken, value
    terraform.plant("aws_cdn.tf", '"https-only"\n    trusted', '"tls-only"\n    trusted')
    assert "tls-only" in terraform("plan", "-no-color", "-var-file=example.tfvars", check=False).stderr


def test_the_guide_lists_the_values_that_were_looked_up() -> None:
    guide = (Path(__file__).resolve().parents[2] / "terraform" / "README.md").read_text()
    assert [path for paths in ALLOWED.values() for path in paths if f"`{path}`" not in guide] == []


SHAPES: dict[str, dict[str, Any]] = {
    "sigv4": {},
    "signed-url": {"auth": "signed-url", "public_key": "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n"},
}


@stands_in
@pytest.mark.parametrize("shape", SHAPES)
def test_a_second_apply_changes_nothing_and_the_functions_can_use_what_they_get(
    terraform: Terraform, moto: str, shape: str
) -> None:
    moto_side(terraform, moto)
    variables = {"cdn": SHAPES[shape], "job": shape, "tuning": {"ceiling_objects": 10**6, "keys_per_message": 50}}
    (terraform.folder / "shape.auto.tfvars.json").write_text(json.dumps(variables))
    terraform("apply", "-auto-approve", "-input=false", "-no-color", "-var-file=example.tfvars", f"-var=job={shape}")
    assert changes(terraform.plan(f"-var=job={shape}")) == []

    state = json.loads(terraform("show", "-json").stdout)["values"]
    settings = load(state["outputs"]["environment"]["value"])
    assert settings.job == shape
    assert settings.cdn_url is not None
    assert settings.ceiling_objects == 10**6
    assert settings.aws_role_arn is not None
    resources = {item["address"]: item["values"] for item in state["root_module"]["resources"]}
    trust = json.loads(resources["aws_iam_role.functions[0]"]["assume_role_policy"])["Statement"][0]["Condition"]
    named = {name: value for name, value in trust["StringEquals"].items() if name.endswith(":oaud")}
    assert named == {"accounts.google.com:oaud": settings.aws_role_audience}
    jobs = {name: values for name, values in resources.items() if name.startswith("google_cloud_scheduler_job")}
    for name, values in jobs.items():
        data = base64.b64decode(values["pubsub_target"][0]["data"])
        message = decode(ListMessage if "delta" in name else VerifyMessage, data)
        assert message.scheduled != ("close" in name)
    for query in queries(resources):
        promql_parser.parse(query)
    assert not [name for name in resources if "secret_version" in name], "a secret's value would be in the state"


def queries(resources: dict[str, Any]) -> list[str]:
    """The PromQL of every alert and every chart."""
    alerts = [item for name, item in resources.items() if name.startswith("google_monitoring_alert_policy")]
    found = [item["conditions"][0]["condition_prometheus_query_language"][0]["query"] for item in alerts]
    dashboard = json.loads(resources["google_monitoring_dashboard.this"]["dashboard_json"])
    tiles = dashboard["mosaicLayout"]["tiles"]
    sets = [one for tile in tiles for one in tile["widget"]["xyChart"]["dataSets"]]
    found += [one["timeSeriesQuery"]["prometheusQuery"] for one in sets]
    assert len(found) == len(alerts) + len(tiles) >= 16
    return found


def changes(plan: dict[str, Any]) -> list[str]:
    """What a plan would change, but for where moto answers otherwise than CloudFront: with fields of the time before cache
    policies, with `sni-only` where nothing was asked, and without the origin access control.
    """
    found = []
    for item in plan["resource_changes"]:
        if item["change"]["actions"] in (["no-op"], ["read"]):
            continue
        before, after = item["change"]["before"], item["change"]["after"]
        if item["type"] == "aws_cloudfront_distribution" and before and after:
            for side in (before, after):
                for behavior in side["default_cache_behavior"]:
                    behavior.pop("forwarded_values", None)
                for origin in side["origin"]:
                    origin.pop("origin_access_control_id", None)
                for certificate in side["viewer_certificate"]:
                    certificate.pop("ssl_support_method", None)
            if before == after:
                continue
        found.append(f"{item['address']}: {item['change']['actions']}")
    return found
