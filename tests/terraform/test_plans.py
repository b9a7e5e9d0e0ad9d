"""The examples' plans: values, rules and inventories hold, and each mistake that is planted is found."""

from collections.abc import Callable
from typing import Any

import pytest

from local.children import ROOT
from tests.terraform.conftest import EXAMPLES, STANDS_IN, Terraform, moto_side
from tests.terraform.inventory import differences
from tests.terraform.mistakes import HELD, RULES, VALUES
from tests.terraform.plans import resources
from tests.terraform.rules import RULES as ALL_RULES
from tests.terraform.rules import faults
from tests.terraform.values import wrong

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not STANDS_IN, reason="the google provider would reach a cloud"),
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_breaks_no_rule_and_is_what_its_inventory_says(
    plans: Callable[[str], dict[str, Any]], name: str
) -> None:
    plan = plans(name)
    assert faults(plan) == []
    assert wrong(plan) == []
    assert differences(plan, name) == []


def test_the_guide_counts_them(plans: Callable[[str], dict[str, Any]]) -> None:
    guide = (ROOT / "terraform" / "README.md").read_text()
    assert f"{len(resources(plans('example')))} resources with `example.tfvars`" in guide


def test_an_inventory_notices_what_is_more_and_what_is_other(plans: Callable[[str], dict[str, Any]]) -> None:
    found = "\n".join(differences(plans("petabyte"), "example"))
    for line in (
        "aws_cloudfront_key_group: 1, and not 0",
        "google_storage_bucket_iam_member: 8, and not 7",
        "service_config.max_instance_count: 300, and not 10",
        'this["delta"].paused: False, and not True',
    ):
        assert line in found


def test_every_planted_mistake_is_found(terraform: Terraform, moto: str) -> None:
    moto_side(terraform, moto)
    for mistake in RULES:
        terraform.plant(mistake.file, mistake.right, mistake.wrong)
    key = "-----BEGIN PUBLIC KEY-----\\nMA==\\n-----END PUBLIC KEY-----"
    found = faults(
        terraform.plan("-var-file=example.tfvars", f'-var=cdn={{auth = "signed-url", public_key = "{key}"}}')
    )
    missed = [mistake.found for mistake in RULES if not any(mistake.found in fault for fault in found)]
    assert missed == []
    told = {fault.split(":")[0].split(". ")[1] for fault in found}
    assert told == {rule.__name__ for rule in ALL_RULES}, "each rule has a mistake that it finds"


def test_every_value_that_the_provider_would_refuse_and_every_other_plan_is_found(
    terraform: Terraform, moto: str
) -> None:
    moto_side(terraform, moto)
    for mistake in (*VALUES, *HELD):
        terraform.plant(mistake.file, mistake.right, mistake.wrong)
    plan = terraform.plan("-var-file=examples/petabyte.tfvars")
    found = [*wrong(plan), *differences(plan, "petabyte")]
    missed = [mistake.found for mistake in (*VALUES, *HELD) if not any(mistake.found in fault for fault in found)]
    assert missed == []
