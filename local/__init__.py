"""The embedded stack: every cloud service as a server on a loopback port, and the demo that runs on it.

The real client libraries talk to these servers; nothing in `shared/` knows that they exist.
"""
