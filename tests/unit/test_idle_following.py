"""What following events costs, while none comes and while many do, and that docs/cost.md says so."""

import re
from pathlib import Path

import pytest

from shared.domain.budget import Budget
from shared.listing.follow_events import WAIT_SECONDS
from shared.pricing.catalog import published
from shared.pricing.following import ALARMS, MINUTES, busy_month, idle_month
from shared.settings import Settings
from tests.unit.test_follow_events import FOLLOW
from tests.world import World

PRICES = published().at("us-east-1").without_allowances()
DOCS = Path(__file__).resolve().parents[2] / "docs"
MODULE = DOCS.parent / "terraform" / "modules" / "job"
USUAL = Settings.model_fields["events_quiet_seconds"].default


def test_by_default_it_is_no_more_than_twenty_dollars() -> None:
    assert idle_month(PRICES, USUAL).dollars <= 20


def test_the_page_says_what_is_computed() -> None:
    text = (DOCS / "cost.md").read_text()
    usual, always = idle_month(PRICES, USUAL), idle_month(PRICES, 60)
    assert idle_month(PRICES, 540) == always
    rows = {
        "instance seconds": (f"{usual.seconds:,.0f}", f"{always.seconds:,.0f}"),
        "Cloud Run, nothing free: $0.0000265 a second": (f"${usual.instance:.2f}", f"${always.instance:.2f}"),
        "SQS, nothing free": (f"{usual.requests:,}: ${usual.queue:.2f}", f"{always.requests:,}: ${always.queue:.2f}"),
        "Firestore: five reads a minute": (f"${usual.firestore:.2f}", f"${always.firestore:.2f}"),
        "CloudWatch: two alarms, nothing free": (f"${usual.alarms:.2f}", f"${always.alarms:.2f}"),
        "**together**": (f"**${usual.dollars:.2f}**", f"**${always.dollars:.2f}**"),
    }
    for name, amounts in rows.items():
        assert f"| {name} | {' | '.join(amounts)} |" in text
    assert f"{MINUTES:,.0f} minutes" in text
    assert f"${usual.dollars:.2f}" in (DOCS / "events.md").read_text()


def test_the_page_says_what_two_hundred_a_second_cost() -> None:
    text = (DOCS / "cost.md").read_text()
    bridged, straight = busy_month(PRICES, 200, bridged=True), busy_month(PRICES, 200, bridged=False)
    assert f"{bridged.events / 1e6:,.1f} million a month" in text
    rows = {
        "EventBridge": (bridged.bus, straight.bus),
        "SQS, a request that brings each": (bridged.sent, straight.sent),
        "SQS, a quarter of one that receives and deletes it": (bridged.asked, straight.asked),
    }
    for name, (one, other) in rows.items():
        assert f"| {name} | ${one:.2f} | ${other:.2f} |" in text
    assert f"| **together** | **${bridged.dollars:.2f}** | **${straight.dollars:.2f}** |" in text


async def test_an_idle_minute_asks_as_often_as_is_computed() -> None:
    """Who waits asks the queue once in a long poll, and reads no more of Firestore than is priced."""
    world = World()
    follower = world.handlers["list"].events
    world.steps.taken = 0
    began = world.clock.now()
    await world.handlers["list"](FOLLOW, "list-m1", Budget(began, 540.0))
    assert world.clock.now() - began == follower.quiet_seconds == USUAL
    assert world.events.receives == USUAL / WAIT_SECONDS
    assert world.steps.taken / 2 <= 5, "calls of the stores"


def test_the_alarms_that_are_priced_are_those_that_are_made() -> None:
    """An account has ten for nothing, so that a job's are free in the first five."""
    assert len(re.findall(r"^ +metric +=", (MODULE / "events_alarms.tf").read_text(), re.MULTILINE)) == ALARMS
    assert idle_month(PRICES, USUAL).alarms == pytest.approx(0.1 * ALARMS)
    assert idle_month(published().at("us-east-1"), USUAL).alarms == 0


def test_the_poll_that_is_priced_is_the_one_that_is_made() -> None:
    month = idle_month(PRICES, 60)
    assert month.requests == round(month.seconds / WAIT_SECONDS)
    assert re.search(r'lister\s+= \{ concurrency = \d+, memory = "1Gi"', _sizes())


def _sizes() -> str:
    return (MODULE / "sizes.tf").read_text()
