"""What the use cases need from the world, one small Protocol a file, and nothing of how it is met. Beside these stands
how all rooms try again (`retried`), and how many wait for one thing (`signal`).

Imports `shared.domain` and `shared.ledger` only.
"""
