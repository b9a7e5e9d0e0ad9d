"""The command-line tool as a person types it, on the real functions: an operator's day."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from local import runs
from local.children import ROOT
from local.clients import gcs_client, pubsub_clients, s3_client
from local.names import DEAD, DESTINATION, LIST, PROJECT, REPORTS, SOURCE
from local.prices import priced
from local.sample import Sample, load
from local.stack import Stack
from local.stack_file import written
from shared.pricing.catalog import published

COUNT = 30
DENIED, REFUSED, FROZEN = "b/denied", "b/new\nline", "b/frozen"


class Person:
    """In a folder with the local stack's file, and nothing else that says which job is meant."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder

    def types(self, *arguments: str, status: int = 0, typed: str | None = None) -> Result:
        result = CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
        assert result.exit_code == status, (arguments, result.stdout, result.stderr)
        return result

    def asks(self, *arguments: str, status: int = 0, typed: str | None = None) -> Any:
        return json.loads(self.types(*arguments, "--json", status=status, typed=typed).stdout)

    def in_a_process(self, command: str) -> "subprocess.CompletedProcess[str]":
        """By the script that `make` leaves, in a shell."""
        script = ROOT / "local" / "bucket-transfer"
        tool = self.folder / ".venv" / "bin" / "bucket-transfer"
        tool.parent.mkdir(parents=True, exist_ok=True)
        tool.write_text(script.read_text())
        tool.chmod(0o755)
        (tool.parent / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (tool.parent / "python").chmod(0o755)
        for room in ("cli", "shared"):
            if not (self.folder / room).exists():
                (self.folder / room).symlink_to(ROOT / room)
        environment = {
            name: value for name, value in os.environ.items() if "EMULATOR" not in name and "AWS" not in name
        }
        shell = ["bash", "-c", f"set -o pipefail; cd {self.folder}; PATH={tool.parent}:$PATH; {command}"]
        return subprocess.run(shell, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(settings={"KEYS_PER_MESSAGE": "10"}) as running:
        s3 = s3_client(running.environment)
        objects = [Sample(f"{'ab'[n % 2]}/{n:03d}", 10 + n, n) for n in range(COUNT)]
        load(s3, SOURCE, [*objects, Sample(DENIED, 9, 1), Sample(REFUSED, 9, 2)], lambda size: None)
        s3.put_object(Bucket=SOURCE, Key=FROZEN, Body=b"cold", StorageClass="GLACIER")
        for server, op in (("edge", "cdn.request"), ("s3", "s3.get")):
            running.fault(server, op=op, key=f"*{DENIED}", do="status", status=403, code="AccessDenied", times=99)
        yield running


@pytest.fixture
def person(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    written(stack.environment, tmp_path / ".local" / "env")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")
    return Person(stack, tmp_path)


def test_a_first_run_its_failures_and_their_mend(person: Person) -> None:
    assert person.types("status").stdout.splitlines()[1:] == ["nothing is running"]
    planned = person.asks("plan")
    assert (planned["to_copy"]["keys"], planned["archived"]["GLACIER"]["keys"]) == (COUNT + 1, 1), "as the run will say"
    (first,) = person.asks("run", "--wait", status=3)["runs"]
    outcomes = {name: amount["keys"] for name, amount in first["outcomes"].items()}
    assert outcomes == {"copied": COUNT, "failed": 1, "unsupported": 1, "archived": 1}
    assert [run["run"] for run in person.asks("runs")] == [first["run"]]
    assert person.asks("prefix", "")["copy"]["state"] == "finished"

    said = {
        key: person.asks("explain", key, status=0 if key == "a/000" else 3)
        for key in ("a/000", DENIED, REFUSED, FROZEN)
    }
    assert {key: item["next_run"]["outcome"] for key, item in said.items()} == {
        "a/000": "unchanged",
        DENIED: "failed",
        REFUSED: "unsupported",
        FROZEN: "archived",
    }
    (attempt,) = said["a/000"]["attempts"]
    assert (attempt["run"], attempt["route"], attempt["proof"]) == (first["run"], "cloudfront", "md5")
    assert said["a/000"]["destination"]["md5"] == said["a/000"]["source"]["etag"]
    assert said["a/000"]["comparison"] == "same"

    causes = {cause["cause"]: cause["keys"] for cause in person.asks("failures", status=3)["causes"]}
    assert causes == {"forbidden": 1, "unsupported": 1}
    for server in ("edge", "s3"):
        person.stack.clear(server, "/_local/faults")
    (again,) = person.asks("redrive", "--cause", "forbidden", "--wait")["runs"]
    assert again["outcomes"]["copied"]["keys"] == 1
    assert person.asks("explain", DENIED)["current"] is True


def test_a_pause_a_ceiling_and_a_comparison(person: Person) -> None:
    copied = gcs_client(person.stack.environment).bucket(DESTINATION)
    person.asks("pause")
    assert person.asks("run", status=3) == {"sent": False, "why": "paused"}
    assert "paused: nothing more is published or begun" in person.types("status").stdout
    assert person.asks("resume")["paused"] is False
    load(s3_client(person.stack.environment), SOURCE, [Sample(f"c/{n}", 1, n) for n in range(20)], lambda size: None)
    assert person.asks("ceiling", "--objects", "10")["most_objects"] == 10
    (third,) = person.asks("run", "c/", "--wait", status=3)["runs"]
    assert (third["outcomes"]["copied"]["keys"], third["stopped_ranges"]) == (10, 1)
    person.asks("ceiling", "--none")
    copied.blob("a/000").delete()
    (verified,) = person.asks("verify", "--wait")["runs"]
    assert verified["verdicts"]["missing"]["keys"] == 11
    person.asks("verify", "--wait")
    runs.wait_until(lambda: not person.asks("status")["busy"], 60)
    (proof,) = [line["text"] for line in person.asks("cutover", "a/")["lines"] if line["check"] == "proof"]
    half = COUNT // 2
    assert proof == f"{half} of {half} listed keys of 'a/' are proven the same ({half} by md5)", "the others are in b/"
    assert "archived: 1 key is" in person.types("cutover", "b/", status=3).stdout
    mistyped = person.types("cutover", "aa/", status=3).stdout
    assert "has listed no key that begins with 'aa/'" in mistyped
    assert copied.get_blob("a/000") is not None
    assert person.asks("forget", "a/", "--yes")["forgotten_records"] > 0
    assert person.asks("explain", "a/000")["next_run"]["why"].startswith(
        "the ledger does not know it; the copy is looked"
    )


def test_a_pause_tells_of_what_has_begun_and_holds_the_rest(person: Person) -> None:
    """More batches than are pushed at once, each of which takes seconds."""
    count, stack = 900, person.stack
    load(s3_client(stack.environment), SOURCE, [Sample(f"p/{n:03d}", 9, n) for n in range(count)], lambda size: None)
    stack.fault("edge", op="cdn.request", key="*p/*", do="delay", seconds=3.0, times=count)
    person.asks("run", "p/")

    def going() -> dict[str, Any]:
        found: list[dict[str, Any]] = [run for run in person.asks("status")["running"] if run["prefix"] == "p/"]
        return found[0] if found else {}

    def copied() -> int:
        return sum(1 for _ in gcs_client(stack.environment).bucket(DESTINATION).list_blobs(prefix="p/"))

    runs.wait_until(lambda: going().get("pending", 0) > 0 and not going()["open_ranges"], 30)
    told, before = person.asks("pause"), copied()
    assert told["open_ranges"] == 0
    seen = list[int]()

    def rests() -> bool:
        seen.append(copied())
        time.sleep(4)
        return copied() == seen[-1]

    runs.wait_until(rests, 60)
    assert before <= seen[-1] < count, "the rest waits"
    assert seen[-1] - before <= told["may_still_end"]
    run = going()
    assert (run["seconds_left"], run["objects_per_second"], run["pending"]) == (None, None, count - seen[-1])
    assert f"what has begun still ends: up to {run['pending']} listed keys" in person.types("status").stdout
    stack.clear("edge", "/_local/faults")
    assert person.asks("resume")["sent_batches"] > 0
    runs.wait_until(lambda: copied() == count, 60)


def test_a_run_that_is_cancelled_begins_nothing_more_and_the_next_one_copies_its_keys(person: Person) -> None:
    """More batches than are pushed at once, each of which takes seconds."""
    count, stack = 900, person.stack
    load(s3_client(stack.environment), SOURCE, [Sample(f"h/{n:03d}", 9, n) for n in range(count)], lambda size: None)
    stack.fault("edge", op="cdn.request", key="*h/*", do="delay", seconds=3.0, times=count)
    person.asks("run", "h/")

    def listed() -> list[str]:
        going = [run for run in person.asks("status")["running"] if run["prefix"] == "h/"]
        return [run["run"] for run in going if run["pending"] > 0 and not run["open_ranges"]]

    runs.wait_until(lambda: bool(listed()), 30)
    (run,) = listed()
    assert person.asks("cancel", run)["pending"] > 0
    assert person.asks("cancel", run)["cancelled"] is True
    stack.clear("edge", "/_local/faults")
    runs.wait_until(lambda: not person.asks("runs", run, status=3)["pending"], 60)
    stack.tick("close")
    runs.wait_until(lambda: person.asks("runs", run, status=3)["state"] == "cancelled", 30)
    assert "has been cancelled and ended at" in person.types("cancel", run).stdout

    ended = person.asks("runs", run, status=3)
    outcomes = {name: amount["keys"] for name, amount in ended["outcomes"].items()}
    assert ended["balanced"], ended
    assert sum(outcomes.values()) == count
    (cause,) = person.asks("failures", "h/", status=3)["causes"]
    assert (cause["cause"], cause["keys"]) == ("cancelled", outcomes["failed"])
    assert outcomes["failed"] > 0
    (after,) = person.asks("run", "h/", "--wait")["runs"]
    assert {name: amount["keys"] for name, amount in after["outcomes"].items()} == {
        "copied": outcomes["failed"],
        "unchanged": outcomes["copied"],
    }
    assert sum(1 for _ in gcs_client(stack.environment).bucket(DESTINATION).list_blobs(prefix="h/")) == count


def test_dead_letters_are_found_sent_again_and_dropped(person: Person) -> None:
    """Two that a function has refused, one of which can be read, and one as Pub/Sub hands it on after its last
    delivery.
    """
    publisher, _ = pubsub_clients(person.stack.environment)
    publisher.publish(publisher.topic_path(PROJECT, LIST), b'{"prefx": "a/"}').result()
    publisher.publish(publisher.topic_path(PROJECT, LIST), b'{"run": "list-20261129T000000-99"}').result()
    given_up = {
        "CloudPubSubDeadLetterSourceSubscription": "lister",
        "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
    }
    publisher.publish(publisher.topic_path(PROJECT, DEAD), b'{"prefix": "a/00"}', **given_up).result()

    def letters() -> dict[str, Any]:
        return {item["cause"]: item for item in person.asks("failures", status=3)["dead_letters"]}

    runs.wait_until(
        lambda: {name: item["letters"] for name, item in letters().items()} == {"malformed": 2, "undelivered": 1}, 30
    )
    waiting = {item["role"]: item["waiting"] for item in person.asks("status")["queues"]}
    assert waiting == {"list": 0, "transfer": 0, "first": 0, "verify": 0, "dead-letters": 3}
    assert "3 dead letters: `bucket-transfer failures` shows them" in person.types("status").stdout
    refused = {item["reason"]: item["can_be_sent_again"] for item in letters()["malformed"]["examples"]}
    assert refused.pop('unknown field "prefx"') is False
    assert list(refused.values()) == [False], "its run is not on record"
    assert letters()["undelivered"]["examples"][0]["topic"] == "list"
    assert person.asks("redrive", "--cause", "undelivered")["letters"] == 1
    assert letters().keys() == {"malformed"}
    again = person.asks("redrive", "--cause", "malformed", status=3)
    assert (again["letters"], again["letters_left"]) == (0, {"malformed": 2})
    assert person.asks("drop", "--reason", "malformed", "--yes")["dropped_letters"] == 2
    assert letters() == {}
    assert person.asks("drop", "--reason", "unsupported", "--yes")["dropped_keys"] == 1
    assert not person.asks("failures", REFUSED)["keys"]


def test_keys_of_a_manifest_go_out_by_name(person: Person) -> None:
    listed = "".join(json.dumps({"key": f"a/{n:03d}"}) + "\n" for n in range(0, COUNT, 2))
    asked = ("run", "--keys-from", "-", "--format", "manifest", "--force", "--wait")
    (run,) = person.asks(*asked, typed=listed)["runs"]
    assert run["outcomes"]["copied"]["keys"] == COUNT // 2


def test_the_reports_what_changed_between_them_and_the_cutover(person: Person) -> None:
    copies, s3 = gcs_client(person.stack.environment), s3_client(person.stack.environment)
    load(s3, SOURCE, [Sample(f"e/{n:03d}", 5 + n, n) for n in range(12)], lambda size: None)
    person.asks("run", "e/", "--wait")
    assert {line["check"] for line in person.asks("cutover", "e/", status=3)["lines"] if line["level"] == "blocks"} >= {
        "order"
    }
    (first,) = person.asks("verify", "e/", "--no-repair", "--wait")["runs"]
    said = person.asks("cutover", "e/")
    assert (said["ready"], said["comparison"], said["warnings"]) == (True, first["run"], 0)
    assert said["rehearsal"]["write_stop_seconds"] > 0
    copies.bucket(DESTINATION).blob("e/003").delete()
    s3.put_object(Bucket=SOURCE, Key="e/new", Body=b"new")
    (second,) = person.asks("verify", "e/", "--no-repair", "--wait", status=3)["runs"]
    shown = person.types("cutover", "e/", status=3).stdout
    assert "blocks   mismatches: 2 missing" in shown
    (delta,) = person.asks("run", "e/", "--wait")["runs"]
    assert (delta["outcomes"]["copied"]["keys"], delta["outcomes"]["unchanged"]["keys"]) == (1, 12)
    assert "order: it began before" in person.types("cutover", "e/", status=3).stdout

    changed = person.folder / "changed.jsonl"
    found = person.asks("compare", first["run"], second["run"], "--output", str(changed), status=3)
    assert (found["not_covered"], found["keys"]["read"], found["keys"]["agreeing"]) == ([], [12, 13], 11)
    assert {(line["key"], line["from"], line["to"]) for line in map(json.loads, changed.open())} == {
        ("e/003", "same", "missing"),
        ("e/new", None, "missing"),
    }
    (repaired,) = person.asks("verify", "e/", "--wait")["runs"]
    assert repaired["verdicts"]["missing"]["keys"] == 1
    person.asks("verify", "e/", "--wait")
    runs.wait_until(lambda: not person.asks("status")["busy"], 60)
    third = person.asks("cutover", "e/")["comparison"]
    ready = person.in_a_process("bucket-transfer cutover e/")
    assert (ready.returncode, ready.stdout.splitlines()[0].partition(",")[0]) == (0, "ready: e/"), ready.stderr
    person.asks("run", "e/", "--wait")

    assert person.asks("compare", first["run"], third, status=3)["keys"]["changed"] == 1
    told = person.asks("report", third)
    assert (told["run"], told["figures"]["proven"], told["figures"]["tone"]) == (third, 13, "good")
    page = (person.folder / f"{third}.html").read_text()
    assert told["figures"]["sentence"] in page
    links = {run["run"]: run["report"] for run in person.asks("runs")}
    answered = copies._http.get(links[third]["link"])
    assert (answered.status_code, answered.text) == (200, page)
    assert answered.headers["Content-Type"].startswith("text/html")
    assert links[third]["page"] == told["page"] == f"gs://{REPORTS}/default/{third}/report.html"
    assert "bad: " in person.types("report", second["run"], "-o", "second.html", status=3).stdout
    assert "there is no run 'never'" in person.types("compare", first["run"], "never", status=1).stderr


def test_the_script_in_a_pipe_is_plain_and_ends_in_silence(person: Person) -> None:
    shown = person.in_a_process("bucket-transfer status --verbose")
    assert (shown.returncode, "\x1b" in shown.stdout) == (0, False), shown.stderr
    assert shown.stderr == f"job 'default', from the local stack ({person.folder}/.local/env)\n"
    cut = person.in_a_process("bucket-transfer inspect '' --limit 0 --json | true")
    assert (cut.returncode, cut.stdout, cut.stderr) == (1, "", "")
    wrong = person.in_a_process("bucket-transfer runs never")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == "bucket-transfer: there is no run 'never': `bucket-transfer runs` names the last ones\n"


def test_the_doctor_finds_what_is_planted_and_leaves_nothing_behind(person: Person) -> None:
    found = person.asks("doctor")
    levels = {item["check"]: item["level"] for item in found["findings"]}
    assert (found["failed"], found["warnings"], set(levels.values())) == (0, 0, {"ok"}), found
    assert {"source: read", "edge", "destination: probe", "TRANSFER_TOPIC", "indexes", "clock"} <= levels.keys()
    copies = gcs_client(person.stack.environment).bucket(DESTINATION)
    assert not [blob.name for blob in copies.list_blobs() if "probe" in blob.name]

    copies.retention_period = 86_400
    copies.patch()
    text = (person.folder / ".local" / "env").read_text()
    (person.folder / ".local" / "env").write_text(
        text.replace("VERIFY_TOPIC=verify", "VERIFY_TOPIC=nowhere").replace("REPORT_BUCKET=", "REPORT_BUCKET=no-")
    )
    broken = person.asks("doctor", status=3)
    assert {item["check"] for item in broken["findings"] if item["level"] == "failed"} == {
        "DESTINATION_BUCKET",
        "VERIFY_TOPIC",
        "REPORT_BUCKET",
    }
    assert all(item["mend"] for item in broken["findings"] if item["level"] != "ok")
    shown = person.types("doctor", status=3).stdout
    assert "failed   DESTINATION_BUCKET: a retention policy keeps every object for a day" in shown
    copies.retention_period = None
    copies.patch()


def test_a_forecast_is_within_five_percent_of_the_bill(person: Person) -> None:
    """By what the local servers count, at list prices: so without what is free in a month. A run's report is in it."""
    catalog = published()
    free = {
        "meters": {name: {"free": 0} for name, meter in catalog.meters.items() if meter.free},
        "regions": {
            group: {"meters": {name: {"free": 0} for name, meter in region.meters.items() if meter.free}}
            for group, region in catalog.regions.items()
        },
    }
    with (person.folder / ".local" / "env").open("a") as env:
        env.write(f"export PRICES={shlex.quote(json.dumps(free))}\n")
    objects = [Sample(f"d/{n:03d}", 100_000 + n, n) for n in range(400)]
    load(s3_client(person.stack.environment), SOURCE, objects, lambda size: None)
    plan = person.asks("plan", "d/")
    assert (plan["complete"], plan["to_copy"]["keys"]) == (True, 400)
    before = person.stack.bill()
    person.asks("run", "d/", "--wait")
    counted = {name: amount - before.get(name, 0) for name, amount in person.stack.bill().items()}
    measured: dict[str, float] = {}
    for line in priced(counted):
        measured[line.service] = measured.get(line.service, 0.0) + line.dollars
    services, forecast = ("CloudFront", "S3", "Cloud Storage"), plan["routes"]["cloudfront"]["services"]
    whole = sum(measured[name] for name in services)
    assert sum(forecast[name] for name in services) == pytest.approx(whole, rel=0.05)
    assert forecast["CloudFront"] == pytest.approx(measured["CloudFront"], rel=0.01)


def test_a_stack_that_is_gone_is_a_line(person: Person) -> None:
    text = (person.folder / ".local" / "env").read_text()
    port = str(person.stack.ports.s3)
    (person.folder / ".local" / "env").write_text(text.replace(f":{port}", ":1"))
    result = person.types("explain", "a/000", status=1)
    assert result.stderr.count("\n") == 1
    assert "S3 cannot be asked" in result.stderr
    runs.wait_until(lambda: not any((person.stack.backlog() or {}).values()), 30)
