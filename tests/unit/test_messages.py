import json

import pytest

from shared.domain.errors import MalformedMessage
from shared.domain.messages import ListMessage, ObjectEntry, TransferMessage, VerifyMessage, decode
from shared.domain.objects import SourceObject


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ListMessage()),
        (b"{}", ListMessage()),
        (b'{"prefix": "a/"}', ListMessage(prefix=b"a/")),
        (b'{"prefix": "a/", "force": true}', ListMessage(prefix=b"a/", force=True)),
        (b'{"keys": ["a/b.jpg"]}', ListMessage(keys=(b"a/b.jpg",))),
    ],
)
def test_what_a_person_types(body: bytes, expected: ListMessage) -> None:
    assert decode(ListMessage, body) == expected


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (b"prefix: a/", ["not JSON"]),
        (b"[]", ["object"]),
        (b'"a/"', ["object"]),
        (b'{"prefix": 7}', ['"prefix"', "got 7"]),
        (b'{"force": "yes"}', ['"force"', 'got "yes"']),
        (b'{"prefx": "a/"}', ['unknown field "prefx"']),
        (b'{"keys": "a"}', ['"keys"']),
        (b'{"keys": [""]}', ['"keys.0"']),
        (b'{"prefix": "a/", "keys": ["b"]}', ["not both"]),
        (b'{"keys": []}', ["names none"]),
        (b'{"prefix": "a/", "keys": []}', ["names none"]),
        (b'{"prefix": "b/", "cursor": "a"}', ["cursor"]),
        (b'{"run": "../../x"}', ['"run"']),
        (b'{"prefix": 1, "force": 2, "x": 3}', ['"prefix"', '"force"', '"x"']),
        (b"\xff\xfe", ["not JSON"]),
        (b'{"run": "x"}', ['"x"', '"list-', 'leave "run" out']),
        (b'{"run": "verify-20261129T100000-7"}', ['"list-']),
        (b'{"run": "events-20261129T100000-7"}', ['"list-']),
        (b'{"events": true, "run": "list-20261129T100000-7"}', ['"events-']),
        (b'{"starts": "x"}', ['"list-']),
        (b'{"events": true, "starts": "nightly"}', ['"list-']),
        (b'{"cursor": "a"}', ['"cursor"', 'name a "prefix"']),
        (b'{"prefix": "a/", "until": "a/b"}', ['"until"', 'name a "prefix"']),
    ],
)
def test_everything_wrong_is_said(body: bytes, problems: list[str]) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(ListMessage, body)
    for problem in problems:
        assert problem in str(caught.value)


@pytest.mark.parametrize("body", [b'{"run": "list-20261129T100000-7"}', b'{"starts": "x"}', b'{"until": "a"}'])
def test_the_verifier_s_runs_are_its_own_and_of_whole_prefixes(body: bytes) -> None:
    """`{"run": "list-…"}` took the lister's range of all keys, and `{"until": "a"}` made a green page of a part."""
    with pytest.raises(MalformedMessage):
        decode(VerifyMessage, body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"prefix": 7}', '"prefix" must be a text, got 7'),
        (b'{"prefix": null}', '"prefix" must be a text, got null'),
        (b'{"keys": [""]}', '"keys.0" must not be empty, got ""'),
        (b'{"keys": "a"}', '"keys" must be a list, got "a"'),
        (b'{"force": "yes"}', '"force" must be true or false, got "yes"'),
        (b'{"sort": 1.5}', '"sort" must be a text, got 1.5'),
        (b"[]", "it must be a JSON object"),
        (b'{"prefx": "a/"}', 'unknown field "prefx"'),
        (json.dumps({"keys": ["k"] * 1001}).encode(), '"keys" must name at most 1,000, not 1,001'),
        (json.dumps({"keys": ["k" * 1025]}).encode(), f'"keys.0" must have at most 1,024 bytes, got "{"k" * 79}'),
    ],
)
def test_what_is_wrong_is_said_in_a_person_s_words(body: bytes, said: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(ListMessage, body)
    assert caught.value.problems == [said]


def test_what_is_missing_is_said_without_what_is_there() -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(TransferMessage, b'{"run": "r"}')
    assert caught.value.problems == ['"batch" is missing', '"objects" is missing']


@pytest.mark.parametrize(
    "change",
    [
        {"objects": []},
        {"run": None},
        {"batch": ""},
        {"attempt": 0},
        {"objects": [{"key": "a", "etag": "e", "size": -1}]},
    ],
)
def test_a_transfer_message_is_complete(change: dict[str, object]) -> None:
    good = {"run": "r", "batch": "b", "objects": [{"key": "a", "etag": "e", "size": 1}]}
    decode(TransferMessage, json.dumps(good).encode())
    with pytest.raises(MalformedMessage):
        decode(TransferMessage, json.dumps({**good, **change}).encode())


def test_messages_survive_the_wire() -> None:
    entry = ObjectEntry.of(SourceObject("a/é \U0001f680".encode(), "etag", 5, 1_700_000_000))
    message = TransferMessage(run="r", batch="b", objects=(entry,), attempt=3, force=True)
    assert decode(TransferMessage, message.encode()) == message
    assert entry.source().key == "a/é \U0001f680".encode()


def test_what_an_older_version_sent_is_read() -> None:
    sent = b'{"run":"r","batch":"b","objects":[{"key":"a","etag":"e","size":1,"storage_class":"GLACIER_IR"}]}'
    (entry,) = decode(TransferMessage, sent).objects
    assert entry.source() == SourceObject(b"a", "e", 1, 0)
    assert b"storage_class" not in TransferMessage(run="r", batch="b", objects=(entry,)).encode()


def test_defaults_are_not_sent() -> None:
    assert VerifyMessage(prefix=b"a/").encode() == b'{"prefix":"a/"}'


def test_a_transfer_message_of_fifty_long_keys_fits_in_a_message() -> None:
    """Pub/Sub takes 10 MB a message; a batch must stay far below."""
    entries = tuple(ObjectEntry(key=b"k" * 1020 + f"{i:04d}".encode(), etag="0" * 32, size=2**42) for i in range(50))
    assert len(TransferMessage(run="r", batch="b", objects=entries).encode()) < 100_000


@pytest.mark.parametrize("beside", ['"prefix": "a/"', '"run": "verify-1"', '"repair": false'])
def test_to_close_is_about_every_run(beside: str) -> None:
    assert decode(VerifyMessage, b'{"close": true}').close
    assert decode(VerifyMessage, b'{"close": true, "scheduled": true}').close
    with pytest.raises(MalformedMessage, match='"close" is about every run'):
        decode(VerifyMessage, f'{{"close": true, {beside}}}'.encode())
