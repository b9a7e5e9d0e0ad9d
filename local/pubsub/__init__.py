"""A Pub/Sub server: gRPC for the client libraries, REST for gcloud, HTTP push, retries and dead letters."""
