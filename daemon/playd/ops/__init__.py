"""
What lets an operator trust and watch the daemon: the hash-chained journal, logs, and the talk with the service manager.

Nothing here decides about trading. The inner packages know the journal only as `core.record.Recorder`.
What it may import is held by `tests/tidy/test_arrows.py`.
"""
