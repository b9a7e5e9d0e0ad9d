"""Terraform on the real schemas: what is right passes, what is mistyped does not, a second apply changes nothing."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from shared.domain.messages import ListMessage, VerifyMessage, decode
from shared.settings import load
from tests.terraform import mistakes
from tests.terraform.conftest import INPUT, MODULE, ROOTS, STANDS_IN, Terraform, moto_side
from tests.terraform.plans import queries
from tests.terraform.values import ALLOWED

pytestmark = pytest.mark.timeout(1800)
GUIDE = Path(__file__).resolve().parents[2] / "terraform" / "README.md"
stands_in = pytest.mark.skipif(not STANDS_IN, reason="the google provider would reach a cloud")


@pytest.mark.parametrize("root", ROOTS)
def test_it_is_valid(terraform: Terraform, root: str) -> None:
    Terraform(terraform.root, root)("validate", "-no-color")


def test_shapes(terraform: Terraform) -> None:
    """`terraform test`, whose providers are mocked: each choice makes what it should."""
    module = Terraform(terraform.root, MODULE)
    runs = (module.folder / "tests" / "shapes.tftest.hcl").read_text().count('\nrun "')
    assert f"{runs} passed, 0 failed" in module("test", "-no-color").stdout


def test_contradictions(variables: Terraform) -> None:
    """`terraform test` on the variables alone: contradictory input fails at plan."""
    variables("init", "-input=false")
    runs = Path(__file__).with_name(INPUT).read_text().count('\nrun "')
    assert f"{runs} passed, 0 failed" in variables("test", "-no-color").stdout


@pytest.mark.parametrize("mistake", mistakes.INPUT, ids=lambda mistake: mistake.found)
def test_a_rule_of_the_variables_that_is_missing_is_found(variables: Terraform, mistake: mistakes.Mistake) -> None:
    variables.plant(mistake.file, mistake.right, mistake.wrong)
    variables("init", "-input=false")
    assert f'run "{mistake.found}"... fail' in variables("test", "-no-color", check=False).stdout


def test_the_guide_s_examples_are_good(variables: Terraform) -> None:
    """Each block of settings in the guide, with the example's other variables, is planned."""
    blocks = re.findall(r"^ *```hcl\n(.+?)^ *```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    example = (GUIDE.parent / "example.tfvars").read_text()
    runs = [
        f'run "block_{place}" {{\n  command = plan\n  variables {{\n{block}\n  }}\n}}\n'
        for place, block in enumerate(blocks)
    ]
    (variables.folder / "tests" / INPUT).write_text("\n".join((f"variables {{\n{example}\n}}\n", *runs)))
    variables("init", "-input=false")
    assert f"{len(blocks)} passed, 0 failed" in variables("test", "-no-color").stdout


@pytest.mark.parametrize("lot", mistakes.SCHEMA)
def test_every_mistyped_name_and_value_is_refused(terraform: Terraform, lot: str) -> None:
    for mistake in mistakes.SCHEMA[lot]:
        terraform.plant(mistake.file, mistake.right, mistake.wrong)
    done = terraform("validate", "-no-color", check=False)
    assert done.returncode == 1
    said = " ".join(done.stderr.replace("│", " ").split())
    assert [mistake.found for mistake in mistakes.SCHEMA[lot] if mistake.found not in said] == []


def test_the_guide_lists_the_values_that_were_looked_up() -> None:
    guide = GUIDE.read_text()
    assert [path for paths in ALLOWED.values() for path in paths if f"`{path}`" not in guide] == []


SIGNED = {"auth": "signed-url", "public_key": "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----"}
APPLIED: dict[str, tuple[str, dict[str, Any]]] = {
    "signed": ("terraform", {"cdn": SIGNED, "tuning": {"ceiling_objects": 10**6, "keys_per_message": 50}}),
    "several": ("terraform/examples/several-jobs", {}),
}


@stands_in
@pytest.mark.parametrize("name", APPLIED)
def test_a_second_apply_changes_nothing_and_the_functions_can_use_what_they_get(
    terraform: Terraform, empty_moto: str, name: str
) -> None:
    root, variables = APPLIED[name]
    applied = Terraform(terraform.root, root)
    moto_side(applied, empty_moto)
    example: tuple[str, ...] = ()
    if variables:
        example = ("-var-file=example.tfvars", f"-var=job={name}")
        (applied.folder / "more.auto.tfvars.json").write_text(json.dumps(variables))
    applied("apply", "-auto-approve", "-input=false", "-no-color", *example)
    plan = applied.plan(*example)
    assert changes(plan) == []
    assert len(queries(plan)) >= 15
    for _, query in queries(plan):
        promql_parser.parse(query)

    state = json.loads(applied("show", "-json").stdout)["values"]["root_module"]["child_modules"]
    assert len(state) == (1 if variables else 2)
    for module in state:
        resources = {
            item["address"].removeprefix(f"{module['address']}."): item["values"] for item in module["resources"]
        }
        usable(resources, variables)


def usable(resources: dict[str, Any], variables: dict[str, Any]) -> None:
    """What was made of a job is what its functions can work with."""
    function = resources['google_cloudfunctions2_function.this["lister"]']
    settings = load(function["service_config"][0]["environment_variables"])
    assert function["labels"]["job"] == settings.job
    assert settings.cdn_url is not None
    assert settings.ceiling_objects == variables.get("tuning", {}).get("ceiling_objects")
    assert settings.aws_role_arn is not None
    if settings.job == "videos":
        assert settings.mapping.name(b"2026/a") == b"a", "the root, although no variable may be empty"
    trust = json.loads(resources["aws_iam_role.functions[0]"]["assume_role_policy"])["Statement"][0]["Condition"]
    named = {name: value for name, value in trust["StringEquals"].items() if name.endswith(":oaud")}
    assert named == {"accounts.google.com:oaud": settings.aws_role_audience}
    jobs = {name: values for name, values in resources.items() if name.startswith("google_cloud_scheduler_job")}
    for name, values in jobs.items():
        data = base64.b64decode(values["pubsub_target"][0]["data"])
        message = decode(ListMessage if "delta" in name else VerifyMessage, data)
        assert message.scheduled != ("close" in name)
    assert not [name for name in resources if "secret_version" in name], "a secret's value would be in the state"


def changes(plan: dict[str, Any]) -> list[str]:
    """What a plan would change, but for where moto answers otherwise than CloudFront: with fields of before cache
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
