"""Our Firestore held to Google's emulator, through google-cloud-firestore. No Listen."""

import concurrent.futures
import datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.aggregation import AggregationQuery
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from local.stack import Stack

MIB = 1024 * 1024


@pytest.fixture
def documents(google_like: Stack, fresh: str) -> Any:
    return firestore.Client(project="local-project").collection(fresh)


def test_firestore_keeps_every_type(documents: Any) -> None:
    now = datetime.datetime.now(datetime.UTC)
    given = {
        "s": "x", "i": 1, "f": 1.5, "b": b"\x00\x01", "n": None, "t": True, "ts": now, "a": [1, "2", {"k": 3}],
        "m": {"x": {"y": 1}}, "ref": documents.document("o"), "g": firestore.GeoPoint(1, 2),
    }  # fmt: skip
    documents.document("d").set(given)
    assert documents.document("d").get().to_dict() == given


def test_firestore_updates(documents: Any) -> None:
    document = documents.document("d")
    document.set({"m": {"x": 1}, "i": 1, "a": [1], "gone": 1})
    document.update({
        "m.z": 2, "i": firestore.Increment(5), "a": firestore.ArrayUnion([1, 2]), "gone": firestore.DELETE_FIELD,
        "top": firestore.Maximum(9),
    })  # fmt: skip
    document.set({"m": {"q": 3}}, merge=True)
    assert document.get().to_dict() == {"m": {"x": 1, "z": 2, "q": 3}, "i": 6, "a": [1, 2], "top": 9}


def test_firestore_preconditions(documents: Any) -> None:
    client, document = documents._client, documents.document("d")
    document.create({"v": 1})
    with pytest.raises(exceptions.AlreadyExists):
        document.create({"v": 2})
    with pytest.raises(exceptions.NotFound):
        documents.document("nowhere").update({"v": 1})
    version = document.get().update_time
    document.update({"v": 1}, option=client.write_option(last_update_time=version))
    document.update({"v": 2}, option=client.write_option(last_update_time=version))
    with pytest.raises(exceptions.FailedPrecondition):
        document.update({"v": 3}, option=client.write_option(last_update_time=version))
    batch = client.batch()
    batch.set(documents.document("other"), {})
    batch.create(document, {})
    with pytest.raises(exceptions.AlreadyExists):
        batch.commit()
    assert not documents.document("other").get().exists


def test_firestore_queries(documents: Any) -> None:
    batch = documents._client.batch()
    for number in range(30):
        batch.set(
            documents.document(f"{number:03d}"),
            {"i": number, "mod": number % 3, "b": b"%03d" % number, "tags": [number % 2]},
        )
    batch.commit()

    def found(query: Any) -> list[int]:
        return [item.get("i") for item in query.stream()]

    def where(field: str, op: str, value: Any) -> Any:
        return documents.where(filter=FieldFilter(field, op, value))

    assert len(found(where("mod", "==", 1))) == 10
    assert found(where("i", ">=", 20).order_by("i", direction="DESCENDING").limit(3)) == [29, 28, 27]
    assert found(where("mod", "==", 0).order_by("i").limit(2)) == [0, 3]
    assert found(where("i", "in", [1, 2, 99])) == [1, 2]
    assert len(found(where("tags", "array_contains", 1))) == 15
    assert found(documents.where(filter=Or([FieldFilter("i", "==", 1), FieldFilter("i", ">", 28)]))) == [1, 29]
    assert found(where("b", ">", b"027").where(filter=FieldFilter("i", "<", 29)).order_by("b")) == [28]
    assert found(documents.order_by("i").start_after({"i": 5}).end_at({"i": 8})) == [6, 7, 8]
    last = list(documents.order_by("b").limit(2).stream())[-1]
    assert found(documents.order_by("b").start_after(last).limit(2)) == [2, 3]


@pytest.mark.parametrize(("op", "most"), [("in", 30), ("array_contains_any", 30), ("not-in", 10)])
def test_firestore_refuses_more_values_than_a_filter_may_have(reachable: Stack, fresh: str, op: str, most: int) -> None:
    documents = firestore.Client(project="local-project").collection(fresh)
    assert list(documents.where(filter=FieldFilter("i", op, [*range(most)])).stream()) == []
    with pytest.raises(exceptions.InvalidArgument, match=f"supports up to {most} comparison values"):
        list(documents.where(filter=FieldFilter("i", op, [*range(most + 1)])).stream())


def test_firestore_aggregations_leave_out_what_lacks_a_field(documents: Any) -> None:
    documents.document("a").set({"x": 1, "y": 10})
    documents.document("b").set({"x": 2})

    def sums(*fields: str) -> dict[str, float]:
        query = AggregationQuery(documents.limit(100))
        for field in fields:
            query.sum(field, alias=field)
        return {item.alias: item.value for group in query.get() for item in group}  # type: ignore[attr-defined]

    assert sums("x") == {"x": 3}
    assert sums("x", "y") == {"x": 1, "y": 10}
    assert documents.count().get()[0][0].value == 2


