"""A query that Terraform makes no index for fails here, as it would in the cloud."""

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import Client
from google.cloud.firestore_v1.aggregation import AggregationQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from local.names import PROJECT
from local.stack import Stack


@pytest.fixture
def client(reachable: Stack) -> Client:
    return Client(project=PROJECT)


def test_what_is_asked_in_production_is_served(client: Client) -> None:
    ranges = client.collection("jobs/indexes/ranges").where(filter=FieldFilter("run", "==", "r"))
    assert list(ranges.stream()) == []
    assert list(ranges.where(filter=FieldFilter("state", "==", "open")).stream()) == []
    assert list(ranges.where(filter=FieldFilter("stopped", ">", "")).stream()) == []
    pulses = client.collection("jobs/indexes/pulses").where(filter=FieldFilter("run", "==", "r"))
    assert list(pulses.order_by("at", direction="DESCENDING").stream()) == []
    assert list(pulses.order_by("at").stream()) == [], "an index is read in both directions"
    assert list(client.collection("jobs/indexes/ledger").order_by("first").stream()) == []
    sliced = ranges.where(filter=FieldFilter("slice", ">=", 0)).where(filter=FieldFilter("slice", "<", 9))
    assert AggregationQuery(sliced).sum("listed.listed.keys").sum("listed.listed.bytes").count("all").get()


def test_what_has_no_index_is_refused(client: Client) -> None:
    ranges = client.collection("jobs/indexes/ranges").where(filter=FieldFilter("run", "==", "r"))
    with pytest.raises(FailedPrecondition, match="requires an index: ranges: run, cursor"):
        list(ranges.where(filter=FieldFilter("cursor", ">", "")).stream())
    found = client.collection("jobs/indexes/ranges").where(filter=FieldFilter("state", "==", "open"))
    with pytest.raises(FailedPrecondition, match="requires an index: ranges: state, cursor desc"):
        list(found.order_by("cursor", direction="DESCENDING").stream())
    with pytest.raises(FailedPrecondition, match="requires an index: ranges: run, a, b"):
        list(ranges.order_by("a").order_by("b").stream())
    with pytest.raises(FailedPrecondition, match=r"requires an index: ranges: run, listed.keys"):
        AggregationQuery(ranges).sum("listed.keys").get()


@pytest.mark.parametrize(
    ("collection", "field"),
    [
        ("runs", "started_at"),
        ("ranges", "cursor"),
        ("ledger", "last"),
        ("ledger", "outcomes.copied.keys"),
        ("extras", "since"),
    ],
)
def test_what_is_not_indexed_at_all_is_refused(client: Client, collection: str, field: str) -> None:
    """A collection is exempt with all that lies in its fields; a few fields are excepted from that."""
    documents = client.collection(f"jobs/indexes/{collection}")
    with pytest.raises(FailedPrecondition, match=f"not indexed: {collection}: {field}"):
        list(documents.order_by(field).stream())
    with pytest.raises(FailedPrecondition, match=f"not indexed: {collection}: {field}"):
        list(documents.where(filter=FieldFilter(field, "==", 1)).stream())


def test_a_field_is_indexed_in_the_directions_that_are_said(client: Client) -> None:
    with pytest.raises(FailedPrecondition, match="not indexed: ledger: first desc"):
        list(client.collection("jobs/indexes/ledger").order_by("first", direction="DESCENDING").stream())


def test_other_collections_are_let_be(client: Client) -> None:
    mine = client.collection("mine").where(filter=FieldFilter("a", "==", 1))
    assert list(mine.where(filter=FieldFilter("b", ">", 1)).stream()) == []
