"""A Pub/Sub server: gRPC for the client libraries, REST for gcloud, HTTP push, retries and dead letters.

broker holds topics, a subscription its messages and their leases; grpc_api and rest_api only translate. What a message
means must not enter: the server carries bytes.
"""
