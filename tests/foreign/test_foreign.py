"""`make foreign`, the pair that every machine has; and that what is wrong, or missing, is told."""

from pathlib import Path

import pytest

from local.clients import gcs_client
from local.names import DESTINATION
from tests.foreign.bucket import photo
from tests.foreign.clients import CLIENTS
from tests.foreign.job import running
from tests.foreign.pairs import PAIRS
from tests.foreign.servers import Missing, program


def test_the_main_job_on_moto_and_a_judge_that_sees_what_is_wrong(tmp_path: Path) -> None:
    with running(PAIRS[0], tmp_path) as job:
        job.play()
        job.judge()
        assert job.told.wrong == []
        assert job.told.read > 100
        bucket = gcs_client(job.stack.environment).bucket(DESTINATION)
        bucket.blob(photo(20)).delete()
        blob = bucket.get_blob(photo(21))
        bucket.blob(photo(21)).upload_from_string(bytes(blob.size), content_type=blob.content_type)
        job.judge()
        assert set(job.told.wrong) == {
            f"{photo(20)!r}: missing at the destination",
            f"{photo(21)!r}: the bytes differ",
            f"{photo(21)!r}: metadata {{'n': '21'}} became {{}}",
        }


def test_what_is_not_on_the_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Missing, match="there is no `no-such-server` on the PATH"):
        program("no-such-server", "nor-this")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    lacking = [pair.name for pair in PAIRS if _lacks(pair.versions)] + [
        c.name for c in CLIENTS if _lacks(c.told_version)
    ]
    assert len(lacking) == len(PAIRS) - 1 + len(CLIENTS), "moto is a library of the tests"


def _lacks(version) -> bool:  # type: ignore[no-untyped-def]
    try:
        version()
    except Missing:
        return True
    return False
