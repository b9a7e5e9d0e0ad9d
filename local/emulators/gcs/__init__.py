"""A Cloud Storage server: the JSON API with media, multipart and resumable uploads and batches, and the XML API's
multipart uploads.

api routes a request, uploads and multipart take bodies; store decides what becomes an object, and knows no HTTP. What
only S3 does must not enter: Cloud Storage keeps no ETag of MD5s, and compares generations.
"""
