"""
What the instances of this daemon read of a venue in its worst hour: no stream works, and everything is asked for by REST. Pure.

Whoever would take these reads above half of a limit is not started: the other half is for what happens besides, stops first.
"""

import math
from collections import Counter
from collections.abc import Collection
from typing import Final

from playd.orders.rate_limits import ADDRESS_LIMIT, ADDRESS_WINDOW_S, UID_LIMITS_PER_S
from playd.settings.model import Rate, Recon, Streams

SHARE: Final = 0.5
ORDERS_OF_ONE: Final = 3
"""An entry or an exit, the stop, the target."""

ORDERS_A_PAGE: Final = 50
WALLET_S: Final = 5.0
"""Time between two readings of the balance while a loss may be growing."""

CANDLES_S: Final = 30.0
"""Time between two readings of the candles of a symbol whose stream is silent."""


def overdrawn(trading: Collection[tuple[str, str]], streams: Streams, recon: Recon, rate: Rate) -> str:
    """The limit that would be above its share, and what would be read, or nothing. `trading`: account and symbol of each."""
    total_per_s = len({symbol for _, symbol in trading}) / CANDLES_S
    for account, count in sorted(Counter(account for account, _ in trading).items()):
        pages = math.ceil(count * ORDERS_OF_ONE / ORDERS_A_PAGE)
        reads_per_s = {
            "/v5/order/realtime": pages * (1 / streams.poll_s + 1 / recon.exposure_check_s),
            "/v5/position/list": 1 / streams.poll_s + 1 / recon.exposure_check_s,
            "/v5/account/wallet-balance": 1 / streams.poll_s + 1 / WALLET_S,
            "/v5/execution/list": 1 / streams.poll_s,
        }
        total_per_s += sum(reads_per_s.values())
        for endpoint, per_s in reads_per_s.items():
            limit_per_s = UID_LIMITS_PER_S[endpoint] * rate.usable
            if per_s > SHARE * limit_per_s:
                return _text(f"{endpoint} of account {account}", limit_per_s, per_s)
    limit_per_s = ADDRESS_LIMIT / ADDRESS_WINDOW_S * rate.usable
    return _text("the address", limit_per_s, total_per_s) if total_per_s > SHARE * limit_per_s else ""


def _text(what: str, limit_per_s: float, per_s: float) -> str:
    return f"the rate budget of {what} is {limit_per_s:g} a second, half of it for reads; {per_s:.1f} would be without streams"
