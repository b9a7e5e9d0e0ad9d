"""Cloud Storage, Pub/Sub, Firestore, Secret Manager and Google's tokens. The only room that knows their wire."""
