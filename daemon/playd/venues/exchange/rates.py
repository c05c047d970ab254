"""Requests per rolling second, per user and endpoint, as the venue counts them."""

from collections import deque
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 1.0
PER_MINUTE: Final = {"/v5/account/demo-apply-money": 1}
UNLIMITED: Final = 1_000_000
"""Size that the headers name while limits are off, so that a client's own budget does not slow it down."""

PER_SECOND: Final[dict[str, int]] = {
    "/v5/order/create": 10,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 10,
    "/v5/order/cancel-all": 10,
    "/v5/order/create-batch": 10,
    "/v5/order/amend-batch": 10,
    "/v5/order/cancel-batch": 10,
    "/v5/order/pre-check": 10,
    "/v5/order/disconnected-cancel-all": 5,
    "/v5/order/realtime": 50,
    "/v5/order/history": 50,
    "/v5/execution/list": 50,
    "/v5/position/list": 50,
    "/v5/position/symbol-info": 50,
    "/v5/position/closed-pnl": 50,
    "/v5/position/set-leverage": 10,
    "/v5/position/switch-mode": 10,
    "/v5/position/set-tpsl-mode": 10,
    "/v5/position/set-risk-limit": 10,
    "/v5/position/trading-stop": 10,
    "/v5/position/set-auto-add-margin": 10,
    "/v5/position/add-margin": 10,
    "/v5/position/confirm-pending-mmr": 10,
    "/v5/account/wallet-balance": 50,
    "/v5/account/info": 50,
    "/v5/account/fee-rate": 5,
    "/v5/account/set-margin-mode": 5,
    "/v5/account/transaction-log": 25,
    "/v5/account/query-dcp-info": 5,
    "/v5/account/set-limit-px-action": 10,
    "/v5/account/user-setting-config": 50,
    "/v5/account/instruments-info": 10,
    "/v5/user/query-api": 10,
}


ORDER_PATHS: Final = frozenset(
    f"/v5/order/{name}" for name in ("create", "amend", "cancel", "cancel-all", "create-batch", "amend-batch", "cancel-batch")
)
VIP_FACTORS: Final = (1, 2, 4, 6)
"""How many times the default rate of orders a user of VIP level 0, 1, 2, 3 and above has."""

VIP_FEES_BPS: Final = ((5.5, 2.0), (4.0, 1.8), (3.75, 1.6), (3.5, 1.4), (3.2, 1.2), (3.2, 1.0), (3.0, 0.0))
"""What takers and makers of perpetuals pay at VIP level 0 to 5 and, last, at the highest."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """
    Answer for one request: size of the bucket, what is left, seconds until a place frees up (0 unless something was refused).

    `granted` places of those asked for were free.
    """

    limit: int
    left: int
    wait_s: float
    granted: int

    @property
    def refused(self) -> bool:
        return self.granted == 0


def rate_headers(allowance: Allowance, wall_ms: int) -> dict[str, str]:
    """The three headers of a signed reply; the trade socket has them in its frames."""
    return {
        "X-Bapi-Limit": str(allowance.limit),
        "X-Bapi-Limit-Status": str(allowance.left),
        "X-Bapi-Limit-Reset-Timestamp": str(wall_ms + round(allowance.wait_s * 1000)),
    }


class RateLimits:
    """Rolling windows per (user, endpoint). Times are monotonic seconds."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._taken: dict[tuple[int, str], deque[float]] = {}

    def take(self, uid: int, path: str, now_s: float, places: int = 1, vip: int = 0) -> Allowance:
        """
        Count one request that takes `places`, of a user of a VIP level. What is refused is not counted. Paths without a limit
        are never refused.
        """
        limit = self._limit(path)
        if limit is None:
            return Allowance(UNLIMITED, UNLIMITED, 0.0, places)
        limit *= VIP_FACTORS[min(vip, len(VIP_FACTORS) - 1)] if path in ORDER_PATHS else 1
        window_s = 60.0 * WINDOW_S if path in PER_MINUTE else WINDOW_S
        taken = self._taken.setdefault((uid, path), deque())
        while taken and taken[0] <= now_s - window_s:
            taken.popleft()
        granted = min(places, limit - len(taken))
        taken.extend([now_s] * granted)
        wait_s = taken[0] + window_s - now_s if granted < places else 0.0
        return Allowance(limit, limit - len(taken), wait_s, granted)

    def spent(self, path: str, reset_s: float = WINDOW_S) -> Allowance:
        """What is said with a refusal on command, that nobody counted for: nothing is left for a second, or until `reset_s`."""
        return Allowance(self._limit(path) or UNLIMITED, 0, reset_s, 0)

    def _limit(self, path: str) -> int | None:
        return (PER_SECOND.get(path) or PER_MINUTE.get(path)) if self.enabled else None
