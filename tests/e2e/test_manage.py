"""What an operator asks of a job, on the real functions."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local import runs
from local.clients import s3_client
from local.names import SOURCE
from local.sample import Sample, load
from local.stack import Stack
from shared.entrypoints.manage import main

COUNT = 30


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    settings = {"KEYS_PER_MESSAGE": "10"}
    with Stack(functions=("lister", "transfer"), settings=settings) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        objects = [Sample(f"{'ab'[n % 2]}/{n:03d}", 10 + n, n) for n in range(COUNT)]
        load(s3_client(running.environment), SOURCE, objects, lambda size: None)
        yield running


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def run(stack: Stack) -> str:
    return asyncio.run(runs.wait(stack, stack.tick("list"), 60))


def test_an_operator_s_day(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(stack)
    (summary,) = ask(capsys, "run", first)
    assert (summary["balanced"], summary["outcomes"]["copied"]["keys"]) == (True, COUNT)
    assert [item["run"] for item in ask(capsys, "runs")] == [first]
    assert main(["run", "list-that-never-was"]) == 1
    assert "no run 'list-that-never-was'" in capsys.readouterr().err
    (document,) = ask(capsys, "prefix", "")
    assert (document["s3_count"], document["copy"]["state"]) == (COUNT, "published")

    remembered = ask(capsys, "inspect", "a/")
    assert [item["key"] for item in remembered] == [f"a/{n:03d}" for n in range(0, COUNT, 2)]
    assert {item["outcome"] for item in remembered} == {"copied"}
    assert {item["proof"] for item in remembered} == {"md5"}
    assert ask(capsys, "forget", "a/") == [{"forgotten_records": 2}]
    assert ask(capsys, "inspect", "a/") == []

    assert ask(capsys, "pause") == [{"paused": True}]
    stack.tick("list")
    runs.wait_until(lambda: (stack.backlog() or {}).get("lister") == 0, 30)
    assert len(ask(capsys, "runs")) == 1, "nothing was started"
    assert ask(capsys, "resume") == [{"paused": False, "sent_ranges": 0, "sent_batches": 0}]
    second = run(stack)
    (summary,) = ask(capsys, "run", second)
    assert summary["outcomes"]["unchanged"]["keys"] == COUNT, "what was forgotten was looked at, and was there"

    load(s3_client(stack.environment), SOURCE, [Sample(f"c/{n}", 1, n) for n in range(20)], lambda size: None)
    assert ask(capsys, "ceilings", "--objects", "10") == [{"most_objects": 10, "most_bytes": None}]
    third = run(stack)
    (summary,) = ask(capsys, "run", third)
    assert (summary["outcomes"]["copied"]["keys"], summary["stopped_ranges"], summary["balanced"]) == (10, 1, True)
    (document,) = ask(capsys, "prefix", "")
    assert "ceiling of 10 objects" in document["copy"]["error"]
    ask(capsys, "ceilings")
    (summary,) = ask(capsys, "run", run(stack))
    assert summary["outcomes"]["copied"]["keys"] == 10


def test_what_cannot_be_answered_is_said(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prefix", "never/asked"]) == 1
    assert "nothing is known of the prefix 'never/asked'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ceilings", "--objects", "-1"])
