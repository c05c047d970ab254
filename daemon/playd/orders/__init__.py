"""
The order path: ledger, gates, gateway, resolver, fill check, reconciliation, halts, panic, one `Account` per key.

May import `core`, `market`, `venues`, `settings`, `world`. Nobody below the supervisor imports it.
"""
