"""
EngineInstances under supervision: start, crash, back-off, quarantine, stop, and the state each one keeps.

An instance itself touches no socket, no file and no clock: it receives bars and fills and hands out intents.
What it may import is held by `tests/tidy/test_arrows.py`.
"""
