"""What the use cases need from the world, one small Protocol a file, and nothing of how it is met.

Imports `shared.domain` and `shared.ledger` only.
"""
