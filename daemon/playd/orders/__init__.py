"""
The order path: ledger, gates, gateway, resolver, fill check, reconciliation, halts, panic, one `Account` per key.

`daemon/order-path.md` is the map of it, every file by what it is for. What may be imported here is held by
`tests/tidy/test_arrows.py`; nobody below the supervisor imports this.
"""
