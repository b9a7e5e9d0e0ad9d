"""An S3 server: buckets, objects, multipart uploads, listings, Signature Version 4 verified."""
