"""`make acceptance` on the local stack: every question is answered, and what is wrong is seen."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from acceptance import cleanup, edge, plan, report
from acceptance.__main__ import asked
from acceptance.answers import Answer, Question, Verdict
from acceptance.cases import Case, write
from acceptance.judge import compared
from acceptance.questions import QUESTIONS
from acceptance.services import connect
from acceptance.trial import Trial
from local.children import ROOT, Child, clean_environment
from local.clients import gcs_client, s3_client
from local.emulators.loopback import HOST, free_port
from local.names import DESTINATION, PROJECT, SOURCE
from local.stack import Stack
from shared.domain.errors import SettingsError
from shared.gcp.firestore.queries import queries, refusals
from shared.settings import CdnAuth
from shared.telemetry import Log


def test_every_question_has_an_answer_and_the_comparison_agrees(tmp_path: Path) -> None:
    out = tmp_path / "answers.json"
    environment = {**os.environ, "OUT": str(out), "LIVE": ""}
    command = [sys.executable, "-m", "acceptance"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout, "no colours where there is no terminal"
    found = json.loads(out.read_text())
    assert found["where"] == "a local stack"
    assert found["left_out"] == {}
    assert {"size/large-in-parts", "size/0-bytes", "encryption/kms", "parts/uneven"} <= set(found["written"])
    answers = {answer["question"]: answer for answer in found["answers"]}
    assert list(answers) == [question.name for question in QUESTIONS]
    assert all(answer["why"] and answer["how"] and answer["if_bad"] and answer["answer"] for answer in answers.values())
    assert answers.pop("the second plan is empty")["answer"].startswith("not asked here: ")
    assert {name for name, answer in answers.items() if answer["verdict"] != "good"} == set()
    count = len(found["written"])
    assert f"{count} objects, {count - 4} read byte for byte" in answers["an independent comparison agrees"]["answer"]
    assert f"deleted {count} objects below s3://{SOURCE}/acceptance-" in done.stdout


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """No functions: what arrives, a test puts there. The edge keeps errors for longer than Terraform's would."""
    with Stack(functions=(), servers={"EDGE_ERROR_SECONDS": "4"}) as running:
        yield running


@pytest.fixture
async def trial(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trial]:
    for name, value in {**stack.environment, **stack.function_environment}.items():
        monkeypatch.setenv(name, value)
    made = Trial(connect(live=False), "acceptance-test/")
    yield made
    cleanup.clean(made)


async def test_an_edge_that_keeps_errors_is_told(trial: Trial) -> None:
    answer = await edge.kept_errors(trial)
    assert answer.verdict is Verdict.BAD
    assert "404 NoSuchKey was answered for" in answer.text


async def test_what_only_cloudfront_knows_is_not_answered_by_the_local_edge(trial: Trial) -> None:
    settings = trial.services.settings.model_copy(update={"cdn_auth": CdnAuth.PUBLIC})
    answer = await edge.checksum_header(Trial(replace(trial.services, settings=settings), trial.prefix))
    assert answer.verdict is Verdict.NOT_ASKED
    assert answer.text.startswith("not asked here: ")
    assert answer.details == {}


async def test_a_question_that_a_service_refuses_is_answered_with_the_refusal(trial: Trial) -> None:
    async def ask(going: Trial) -> Answer:
        going.services.s3.head_bucket(Bucket="nobody-s")
        raise AssertionError("there is no such bucket")

    answer = await asked(Question("name", "why", "how", "if_bad", ask), trial)
    assert answer.verdict is Verdict.BAD
    assert answer.text.startswith("could not be asked: ClientError: ")
    assert "404" in answer.text


def test_the_judge_sees_what_is_damaged_missing_and_extra(trial: Trial, stack: Stack) -> None:
    s3, bucket = s3_client(stack.environment), gcs_client(stack.environment).bucket(DESTINATION)
    for name in ("good", "bad", "lost"):
        case = Case(name, 10)
        trial.cases.append(case)
        assert write(s3, SOURCE, trial.prefix, case) == ""
        if name != "lost":
            body = case.content() if name == "good" else bytes(10)
            bucket.blob(trial.key(name)).upload_from_string(body, content_type="binary/octet-stream")
    bucket.blob(trial.key("extra")).upload_from_string(b"")
    s3.put_object(Bucket=SOURCE, Key="somebody's", Body=b"is not looked at")
    assert compared(trial).differences == [
        "'acceptance-test/bad': the bytes differ",
        "'acceptance-test/extra': only at the destination",
        "'acceptance-test/lost': missing at the destination",
    ]


