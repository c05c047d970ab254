"""
What decisions here honour. The Play checker refuses everything else by name, so that no key is ever silently without effect.
"""

from typing import Final

ENTRY_ORDER_TYPES: Final = frozenset({"Market", "Limit"})
"""`entry.order_type`."""

ANCHORS: Final = frozenset({"signal", "fill"})
"""`risk.anchor`."""

STOP_ORDER_TYPES: Final = frozenset({"Market", "Limit"})
"""`sl_order_type`. Venue modes offer `Market` alone: `VENUE_ORDER_TYPES`."""

TARGET_ORDER_TYPES: Final = frozenset({"Market", "Limit"})
"""`tp_order_type`. Venue modes offer `Market` alone: `VENUE_ORDER_TYPES`."""

VENUE_ORDER_TYPES: Final = frozenset({"Market"})
"""Stop and target order types that an order at a venue can carry; modes with orders refuse a Play with others."""

WINDOW_ZONES: Final = frozenset({"UTC"})
"""`trading_windows[].zone`: other zones need a database of time zones, which decisions do not read."""

FUNDING_GUARD: Final = False
"""`position_policy.funding_guard`: needs announced funding rates, which are not loaded."""

MINUTE_ACTIONS: Final = False
"""Actions whose condition names `last_price` or `mark_price`."""
