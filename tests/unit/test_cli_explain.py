"""What `explain` says of a key is what becomes of it, for every way in which a key can end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.domain.archive import Restore
from shared.domain.errors import Forbidden, Transient
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage
from tests.operator import Operator
from tests.unit.test_on_demand import replicate
from tests.world import LIFE, World, counts

KEY = "a/key"


@dataclass
class Case:
    """happened: to a world with nothing in it. outcome: of the next run, "not listed" if it does not see the key. world,
    settings: what differs from the usual. current: whether the copy is of the source's version, before that run.
    """

    name: str
    happened: Callable[[World], object]
    outcome: str
    why: str
    current: bool = False
    comparison: str | None = "missing"
    key: str = KEY
    world: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def put(world: World, key: str = KEY, body: bytes = b"first", storage_class: str = "STANDARD") -> None:
    world.bucket.put(key, body, storage_class=storage_class)


def run(world: World) -> None:
    asyncio.run(world.run(ListMessage()))


def copied(world: World) -> None:
    put(world)
    run(world)


def changed(world: World) -> None:
    copied(world)
    put(world, body=b"second")


def forgotten(world: World) -> None:
    copied(world)
    world.stores.ledger.documents.clear()


def deleted(world: World) -> None:
    copied(world)
    world.bucket.objects.clear()


def forbidden(world: World) -> None:
    put(world)
    world.cdn.faults[KEY.encode()] = [Forbidden("denied")]
    run(world)


def cut_short(world: World) -> None:
    put(world)
    world.cdn.faults[KEY.encode()] = [Transient("reset")] * 100
    run(world)
    world.cdn.faults.clear()


def refused(world: World) -> None:
    put(world, "a/\n")


def refused_before(world: World) -> None:
    refused(world)
    run(world)


def frozen(world: World) -> None:
    put(world, storage_class="GLACIER")


def frozen_before(world: World) -> None:
    frozen(world)
    run(world)


def restored(world: World) -> None:
    frozen_before(world)
    world.bucket.objects[KEY.encode()].restore = Restore.DONE


def tiered(world: World) -> None:
    put(world, storage_class="INTELLIGENT_TIERING")
    world.bucket.archived_in_silence.add(KEY.encode())
    run(world)


def listed(world: World) -> None:
    put(world)
    world.send("list", ListMessage())
    asyncio.run(world.drain(most=1, finish=False))
    world.queue.sent.clear()


def lost(world: World) -> None:
    listed(world)
    for known in world.stores.runs.documents.values():
        known.ended_at = 1.0
        known.state = type(known.state)("stalled")
    world.clock.time += LIFE + 1


def taken(world: World) -> None:
    """Another key's copy lies where an encoded one belongs."""
    put(world, "a/\n")
    run(world)
    (name,) = world.destination.objects
    found, body = world.destination.objects.pop(name)
    found.metadata["s3gcs-key"] = "somebody/else"
    world.destination.objects[name] = found, body
    world.stores.ledger.documents.clear()


