"""google.firestore.v1.Firestore over gRPC, with its reads, writes and deletes counted as they are billed.

Billing: https://firebase.google.com/docs/firestore/pricing — a read for each document that a query returns, at
least one for a query; an aggregation costs one read for up to 1,000 index entries.
Transactions are optimistic: what was read is compared again at commit.
"""

import itertools
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status

from local.emulators.firestore import protos, query
from local.emulators.firestore.indexes import Asked, Indexes
from local.emulators.firestore.store import FirestoreError, Store
from local.emulators.firestore.weight import MOST_COMMIT_BYTES
from local.emulators.instruments import Instruments, Refusal

_CONTENTION = "Too much contention on these documents. Please try again."
ENTRIES_A_READ = 1000
MOST_AGGREGATED = 500_000
"""Index entries that one aggregation gets through before it is ended after 60 s. No rate is documented, only that it
takes the longer the more entries there are, so this is on the safe side:
https://firebase.google.com/docs/firestore/query-data/aggregation-queries#limitations"""


@dataclass(slots=True)
class Transaction:
    """What a transaction has seen: document versions, and queries with the versions they found."""

    documents: dict[str, int | None] = field(default_factory=dict)
    queries: list[tuple[str, Any, list[tuple[str, int]]]] = field(default_factory=list)


class Firestore:
    """The methods are named as the service names them."""

    unary = (
        "BeginTransaction",
        "Rollback",
        "Commit",
        "BatchWrite",
        "GetDocument",
        "ListDocuments",
        "ListCollectionIds",
    )
    streaming = ("BatchGetDocuments", "RunQuery", "RunAggregationQuery")

    def __init__(
        self, instruments: Instruments, indexes: Indexes | None = None, most_aggregated: int = MOST_AGGREGATED
    ) -> None:
        self.instruments = instruments
        self._indexes = indexes or Indexes({}, {})
        self._most_aggregated = most_aggregated
        self._store = Store(self._indexes)
        self._transactions: dict[bytes, Transaction] = {}
        self._numbers = itertools.count(1)

    async def BeginTransaction(self, request: Any) -> Any:
        _refuse_the_past(request.options.read_only)
        return protos.BeginTransactionResponse(transaction=self._begin())

    async def Rollback(self, request: Any) -> Any:
        self._transactions.pop(request.transaction, None)
        return Empty()

    async def Commit(self, request: Any) -> Any:
        await self.instruments.enter("firestore.commit")
        if request.ByteSize() > MOST_COMMIT_BYTES:
            message = f"Request payload size exceeds the limit: {MOST_COMMIT_BYTES} bytes."
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)
        if request.transaction:
            self._check(self._transactions.pop(request.transaction, None))
        results, commit_time = self._store.apply(request.writes)
        self._bill_writes(request.writes)
        return protos.CommitResponse(write_results=results, commit_time=commit_time)

    async def BatchWrite(self, request: Any) -> Any:
        answer = protos.BatchWriteResponse()
        for write in request.writes:
            try:
                results, _ = self._store.apply([write])
                answer.write_results.append(results[0])
                answer.status.append(Status())
                self._bill_writes([write])
            except FirestoreError as error:
                answer.write_results.append(protos.WriteResult())
                answer.status.append(Status(code=error.status.value[0], message=str(error)))
        return answer

    async def GetDocument(self, request: Any) -> Any:
        _refuse_the_past(request)
        self.instruments.count("firestore.reads")
        document = self._store.get(request.name)
        if document is None:
            raise FirestoreError(grpc.StatusCode.NOT_FOUND, f'Document "{request.name}" not found.')
        return _masked(document, request)

    async def ListDocuments(self, request: Any) -> Any:
        _refuse_the_past(request)
        path = f"{request.parent}/{request.collection_id}"
        collection = self._store.collections.get(path, {})
        names = {identity.decode() for identity in collection}
        if request.show_missing:
            below = (name for name, documents in self._store.collections.items() if documents)
            names |= {name[len(path) + 1 :].split("/")[0] for name in below if name.startswith(f"{path}/")}
        ahead = sorted(name for name in names if name > request.page_token)
        size = request.page_size or 100
        answer = protos.ListDocumentsResponse()
        for name in ahead[:size]:
            document = collection.get(name.encode())
            answer.documents.append(_masked(document, request) if document else protos.Document(name=f"{path}/{name}"))
        self.instruments.count("firestore.reads", max(1, len(answer.documents)))
        if len(ahead) > size:
            answer.next_page_token = ahead[size - 1]
        return answer

    async def ListCollectionIds(self, request: Any) -> Any:
        _refuse_the_past(request)
        below = (name for name, documents in self._store.collections.items() if documents)
        prefix = f"{request.parent}/"
        ids = {name[len(prefix) :].split("/")[0] for name in below if name.startswith(prefix)}
        return protos.ListCollectionIdsResponse(collection_ids=sorted(ids))

    async def BatchGetDocuments(self, request: Any) -> AsyncIterator[Any]:
        transaction, started = self._transaction(request)
        if started:
            yield protos.BatchGetDocumentsResponse(transaction=started)
        for name in request.documents:
            self.instruments.count("firestore.reads")
            document = self._store.get(name)
            if transaction is not None:
                transaction.documents.setdefault(name, _version(document))
            answer = protos.BatchGetDocumentsResponse(read_time=self._store.tick())
            if document is None:
                answer.missing = name
            else:
                answer.found.CopyFrom(_masked(document, request))
            yield answer

    async def RunQuery(self, request: Any) -> AsyncIterator[Any]:
        await self.instruments.enter("firestore.query")
        transaction, started = self._transaction(request)
        asked = request.structured_query
        self._indexes.check(Asked.of(asked))
        documents = query.run(self._store, request.parent, asked)
        self.instruments.count("firestore.reads", max(1, len(documents)))
        if transaction is not None:
            transaction.queries.append((request.parent, asked, _versions(documents)))
        if started:
            yield protos.RunQueryResponse(transaction=started)
        read_time = self._store.tick()
        fields = [item.field_path for item in asked.select.fields] if asked.HasField("select") else None
        for document in documents:
            shown = query.project(document, fields) if fields is not None else document
            yield protos.RunQueryResponse(document=shown, read_time=read_time)
        if not documents:
            yield protos.RunQueryResponse(read_time=read_time)

    async def RunAggregationQuery(self, request: Any) -> AsyncIterator[Any]:
        asked = request.structured_aggregation_query
        if len(asked.aggregations) > 5:
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, "maximum number of aggregations is 5")
        _refuse_the_past(request)
        if not asked.aggregations:
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, "Aggregations can not be empty.")
        names = [item.alias for item in asked.aggregations if item.alias]
        if len(set(names)) < len(names):
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, "Aggregation aliases contain duplicate alias.")
        self._indexes.check(Asked.of(asked.structured_query, asked.aggregations))
        needed = query.summed_fields(asked.aggregations)
        documents = query.run(self._store, request.parent, asked.structured_query, needed)
        if len(documents) > self._most_aggregated:
            message = f"an aggregation over {len(documents)} index entries takes longer than 60 s"
            raise FirestoreError(grpc.StatusCode.DEADLINE_EXCEEDED, message)
        self.instruments.count("firestore.reads", max(1, math.ceil(len(documents) / ENTRIES_A_READ)))
        answer = protos.RunAggregationQueryResponse(read_time=self._store.tick())
        for number, aggregation in enumerate(asked.aggregations, 1):
            alias = aggregation.alias or f"field_{number}"
            answer.result.aggregate_fields[alias].CopyFrom(query.aggregate(documents, aggregation))
        yield answer

    def _begin(self) -> bytes:
        identity = b"transaction-%d" % next(self._numbers)
        self._transactions[identity] = Transaction()
        return identity

    def _transaction(self, request: Any) -> tuple[Transaction | None, bytes | None]:
        _refuse_the_past(request)
        match request.WhichOneof("consistency_selector"):
            case "new_transaction":
                started = self._begin()
                return self._transactions[started], started
            case "transaction":
                found = self._transactions.get(request.transaction)
                if found is None:
                    raise _expired()
                return found, None
        return None, None

    def _check(self, transaction: Transaction | None) -> None:
        """Raises ABORTED if anything the transaction has read is different now."""
        if transaction is None:
            raise _expired()
        for name, version in transaction.documents.items():
            if _version(self._store.get(name)) != version:
                raise FirestoreError(grpc.StatusCode.ABORTED, _CONTENTION)
        for parent, asked, versions in transaction.queries:
            if _versions(query.run(self._store, parent, asked)) != versions:
                raise FirestoreError(grpc.StatusCode.ABORTED, _CONTENTION)

    def _bill_writes(self, writes: Any) -> None:
        for write in writes:
            kind = "deletes" if write.WhichOneof("operation") == "delete" else "writes"
            self.instruments.count(f"firestore.{kind}")


