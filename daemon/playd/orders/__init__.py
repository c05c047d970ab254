"""
The order path: ledger, gates, gateway, resolver, fill check, reconciliation, halts, panic, one `Account` per key.

What it may import is held by `tests/tidy/test_arrows.py`; nobody below the supervisor imports it.
"""
