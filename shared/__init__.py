"""What the three functions share. Arrows point one way, and `tests/unit/test_import_rule.py` holds them:

domain ← ledger, pricing ← ports ← runs ← ranges ← listing, verifying; copying; reporting     use cases
ports ← http ← aws, gcp                                                                       adapters
both ← bootstrap ← entrypoints ← functions
"""
