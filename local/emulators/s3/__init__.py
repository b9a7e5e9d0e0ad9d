"""An S3 server: buckets, objects, multipart uploads, listings, Signature Version 4 verified.

api routes a request, sigv4 lets it in, receiving takes its body; store holds what there is, and knows no HTTP. What S3
has and this server has not is refused with 501, so that nothing passes for done. What CloudFront does must not enter:
that is the edge's.
"""
