"""A Secret Manager server (gRPC): create a secret, add a version, access one. Which secrets there are must not enter:
they are made over its own API.
"""
