"""
Where orders go and prices come from: the port (protocols), the Bybit adapter, and the local exchange.

May import `core`, `matching`, `market` and `world`. Nothing below `orders` imports this.
"""