def test_only_what_the_trial_wrote_is_deleted(trial: Trial, stack: Stack) -> None:
    s3, gcs = s3_client(stack.environment), gcs_client(stack.environment)
    cleanup.must_be_empty(trial)
    for key in ("acceptance-test", "acceptance-test2/a", "acceptance-tes/a", trial.key("mine")):
        s3.put_object(Bucket=SOURCE, Key=key, Body=b"")
        gcs.bucket(DESTINATION).blob(key).upload_from_string(b"")
    with pytest.raises(cleanup.NotEmpty):
        cleanup.must_be_empty(trial)
    assert "deleted 1 objects" in cleanup.clean(trial)
    left = {"acceptance-test", "acceptance-test2/a", "acceptance-tes/a"}
    assert left <= {blob.name for blob in gcs.list_blobs(DESTINATION)}
    assert left <= {item["Key"] for item in s3.list_objects_v2(Bucket=SOURCE)["Contents"]}
    cleanup.must_be_empty(trial)
    with pytest.raises(ValueError, match="no folder of a trial"):
        cleanup.clean(Trial(trial.services, ""))


def test_live_refuses_a_local_stack(trial: Trial) -> None:
    with pytest.raises(SettingsError, match="STORAGE_EMULATOR_HOST leads to a local stack"):
        connect(live=True)


MERGED = {"ranges: run, state"}
"""Equalities alone: where the fields are not exempt from indexes of their own, Firestore joins these.
https://firebase.google.com/docs/firestore/query-data/index-overview#taking_advantage_of_index_merging"""


def told(index: dict[str, Any]) -> str:
    """An index as `named` reads it in a refusal, its fields in one order."""
    fields = (field["fieldPath"] + " desc" * (field["order"] == "DESCENDING") for field in index["fields"])
    return f"{index['collectionGroup']}: {', '.join(sorted(fields))}"


def named(refusal: str) -> str:
    group, fields = refusal.partition("requires an index: ")[2].split(": ")
    return f"{group}: {', '.join(sorted(fields.split(', ')))}"


async def test_each_declared_index_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beginning with none, what is refused is made, until nothing is: then all are made that Terraform makes."""
    indexes = json.loads((ROOT / "terraform/firestore.indexes.json").read_text())["indexes"]
    declared = {told(index): index for index in indexes}
    unrelated = [{"fieldPath": name, "order": "ASCENDING"} for name in ("some", "other")]
    groups = sorted({index["collectionGroup"] for index in declared.values()})
    made = [{"collectionGroup": group, "queryScope": "COLLECTION", "fields": unrelated} for group in groups]
    found: set[str] = set()
    while True:
        missed = set(map(named, (await _refusals(made, tmp_path, monkeypatch)).values()))
        if not missed:
            break
        assert missed <= declared.keys() - found
        found |= missed
        made += [declared[name] for name in missed]
    assert declared.keys() - found == MERGED


async def _refusals(made: list[dict[str, Any]], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (folder / "indexes.json").write_text(json.dumps({"indexes": made, "fieldOverrides": []}))
    port = free_port()
    command = [sys.executable, "-m", "local.emulators", "firestore", "--port", str(port)]
    command += ["--indexes", str(folder / "indexes.json")]
    child = Child("firestore", command, clean_environment({}), port, folder / "log")
    child.start()
    try:
        child.wait_ready()
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"{HOST}:{port}")
        return await refusals(queries(AsyncClient(project=PROJECT), "default", Log("ERROR")))
    finally:
        child.stop()


@pytest.mark.parametrize(
    ("status", "says", "verdict"),
    [(0, "No changes.", Verdict.GOOD), (2, "  # a.b will be updated", Verdict.BAD), (1, "Error: x", Verdict.BAD)],
)
def test_a_plan_is_judged_by_its_exit_status(tmp_path: Path, status: int, says: str, verdict: Verdict) -> None:
    stream = 2 if status == 1 else 1
    script = f'import os, sys; assert "-detailed-exitcode" in sys.argv; os.write({stream}, {says!r}.encode()); sys.exit({status})'
    answer = plan.plan([sys.executable, "-c", script], tmp_path / "mine.tfvars")
    assert answer.verdict is verdict
    assert list(answer.details.values()) == ([says.strip()] if status else [])


def test_names_of_a_person_s_own_do_not_leave() -> None:
    names = {"photos": "SOURCE_BUCKET", "photos-copy": "DESTINATION_BUCKET"}
    text = "s3://photos/a gs://photos-copy/a arn:aws:iam::123456789012:role my-photos"
    assert (
        report.without(text, names)
        == "s3://SOURCE_BUCKET/a gs://DESTINATION_BUCKET/a arn:aws:iam::ACCOUNT:role my-photos"
    )
