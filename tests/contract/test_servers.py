"""Our servers held to Google's emulators and to moto, through the real client libraries.

What the project does not use (Pub/Sub filters, ordering and seek; Firestore's Listen; S3 versioning) is not
offered, and says so.
"""

import concurrent.futures
import datetime
import hashlib
import http.server
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.aggregation import AggregationQuery
from google.cloud.firestore_v1.base_query import FieldFilter, Or
from google.cloud.pubsub_v1.types import FlowControl
from google.cloud.storage import Bucket
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy

from local.provisioning import gcs_client, pubsub_clients, s3_client
from local.stack import Stack

MIB = 1024 * 1024


# --- S3 ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["embedded", "moto"])
def s3(request: pytest.FixtureRequest, fresh: str) -> tuple[Any, str]:
    environment = dict(request.getfixturevalue("embedded").environment)
    if request.param == "moto":
        environment["AWS_ENDPOINT_URL_S3"] = request.getfixturevalue("moto")
    client = s3_client(environment)
    client.create_bucket(Bucket=fresh)
    return client, fresh


def code(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_s3_conditions_and_ranges(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]

    def get(**more: Any) -> Any:
        return client.get_object(Bucket=bucket, Key="k", **more)

    assert etag == f'"{hashlib.md5(b"0123456789").hexdigest()}"'
    assert get(IfMatch=etag)["Body"].read() == b"0123456789"
    assert code(lambda: get(IfMatch='"0"'))[1] == 412
    assert code(lambda: get(IfNoneMatch=etag))[1] == 304
    assert get(Range="bytes=2-4")["Body"].read() == b"234"
    assert get(Range="bytes=2-4")["ContentRange"] == "bytes 2-4/10"
    assert get(Range="bytes=-3")["Body"].read() == b"789"
    assert code(lambda: get(Range="bytes=50-"))[1] == 416
    assert code(lambda: client.head_object(Bucket=bucket, Key="nowhere")) == ("404", 404)
    assert code(lambda: client.get_object(Bucket=bucket, Key="nowhere")) == ("NoSuchKey", 404)
    assert code(lambda: client.list_objects_v2(Bucket="no-such-bucket")) == ("NoSuchBucket", 404)


def test_s3_multipart_etags_and_parts(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    upload = client.create_multipart_upload(Bucket=bucket, Key="mp", Metadata={"a": "b"})["UploadId"]
    bodies = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c" * 7]
    parts = [
        {
            "PartNumber": n,
            "ETag": client.upload_part(Bucket=bucket, Key="mp", UploadId=upload, PartNumber=n, Body=body)["ETag"],
        }
        for n, body in enumerate(bodies, 1)
    ]
    client.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload, MultipartUpload={"Parts": parts})
    head = client.head_object(Bucket=bucket, Key="mp")
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (head["ContentLength"], head["Metadata"]) == (10 * MIB + 7, {"a": "b"})
    part = client.head_object(Bucket=bucket, Key="mp", PartNumber=3)
    assert (part["PartsCount"], part["ContentLength"]) == (3, 7)
    assert client.get_object(Bucket=bucket, Key="mp", Range=f"bytes={10 * MIB - 1}-")["Body"].read() == b"b" + b"c" * 7


def test_s3_listing(s3: tuple[Any, str]) -> None:
    client, bucket = s3
    for number in range(25):
        client.put_object(Bucket=bucket, Key=f"p/{number:03d}", Body=b"")
    client.put_object(Bucket=bucket, Key="q", Body=b"")

    def keys(**more: Any) -> list[str]:
        return [item["Key"] for item in client.list_objects_v2(Bucket=bucket, **more).get("Contents", [])]

    assert keys(StartAfter="p/020") == ["p/021", "p/022", "p/023", "p/024", "q"]
    assert keys(StartAfter="p/0205", Prefix="p/")[0] == "p/021"
    pages = list(
        client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="p/", PaginationConfig={"PageSize": 10})
    )
    assert [len(page["Contents"]) for page in pages] == [10, 10, 5]
    rolled = client.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in rolled["CommonPrefixes"]] == ["p/"]
    assert [item["Key"] for item in rolled["Contents"]] == ["q"]


