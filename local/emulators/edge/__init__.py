"""A CloudFront-like edge in front of a bucket: who may read, what the origin is asked, what a viewer is answered.

policy checks signed URLs, origin signs for the bucket; key_pair makes the keys of a distribution. How the bucket
answers must not enter: the edge asks it over HTTP.
"""
