"""A Cloud Storage server: the JSON API with media, multipart and resumable uploads, and batches."""
