"""A Firestore server (Native mode, gRPC): documents, queries, aggregations, transactions, billed as Firestore
bills. It has no Listen, and no need of indexes.
"""
