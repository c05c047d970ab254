"""
What the venue lets a user and an address send, how much of it is used, and who may use it: the numbers of the rate budget.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from playd.orders.rate_bucket import USABLE_SHARE, RateBucket

UID_LIMITS_PER_S: Final[dict[str, int]] = {
    "/v5/order/create": 10,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 10,
    "/v5/order/cancel-all": 10,
    "/v5/order/realtime": 50,
    "/v5/order/history": 50,
    "/v5/execution/list": 50,
    "/v5/position/list": 50,
    "/v5/position/closed-pnl": 50,
    "/v5/position/trading-stop": 10,
    "/v5/position/set-leverage": 10,
    "/v5/position/switch-mode": 10,
    "/v5/account/wallet-balance": 50,
    "/v5/account/info": 50,
    "/v5/account/transaction-log": 25,
    "/v5/account/fee-rate": 5,
    "/v5/user/query-api": 10,
}
"""
Default limits per user and endpoint. Other endpoints (market data) count only against the address, until the venue refuses a
request to one of them for coming too fast.
"""

OTHER_LIMIT_PER_S: Final = 120
"""What it may have had then: all that the address may send in a second."""

GUARDIANS: Final[dict[str, int]] = {
    "/v5/order/create": 2,
    "/v5/order/cancel": 2,
    "/v5/position/trading-stop": 2,
    "/v5/position/list": 2,
    "/v5/order/realtime": 2,
}
"""What the guardian may send per second with the same key; the daemon leaves it free (`orders/guardian/share.py`)."""

ADDRESS: Final = "address"
ADDRESS_LIMIT: Final = 600
ADDRESS_WINDOW_S: Final = 5.0

STOPS: Final = "/v5/position/trading-stop"

PROTECTIVE_RESERVE: Final = 0.25
"""
Share of each usable rate, the address's too, that only protection, exits and cancels may take: look-ups and comparisons that
use all they can get would make them wait for seconds.
"""

READS_FROM: Final = 25
READ_RESERVE: Final = 0.5
"""The same of endpoints with at least so high a limit, which all read: ten positions without a stop are looked at at once."""

MOVES_SHARE: Final = 0.5
"""Share of the usable rate of stops that their moves may take: of stops that are missing three leave at once beside them."""


@dataclass(frozen=True, slots=True)
class RateRules:
    """
    How much of the limits is used; section `[rate]` of the settings.

    Attributes:
        usable: Share of each limit that is ever used.
        reserve: Share of an endpoint's usable rate that entries and data together leave alone.
        data_share: Share of the address's usable rate that data may take, so that a re-warm of many instances delays no exit.
        ban_s: Silence after a ban.
    """

    usable: float = USABLE_SHARE
    reserve: float = 0.3
    data_share: float = 0.3
    ban_s: float = 600.0


@dataclass(frozen=True, slots=True)
class LimitRow:
    """
    One line of the `limits` table. `used` counts the present window; waits are in ms over the last 512 grants; `refusals`
    since the program began; `by_owner` are requests since 00:00 UTC by instance or symbol (empty: the account itself), the
    most first.
    """

    account: str
    endpoint: str
    limit: int
    usable: int
    used: int
    blocked_s: float
    wait_p50_ms: float
    wait_p99_ms: float
    refusals: int
    by_owner: Mapping[str, int] = field(default_factory=dict)


def shares_of(path: str, limit: int, rules: RateRules) -> tuple[float, float]:
    """How much of an endpoint's usable rate requests of level 1 and above, and of level 2, may take."""
    if path == STOPS:
        return 1.0 - PROTECTIVE_RESERVE, MOVES_SHARE
    return 1.0 - (READ_RESERVE if limit >= READS_FROM else PROTECTIVE_RESERVE), 1.0 - rules.reserve


def limit_row(
    account: str, bucket: RateBucket, waits_ms: deque[float], now_s: float, banned_s: float, by_owner: Mapping[str, int]
) -> LimitRow:
    """The line of one limit, as it is now."""
    waits = sorted(waits_ms)
    return LimitRow(
        account=account,
        endpoint=bucket.name,
        limit=bucket.limit,
        usable=bucket.usable(now_s),
        used=bucket.used(now_s),
        blocked_s=max(banned_s, bucket.free_in_s(now_s, 0)),
        wait_p50_ms=_percentile(waits, 0.5),
        wait_p99_ms=_percentile(waits, 0.99),
        refusals=bucket.refusals,
        by_owner=by_owner,
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank of sorted values; zero without any."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