def test_s3_what_is_not_served_is_refused_and_changes_nothing(embedded: Stack) -> None:
    client, bucket = s3_client(embedded.environment), embedded.environment["SOURCE_BUCKET"]
    client.put_object(Bucket=bucket, Key="safe", Body=b"safe")
    assert code(lambda: client.put_object_tagging(Bucket=bucket, Key="safe", Tagging={"TagSet": []}))[1] == 501
    assert client.get_object(Bucket=bucket, Key="safe")["Body"].read() == b"safe"


# --- Cloud Storage ----------------------------------------------------------------------------------------


@pytest.fixture
def bucket(embedded: Stack, fresh: str) -> Bucket:
    return gcs_client(embedded.environment).create_bucket(fresh)


def test_gcs_uploads_of_every_kind(bucket: Bucket) -> None:
    big = bytes(range(256)) * (9 * MIB // 256)
    for name, size in (("small", 1000), ("big", len(big))):
        blob = bucket.blob(name)
        blob.metadata, blob.cache_control = {"k": "v"}, "max-age=3"
        blob.upload_from_file(io.BytesIO(big[:size]), size=size, content_type="a/b", checksum="crc32c")
        found = bucket.get_blob(name)
        assert (found.size, found.metadata, found.cache_control, found.content_type) == (
            size,
            {"k": "v"},
            "max-age=3",
            "a/b",
        )
        assert found.download_as_bytes() == big[:size]
        assert found.download_as_bytes(start=10, end=19) == big[10:20]
    unknown = bucket.blob("unknown", chunk_size=256 * 1024)
    unknown.upload_from_file(io.BytesIO(big[:700_000]))
    assert bucket.get_blob("unknown").size == 700_000


def test_gcs_preconditions(bucket: Bucket) -> None:
    blob = bucket.blob("k")
    blob.upload_from_string(b"1", if_generation_match=0, retry=None)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("k").upload_from_string(b"2", if_generation_match=0, retry=None)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("k").upload_from_file(io.BytesIO(b"2" * 9 * MIB), if_generation_match=0, retry=None)
    bucket.blob("k").upload_from_string(b"3", if_generation_match=blob.generation, retry=None)
    assert bucket.blob("k").download_as_bytes() == b"3"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("k").delete(if_generation_match=blob.generation, retry=None)


def test_gcs_lists_patches_composes_and_deletes(bucket: Bucket) -> None:
    for number in range(25):
        bucket.blob(f"l/{number:02d}").upload_from_string(b"x")
    pages = bucket.list_blobs(prefix="l/", page_size=10).pages
    assert [len(list(page)) for page in pages] == [10, 10, 5]
    assert [item.name for item in bucket.list_blobs(start_offset="l/20", end_offset="l/22")] == ["l/20", "l/21"]
    rolled = bucket.list_blobs(delimiter="/")
    assert (list(rolled), rolled.prefixes) == ([], {"l/"})
    blob = bucket.get_blob("l/00")
    blob.metadata = {"z": "9"}
    blob.patch()
    assert bucket.get_blob("l/00").metadata == {"z": "9"}
    whole = bucket.blob("whole")
    whole.compose([bucket.blob(f"l/{number:02d}") for number in range(3)])
    found = bucket.get_blob("whole")
    assert (found.size, found.component_count, found.md5_hash) == (3, 3, None)
    moved, _, _ = bucket.blob("moved").rewrite(bucket.blob("whole"))
    assert moved is None
    with bucket.client.batch():
        for number in range(5):
            bucket.blob(f"l/{number:02d}").delete()
    assert bucket.get_blob("l/00") is None


# --- Pub/Sub ----------------------------------------------------------------------------------------------


@pytest.fixture
def topic(google_like: Stack, fresh: str) -> tuple[Any, Any, str, str]:
    publisher, subscriber = pubsub_clients(google_like.environment)
    path, name = publisher.topic_path("local-project", fresh), subscriber.subscription_path("local-project", fresh)
    publisher.create_topic(name=path)
    return publisher, subscriber, path, name


def pull(subscriber: Any, name: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = subscriber.pull(subscription=name, max_messages=1, timeout=3, retry=None)
        except exceptions.DeadlineExceeded:
            continue
        if answer.received_messages:
            return answer.received_messages[0]
    return None


def test_pubsub_nack_and_ack(topic: tuple[Any, Any, str, str]) -> None:
    publisher, subscriber, path, name = topic
    subscriber.create_subscription(name=name, topic=path)
    with pytest.raises(exceptions.AlreadyExists):
        publisher.create_topic(name=path)
    publisher.publish(path, b"m", a="1").result()
    first = pull(subscriber, name)
    subscriber.modify_ack_deadline(subscription=name, ack_ids=[first.ack_id], ack_deadline_seconds=0)
    second = pull(subscriber, name)
    assert second.message.message_id == first.message.message_id
    assert (second.message.data, dict(second.message.attributes)) == (b"m", {"a": "1"})
    subscriber.acknowledge(subscription=name, ack_ids=[second.ack_id])
    assert pull(subscriber, name, seconds=1) is None


def test_pubsub_dead_letters_after_the_last_attempt(topic: tuple[Any, Any, str, str]) -> None:
    publisher, subscriber, path, name = topic
    publisher.create_topic(name=f"{path}-dead")
    subscriber.create_subscription(name=f"{name}-dead", topic=f"{path}-dead")
    policy = DeadLetterPolicy(dead_letter_topic=f"{path}-dead", max_delivery_attempts=5)
    retry = RetryPolicy(minimum_backoff=Duration(nanos=50_000_000), maximum_backoff=Duration(seconds=1))
    subscriber.create_subscription(
        request={"name": name, "topic": path, "dead_letter_policy": policy, "retry_policy": retry}
    )
    publisher.publish(path, b"poison").result()
    attempts = []
    dead = None
    while dead is None and len(attempts) < 10:
        received = pull(subscriber, name, seconds=4)
        if received is not None:
            attempts.append(received.delivery_attempt)
            subscriber.modify_ack_deadline(subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=0)
        if len(attempts) >= 5:
            dead = pull(subscriber, f"{name}-dead", seconds=2)
    assert attempts == [1, 2, 3, 4, 5]
    assert dead.message.data == b"poison"


def test_pubsub_streaming_pull(topic: tuple[Any, Any, str, str]) -> None:
    publisher, subscriber, path, name = topic
    subscriber.create_subscription(name=name, topic=path)
    seen: set[str] = set()
    done = threading.Event()

    def take(message: Any) -> None:
        message.ack()
        seen.add(message.data.decode())
        if len(seen) == 300:
            done.set()

    future = subscriber.subscribe(name, take, flow_control=FlowControl(max_messages=50))
    for item in [publisher.publish(path, str(number).encode()) for number in range(300)]:
        item.result()
    assert done.wait(60)
    future.cancel()


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """An HTTP endpoint: its URL, what was pushed to it, and the statuses it will answer (then 204)."""
    pushes: list[dict[str, Any]] = []
    statuses: list[int] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pushes.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", pushes, statuses
    server.shutdown()


def test_pubsub_pushes_until_it_is_acknowledged(
    topic: tuple[Any, Any, str, str], hook: tuple[str, list[dict[str, Any]], list[int]]
) -> None:
    publisher, subscriber, path, name = topic
    url, pushes, statuses = hook
    statuses += [500, 503]
    subscriber.create_subscription(request={"name": name, "topic": path, "push_config": PushConfig(push_endpoint=url)})
    publisher.publish(path, b"hello", k="v").result()
    deadline = time.monotonic() + 60
    while len(pushes) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pushes) == 3
    assert len({push["message"]["messageId"] for push in pushes}) == 1
    assert pushes[0]["message"]["data"] == "aGVsbG8="
    assert pushes[0]["message"]["attributes"] == {"k": "v"}
    assert pushes[0]["subscription"] == name
    assert pushes[0]["message"]["publishTime"]


# --- Firestore --------------------------------------------------------------------------------------------


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


def test_firestore_aggregations_leave_out_what_lacks_a_field(documents: Any) -> None:
    documents.document("a").set({"x": 1, "y": 10})
    documents.document("b").set({"x": 2})

    def sums(*fields: str) -> dict[str, float]:
        query = AggregationQuery(documents.limit(100))
        for field in fields:
            query.sum(field, alias=field)
        return {item.alias: item.value for group in query.get() for item in group}

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