def test_firestore_transactions_do_not_lose_updates(documents: Any) -> None:
    counter = documents.document("counter")
    counter.set({"n": 0})

    def increment(_: int) -> None:
        @firestore.transactional
        def step(transaction: Any) -> None:
            transaction.update(counter, {"n": counter.get(transaction=transaction).get("n") + 1})

        step(documents._client.transaction(max_attempts=50))

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(increment, range(9)))
    assert counter.get().get("n") == 9


def test_firestore_refuses_a_document_above_a_mebibyte(documents: Any) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        documents.document("big").set({"table": b"x" * (MIB + 1)})


def test_firestore_leaves_out_what_lacks_a_field_before_a_limit_counts(documents: Any) -> None:
    for name, fields in {"a": {"x": 1, "y": 10}, "b": {"x": 2}, "c": {"x": 4, "y": 30}, "d": {"x": 8, "y": 50}}.items():
        documents.document(name).set(fields)

    def sums(query: Any, *fields: str) -> dict[str, float]:
        asked = AggregationQuery(query)
        asked.count(alias="count")
        for field in fields:
            asked.sum(field, alias=field)
        return {item.alias: item.value for group in asked.get() for item in group}  # type: ignore[attr-defined]

    assert sums(documents.limit(2)) == {"count": 2}
    assert sums(documents.limit(2), "x") == {"count": 2, "x": 3}
    assert sums(documents.limit(2), "y") == {"count": 2, "y": 40}
    assert sums(documents.limit(2), "x", "y") == {"count": 2, "x": 5, "y": 40}
    assert sums(documents.offset(1).limit(2), "y") == {"count": 2, "y": 80}


def test_firestore_refuses_a_commit_above_ten_mebibytes(reachable: Stack, fresh: str) -> None:
    """Google's emulator gives up at gRPC's four; the service says ten.

    https://firebase.google.com/docs/firestore/quotas#writes_and_transactions
    """
    documents = firestore.Client(project="local-project").collection(fresh)
    batch = documents._client.batch()
    for number in range(10):
        batch.set(documents.document(f"{number}"), {"t": b"x" * 1_000_000})
    batch.commit()
    for number in range(11):
        batch.set(documents.document(f"more-{number}"), {"t": b"x" * 1_000_000})
    with pytest.raises(exceptions.InvalidArgument, match="exceeds the limit"):
        batch.commit()
    assert not documents.document("more-0").get().exists


def test_firestore_limits_a_sum_along_its_field(documents: Any) -> None:
    for name, fields in {"a": {"x": 9, "y": 1}, "b": {"x": 1, "y": 5}, "c": {"x": 1, "y": 4}, "d": {"x": 3}}.items():
        documents.document(name).set(fields)

    def sums(query: Any, *fields: str) -> dict[str, float]:
        asked = AggregationQuery(query)
        for field in fields:
            asked.sum(field, alias=field)
        return {item.alias: item.value for group in asked.get() for item in group}  # type: ignore[attr-defined]

    assert sums(documents.limit(3), "x") == {"x": 5}
    assert sums(documents.limit(1), "x", "y") == {"x": 1, "y": 4}
    assert sums(documents.order_by("x", direction="DESCENDING").limit(1), "x") == {"x": 9}


def test_firestore_refuses_aggregations_that_are_none(documents: Any) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="can not be empty"):
        AggregationQuery(documents.limit(9)).get()
    with pytest.raises(exceptions.InvalidArgument, match="duplicate alias"):
        documents.count(alias="n").count(alias="n").get()


def test_firestore_refuses_a_version_of_the_future(documents: Any) -> None:
    document = documents.document("a")
    later = document.set({"x": 1}).update_time + datetime.timedelta(hours=1)
    with pytest.raises(exceptions.InvalidArgument):
        document.delete(option=documents._client.write_option(last_update_time=later))
    earlier = later - datetime.timedelta(hours=2)
    with pytest.raises(exceptions.FailedPrecondition):
        document.delete(option=documents._client.write_option(last_update_time=earlier))
    assert document.get().exists


def test_firestore_finds_and_deletes_what_lies_below(documents: Any) -> None:
    documents.document("A").set({"x": 1})
    documents.document("A/below/b").set({"x": 2})
    documents.document("c").set({"x": 3})
    assert [item.id for item in documents.recursive().get()] == ["A", "b", "c"]
    assert documents._client.recursive_delete(documents.document("A")) == 2
    assert [item.id for item in documents.recursive().get()] == ["c"]


def test_firestore_does_not_take_the_present_for_the_past(reachable: Stack, fresh: str) -> None:
    """Google's keeps an hour of old versions; ours has none, and says so."""
    document = firestore.Client(project="local-project").collection(fresh).document("a")
    moment: Any = document.set({"x": 1}).update_time
    for read in (document.get, document.parent.get, document.parent.count().get):
        with pytest.raises(exceptions.MethodNotImplemented):
            read(read_time=moment)
