"""A Firestore server (Native mode, gRPC): documents, queries, aggregations, transactions, billed as Firestore bills. It
has no Listen.

service translates and bills, store applies writes, query and indexes find; values, transforms and protos know the wire
format. Which collections there are must not enter, but by the file of composite indexes that the server is given.
"""
