"""What was found by hostile input, each by itself; `tests/fuzz` looks for more."""

import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from shared.aws.attributes import attributes
from shared.aws.listing import NotAListing, parse
from shared.domain.counts import Counts
from shared.domain.errors import MalformedMessage, Transient, UnreadableDocument
from shared.domain.messages import ListMessage, decode
from shared.domain.problems import MOST_PROBLEMS
from shared.domain.reasons import Party
from shared.entrypoints.push import read_push
from shared.gcp.firestore.counts import read_tally
from shared.gcp.firestore.records import read_record, read_whole, record_fields
from shared.gcp.firestore.run_documents import read_progress, read_run
from shared.gcp.firestore.summaries import recorded, summary_fields
from shared.gcp.objects import parse_page
from shared.http.classification import MOST_WAIT_SECONDS, Classifier
from shared.ledger.entry import Entry
from shared.ledger.packing import inflate
from shared.ledger.record import BatchRecord
from shared.ports.run_store import RunSummary
from shared.telemetry import Log, about
from tests.fakes.log import FakeLog

ROW = (
    "<Contents><Key>k</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>"
    "<Contents><Key>l</Key><LastModified>2026-11-28T20:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size></Contents>"
)
PAGE = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"


def test_what_is_said_of_a_malformed_message_is_short() -> None:
    """A million unknown fields made a document that Firestore refuses, and the message came again until put aside."""
    with pytest.raises(MalformedMessage) as caught:
        decode(ListMessage, json.dumps({f"field {number}": 1 for number in range(100_000)}).encode())
    assert caught.value.problems[-1] == f"and {100_000 - MOST_PROBLEMS} more"
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize("odd", ["../x", "a/b", "", "\ud800", "7\n", 7, None, "x" * 200])
def test_an_id_that_pubsub_never_gives_is_no_part_of_a_name(odd: Any) -> None:
    assert read_push({"message": {"data": "", "messageId": odd}}).message_id == "none"
    assert read_push({"message": {"data": "", "messageId": "12345"}}).message_id == "12345"


def test_half_of_a_surrogate_pair_can_be_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON may hold one, UTF-8 may not: the line failed, and with it the message."""
    with about(subscription="\ud800"):
        Log().warning("half \udfff")
    line = capsys.readouterr().out
    line.encode()
    assert json.loads(line)["subscription"] == "\ud800"


@pytest.mark.parametrize(
    ("moment", "etag", "size"),
    [
        ("2026-11-28T20:00:00.000Z", "e", "-5"),
        ("2026-11-28T20:00:00.000Z", "e", "9" * 30),
        ("2026-11-28T20:00:00.000Z", "e&#13;&#10;X-Injected: 1", "5"),
        ("2026-02-31T20:00:00.000Z", "e", "5"),
        ("yesterday", "e", "5"),
    ],
)
def test_a_page_with_what_no_object_has_is_none(moment: str, etag: str, size: str) -> None:
    with pytest.raises(NotAListing):
        parse(PAGE.format(ROW.format(moment, etag, size)).encode())


def test_a_page_of_copies_that_describes_none_passes() -> None:
    good: dict[str, Any] = {"name": "a", "size": "1", "generation": "1", "crc32c": "AAAAAA=="}
    several: list[dict[str, Any]] = [{"size": "-1"}, {"md5Hash": "AAAA"}, {"metadata": [1]}, {"name": None}]
    for wrong in several:
        with pytest.raises(Transient):
            parse_page([good | wrong])
    assert len(parse_page([good])) == 1


@pytest.mark.parametrize("value", ["A" * 24, "é" * 24, "*" * 24, "=" * 24])
def test_what_is_no_checksum_proves_nothing(value: str) -> None:
    assert attributes({"x-amz-checksum-md5": value}).md5 is None


def test_a_refusal_is_told_whatever_its_body_is() -> None:
    refused = Classifier(Party.EDGE)
    deep = refused("GET k", 503, {"retry-after": "9" * 400}, b'{"error": ' + b"[" * 60_000, 0.0)
    assert deep.retry_after == MOST_WAIT_SECONDS
    long = refused("GET k", 503, {}, json.dumps({"error": {"errors": [{"reason": "\ud800" * 9000}]}}).encode(), 0.0)
    assert len(str(long).encode()) < 10_000


def snapshot(**changed: Any) -> Any:
    record = BatchRecord("b", "r", 1.8e9, (Entry(key=b"k", etag="e", size=1, outcome=None, at=0.0, modified=0),))
    moment = SimpleNamespace(timestamp=lambda: 1.8e9)
    fields = record_fields(record) | {"published_at": moment} | changed
    return SimpleNamespace(id="b", update_time=None, to_dict=lambda: fields)


def test_a_record_of_any_content_is_read_or_forgotten() -> None:
    assert len(read_record(FakeLog(), snapshot()).record.entries) == 1
    table = inflate(snapshot().to_dict()["table"])
    for name, value in (("size", "1"), ("size", -1), ("etag", [7]), ("outcome", [[]]), ("key", [["k"]])):
        packed = zlib.compress(json.dumps(table | {name: value}).encode())
        assert len(read_record(FakeLog(), snapshot(table=packed)).record.entries) == 0
    for changed in ({"table": 7}, {"run": 7}, {"attempt": "1"}, {"table": zlib.compress(b"[" * 100_000)}):
        assert len(read_record(FakeLog(), snapshot(**changed)).record.entries) == 0
    assert read_whole(FakeLog(), snapshot(detail=7)) is None


def test_a_document_does_not_unfold_into_more_than_there_is() -> None:
    with pytest.raises(ValueError, match="longer than"):
        inflate(zlib.compress(b" " * 200_000_000, 9))


def test_a_document_that_makes_no_sense_is_named() -> None:
    with pytest.raises(UnreadableDocument, match="runs/list-1 in Firestore cannot be read"):
        read_run("list-1", {"kind": "list"})
    with pytest.raises(UnreadableDocument, match="pulses/x"):
        read_progress(SimpleNamespace(id="x", get=lambda _: b"garbage"))


def test_what_is_no_whole_number_is_no_count() -> None:
    for odd in (1e308, "7", None):
        with pytest.raises(TypeError):
            read_tally({"listed": {"keys": odd, "bytes": 30}})  # type: ignore[dict-item]
        with pytest.raises(TypeError):
            recorded(summary_fields(RunSummary(3, 30, Counts(), Counts(), Counts(), 0)) | {"open_ranges": odd})
