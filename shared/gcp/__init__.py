"""Cloud Storage, Pub/Sub, Secret Manager and Google's tokens. The only room that knows their wire."""
