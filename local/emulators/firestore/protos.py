"""The protocol buffers under google-cloud-firestore's wrappers."""

from typing import Any

from google.cloud.firestore_v1.types import aggregation_result, document, firestore, query, write

_MODULES = (firestore, document, write, query, aggregation_result)


def bare(name: str) -> Any:
    """The protobuf class behind a proto-plus type."""
    for module in _MODULES:
        wrapper = getattr(module, name, None)
        if wrapper is not None:
            return type(wrapper.pb(wrapper()))
    raise KeyError(name)


ArrayValue = bare("ArrayValue")
BatchGetDocumentsResponse = bare("BatchGetDocumentsResponse")
BatchWriteResponse = bare("BatchWriteResponse")
BeginTransactionResponse = bare("BeginTransactionResponse")
CommitResponse = bare("CommitResponse")
Document = bare("Document")
ListCollectionIdsResponse = bare("ListCollectionIdsResponse")
ListDocumentsResponse = bare("ListDocumentsResponse")
MapValue = bare("MapValue")
RunAggregationQueryResponse = bare("RunAggregationQueryResponse")
RunQueryResponse = bare("RunQueryResponse")
Value = bare("Value")
WriteResult = bare("WriteResult")
