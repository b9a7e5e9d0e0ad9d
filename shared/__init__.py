"""Everything the three functions share; it is packed into each function's archive.

Arrows point one way: functions → wiring → adapters → core, and functions → workflows → ports, core.
`tests/unit/test_import_rule.py` holds them to it.
"""