def _refuse_the_past(request: Any) -> None:
    """Raises UNIMPLEMENTED for a read as of some time: there are no old versions here, and the present is no answer."""
    if request.HasField("read_time"):
        raise FirestoreError(grpc.StatusCode.UNIMPLEMENTED, "the local Firestore keeps no old versions: no read_time")


def _expired() -> FirestoreError:
    message = "The referenced transaction has expired or is no longer valid."
    return FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _version(document: Any) -> int | None:
    return None if document is None else int(document.update_time.ToMicroseconds())


def _versions(documents: list[Any]) -> list[tuple[str, int]]:
    return [(document.name, int(document.update_time.ToMicroseconds())) for document in documents]


def _masked(document: Any, request: Any) -> Any:
    return query.project(document, request.mask.field_paths) if request.HasField("mask") else document


def handlers(service: Firestore) -> list[grpc.GenericRpcHandler]:
    """The service, ready for a gRPC server."""
    methods: dict[str, Any] = {}
    for name in Firestore.unary:
        request = protos.bare(f"{name}Request")
        methods[name] = grpc.unary_unary_rpc_method_handler(
            _unary(getattr(service, name)), request.FromString, _serialize
        )
    for name in Firestore.streaming:
        request = protos.bare(f"{name}Request")
        methods[name] = grpc.unary_stream_rpc_method_handler(
            _streaming(getattr(service, name)), request.FromString, _serialize
        )
    return [grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", methods)]


def _unary(method: Any) -> Any:
    async def call(request: Any, context: Any) -> Any:
        try:
            return await method(request)
        except FirestoreError as error:
            await context.abort(error.status, str(error))
        except Refusal as refusal:
            await context.abort(grpc.StatusCode.UNAVAILABLE, refusal.code)

    return call


def _streaming(method: Any) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for answer in method(request):
                yield answer
        except FirestoreError as error:
            await context.abort(error.status, str(error))
        except Refusal as refusal:
            await context.abort(grpc.StatusCode.UNAVAILABLE, refusal.code)

    return call


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())
