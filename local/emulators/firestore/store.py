"""Documents by collection, and the atomic application of writes."""

import time
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from sortedcontainers import SortedDict

from local.emulators.firestore import transforms
from local.emulators.firestore.protos import Document, WriteResult
from local.emulators.firestore.values import get, parse_path, put
from local.emulators.firestore.weight import MOST_COMMIT_BYTES, Indexed, commit_bytes

MOST_DOCUMENT_BYTES = 1_048_576
"""https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""


class FirestoreError(Exception):
    """An error with its gRPC status."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


class Store:
    """Documents by collection path, sorted by id as bytes. indexes: which entries a document has in them."""

    def __init__(self, indexes: Indexed) -> None:
        self._indexes = indexes
        self.collections: dict[str, SortedDict[bytes, Any]] = {}
        self._last_commit = 0

    def get(self, name: str) -> Any:
        """The document of a full name, None if there is none."""
        collection, _, identity = name.rpartition("/")
        return self.collections.get(collection, {}).get(identity.encode())

    def tick(self) -> Any:
        """A commit time, in microseconds that only grow."""
        self._last_commit = max(self._last_commit + 1, time.time_ns() // 1000)
        stamp = Timestamp()
        stamp.FromMicroseconds(self._last_commit)
        return stamp

    def apply(self, writes: Any) -> tuple[list[Any], Any]:
        """All writes or none; returns their results and the commit time."""
        commit_time = self.tick()
        staged: dict[str, Any] = {}
        results = []
        for write in writes:
            name = _target(write)
            current = staged[name] if name in staged else self.get(name)
            _check_precondition(write.current_document, current, name, commit_time)
            result = WriteResult(update_time=commit_time)
            operation = write.WhichOneof("operation")
            if operation == "delete":
                result.ClearField("update_time")
                staged[name] = None
            elif operation in ("update", "transform"):
                staged[name] = self._written(write, name, current, commit_time, result)
            results.append(result)
        self._check_weight(staged)
        for name, document in staged.items():
            self._install(name, document)
        return results, commit_time

    def _written(self, write: Any, name: str, current: Any, commit_time: Any, result: Any) -> Any:
        document = Document(name=name, update_time=commit_time)
        masked = write.WhichOneof("operation") == "transform" or write.HasField("update_mask")
        source = current if masked else write.update
        if source is not None:
            for field, value in source.fields.items():
                document.fields[field].CopyFrom(value)
        if write.WhichOneof("operation") == "update":
            for path in write.update_mask.field_paths:
                put(document, parse_path(path), get(write.update, parse_path(path)))
            changes = write.update_transforms
        else:
            changes = write.transform.field_transforms
        for change in changes:
            result.transform_results.append(transforms.apply(document, change, commit_time))
        document.create_time.CopyFrom(current.create_time if current is not None else commit_time)
        if current is not None and _same_fields(document, current):
            document.update_time.CopyFrom(current.update_time)
            result.update_time.CopyFrom(current.update_time)
        if document.ByteSize() > MOST_DOCUMENT_BYTES:
            message = f"Document '{name}' cannot be written because its size exceeds {MOST_DOCUMENT_BYTES} bytes."
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)
        return document

    def _check_weight(self, staged: dict[str, Any]) -> None:
        changes = ((name, self.get(name), document) for name, document in staged.items())
        if commit_bytes(changes, self._indexes) > MOST_COMMIT_BYTES:
            message = "Transaction too big. Decrease transaction size."
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)

    def _install(self, name: str, document: Any) -> None:
        path, _, identity = name.rpartition("/")
        collection = self.collections.setdefault(path, SortedDict())
        if document is None:
            collection.pop(identity.encode(), None)
        else:
            collection[identity.encode()] = document


def _same_fields(left: Any, right: Any) -> bool:
    """A write that changes nothing keeps the document's update time.

    https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#writeresult
    """
    return len(left.fields) == len(right.fields) and all(
        name in right.fields and value == right.fields[name] for name, value in left.fields.items()
    )


def _target(write: Any) -> str:
    match write.WhichOneof("operation"):
        case "update":
            return str(write.update.name)
        case "delete":
            return str(write.delete)
        case "transform":
            return str(write.transform.document)
    raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, "a write without an operation")


def _check_precondition(condition: Any, current: Any, name: str, now: Any) -> None:
    """An update time that is yet to come is no version of anything: the service refuses the argument, as its own client
    is tested (`test_document_delete`): https://github.com/googleapis/python-firestore/blob/main/tests/system/test_system.py
    """
    match condition.WhichOneof("condition_type"):
        case "exists" if condition.exists and current is None:
            raise FirestoreError(grpc.StatusCode.NOT_FOUND, f"No document to update: {name}")
        case "exists" if not condition.exists and current is not None:
            raise FirestoreError(grpc.StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
        case "update_time" if condition.update_time.ToNanoseconds() > now.ToNanoseconds():
            message = "the required base version is in the future"
            raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)
        case "update_time" if current is None or current.update_time != condition.update_time:
            message = f"the stored version does not match the required base version: {name}"
            raise FirestoreError(grpc.StatusCode.FAILED_PRECONDITION, message)