CASES = [
    Case("new", put, "copied", "the ledger does not know it"),
    Case("copied", copied, "unchanged", "has copied this version", current=True, comparison="same"),
    Case("changed", changed, "copied", "it has changed since the ledger's version", comparison="size_differs"),
    Case("forgotten", forgotten, "unchanged", "is this version already", current=True, comparison="same"),
    Case("deleted", deleted, "not listed", "no such object", comparison="extra"),
    Case("never", lambda world: None, "not listed", "no such object", comparison=None),
    Case("forbidden", forbidden, "failed", "forbidden: denied"),
    Case("cut short", cut_short, "copied", "it has failed for what passes by itself: transient"),
    Case("refused", refused, "unsupported", "line feed", comparison="unsupported", key="a/\n"),
    Case("refused before", refused_before, "unsupported", "line feed", comparison="unsupported", key="a/\n"),
    Case("frozen", frozen, "archived", "must restore it", comparison="archived"),
    Case("frozen before", frozen_before, "archived", "must restore it", comparison="archived"),
    Case("restored", restored, "copied", "the ledger does not know it"),
    Case("tiered", tiered, "archived", "has recorded it as archived", comparison="archived"),
    Case("being copied", listed, "in_flight", "is copying this version", comparison="in_flight"),
    Case("lost", lost, "copied", "nothing has become of it"),
    Case(
        "filtered",
        put,
        "filtered",
        "the filter exclude",
        world={"filters": Filters(exclude=("a/*",))},
        settings={"exclude": "a/*"},
    ),
    Case(
        "a name that is taken",
        taken,
        "unsupported",
        "holds the copy of",
        comparison="same",
        key="a/\n",
        world={"mapping": KeyMapping(encode=True)},
        settings={"unsupported_names": "encode"},
    ),
    Case(
        "moved",
        copied,
        "unchanged",
        "has copied",
        current=True,
        comparison="same",
        settings={"destination_prefix": "b/", "source_prefix": "a/"},
        world={"mapping": KeyMapping(b"a/", b"b/")},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_said_of_a_key_is_what_becomes_of_it(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(**case.world)
    case.happened(world)
    operator = Operator(world, monkeypatch, **case.settings)
    before = dict(world.stores.ledger.documents), world.stores.control.spoke
    said = operator.asks("explain", case.key, status=0 if case.current else 3)
    assert (said["next_run"]["outcome"], said["comparison"], said["current"]) == (
        case.outcome,
        case.comparison,
        case.current,
    )
    assert case.why in said["next_run"]["why"]
    assert (dict(world.stores.ledger.documents), world.stores.control.spoke) == before, "to ask changes nothing"

    assert world.send("list", ListMessage())
    operator.drain()
    name = max(world.stores.runs.documents, key=lambda name: int(name.rpartition("-m")[2]))
    ended = asyncio.run(counts(world, name))
    assert ended == ({} if case.outcome == "not listed" else {case.outcome: 1})


def test_every_attempt_is_told_with_its_route_and_nothing_commands_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    operator = Operator(world, monkeypatch)
    key = "a/\x1b[31m[red]"
    for body in (b"first", b"second"):
        put(world, key, body)
        run(world)
    said = operator.asks("explain", key)
    assert [(item["outcome"], item["route"], item["proof"]) for item in said["attempts"]] == [
        ("copied", "cdn", "md5")
    ] * 2
    shown = operator.types("explain", key).stdout
    assert "\x1b" not in shown
    assert "a/<U+001B>[31m[red]" in shown
    assert shown.count("copied by cdn, proven by md5") == 2


def test_a_copy_that_was_deleted_is_mended_by_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be it on record from a run, or from who asked for it at /v1/replicate."""
    world = World()
    copied(world)
    operator = Operator(world, monkeypatch)
    force = f"to copy it all the same: `bucket-transfer run {KEY} --force`"
    assert operator.asks("explain", KEY)["next_run"]["advice"] == force
    world.stores.ledger.documents.clear()
    asyncio.run(replicate(world)(KEY.encode()))
    then = operator.asks("explain", KEY)["next_run"]
    assert then["why"] == "a request to /v1/replicate has found this version copied"
    world.destination.objects.clear()
    then = operator.asks("explain", KEY, status=3)["next_run"]
    assert then == {
        "outcome": "unchanged",
        "why": "a request to /v1/replicate has found this version copied, and listings do not look at copies",
        "advice": f"`bucket-transfer verify {KEY}` compares it, and copies it again",
    }
    operator.types("verify", KEY)
    operator.drain()
    assert operator.asks("explain", KEY)["current"] is True, "as was advised"


def test_an_entry_of_other_buckets_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(target="elsewhere")
    copied(world)
    operator = Operator(world, monkeypatch)
    world.destination.objects.clear()
    assert operator.asks("explain", KEY, status=3)["next_run"]["why"] == "the ledger does not know it"
    assert operator.asks("inspect", "a/")["entries"][0]["outcome"] == "copied", "it is stored all the same"


def test_an_address_of_s3_and_no_key_at_all_are_told_apart_from_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(World(), monkeypatch)
    asked = operator.asks("explain", "s3://b/a/é.txt", status=3)
    assert asked["next_run"]["why"].endswith("no such object; keys are named without s3:// and the bucket: 'a/é.txt'")
    assert operator.asks("explain", "a/s3://b", status=3)["next_run"]["why"] == "the source has no such object"
    assert "name a KEY" in operator.types("explain", "", status=2).stderr
