"""
The two programs: `playd` (the daemon and research, no daemon needed) and `playctl` (talks to a running daemon).

What it may import is held by `tests/tidy/test_arrows.py`; nobody imports this.
"""
