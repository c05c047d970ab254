"""
Where orders go and prices come from: the port (protocols), the Bybit adapter, and the local exchange.

What it may import is held by `tests/tidy/test_arrows.py`; nothing below `orders` imports this.
"""
