"""
The control socket: JSON-RPC 2.0 by lines over a Unix socket; protocol, server, methods, client, and the tables people read.

Trading never waits for a client. What it may import is held by `tests/tidy/test_arrows.py`.
"""
