"""
The control socket: JSON-RPC 2.0 by lines over a Unix socket; protocol, server, methods, client, and the tables people read.

May import everything below `cli` and `ops`. Trading never waits for a client.
"""
