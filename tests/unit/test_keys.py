from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.keys import KeyMapping, prefix_end, quote_key, unsupported_reason

keys = (
    st.text(min_size=1, max_size=60)
    .filter(lambda text: text < "\ud800" or text.isprintable())
    .map(lambda text: text.encode(errors="ignore"))
)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        (b"", "empty"),
        (b"a" * 1025, "1025 bytes"),
        ("é".encode() * 513, "1026 bytes"),
        (b"a\rb", "carriage"),
        (b"a\nb", "line feed"),
        (b".", '"."'),
        (b"..", '".."'),
        (b".well-known/acme-challenge/x", "acme"),
    ],
)
def test_what_cloud_storage_refuses(name: bytes, word: str) -> None:
    assert word in (unsupported_reason(name) or "")


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a+b",
        "a%2Fb",
        "a#b?c&d",
        "a//b",
        "/a",
        "a/../b",
        "...",
        "a.",
        "dir/",
        "\U0001f680",
        "cafe\u0301",
        "\x01",
        "x" * 1024,
        ".well-known/other",
    ],
)
def test_what_it_takes(name: str) -> None:
    assert unsupported_reason(name.encode()) is None


@given(keys)
def test_a_quoted_key_is_read_back_byte_for_byte(key: bytes) -> None:
    quoted = quote_key(key)
    assert unquote_to_bytes(quoted) == key
    assert quoted.isascii()
    assert not set(quoted) & set(" +#?&")


def test_nothing_is_normalised() -> None:
    assert quote_key(b"/a//b/../c/.") == "/a//b/../c/."


@given(st.binary(max_size=6), st.binary(max_size=8))
def test_prefix_end_bounds_exactly_the_keys_with_the_prefix(prefix: bytes, key: bytes) -> None:
    end = prefix_end(prefix)
    inside = key >= prefix and (end is None or key < end)
    assert inside == key.startswith(prefix)


@given(st.binary(max_size=5), st.binary(max_size=5), st.lists(st.binary(max_size=5)))
def test_a_mapping_is_reversible_and_keeps_the_order(source: bytes, destination: bytes, tails: list[bytes]) -> None:
    mapping = KeyMapping(source, destination)
    ordered = sorted(source + tail for tail in tails)
    names = [mapping.name(key) for key in ordered]
    assert names == sorted(names)
    assert [mapping.key(name) for name in names] == ordered


def test_keys_outside_the_root_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        KeyMapping(b"a/").name(b"b/c")
    with pytest.raises(ValueError, match="outside"):
        KeyMapping(b"", b"x/").key(b"y/c")


REFUSED = [b"a\nb", b"a\rb", b".", b"..", b".well-known/acme-challenge/x", b"per%cent\n", b"\n", "é\n".encode()]


@pytest.mark.parametrize("key", REFUSED)
def test_a_refused_key_has_a_place_if_the_job_asks_for_one(key: bytes) -> None:
    plain, encoding = KeyMapping(b"", b"to/"), KeyMapping(b"", b"", encode=True)
    if unsupported_reason(b"to/" + key) is not None:
        assert plain.place(key).name is None
        assert plain.place(key).reason
    place = encoding.place(key)
    assert place.name is not None
    assert (place.encoded, unsupported_reason(place.name)) == (True, None)
    assert encoding.original(place.name) == key
    assert plain.original(place.name) is None


def test_what_gets_too_long_by_its_encoding_stays_unsupported() -> None:
    place = KeyMapping(encode=True).place(b"\n" * 400)
    assert place.name is None
    assert "line feed" in place.reason
    assert "bytes long" in place.reason


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
def test_no_two_encoded_keys_share_a_name(first: bytes, second: bytes) -> None:
    mapping = KeyMapping(encode=True)
    places = [mapping.place(key + b"\n") for key in (first, second)]
    assert (places[0].name == places[1].name) == (first == second)


@given(st.binary(max_size=30))
def test_only_names_that_were_encoded_have_an_original(tail: bytes) -> None:
    mapping = KeyMapping(b"in/", b"out/", encode=True)
    original = mapping.original(mapping.encoded_prefix + tail)
    assert original is None or mapping.place(original).name == mapping.encoded_prefix + tail
