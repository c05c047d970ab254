"""Requests per rolling second, per user and endpoint, as the venue counts them."""

from collections import deque
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 1.0
UNLIMITED: Final = 1_000_000
"""Size that the headers name while limits are off, so that a client's own budget does not slow it down."""

PER_SECOND: Final[dict[str, int]] = {
    "/v5/order/create": 10,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 10,
    "/v5/order/cancel-all": 10,
    "/v5/order/realtime": 50,
    "/v5/order/history": 50,
    "/v5/execution/list": 50,
    "/v5/position/list": 50,
    "/v5/position/closed-pnl": 50,
    "/v5/position/set-leverage": 10,
    "/v5/position/switch-mode": 10,
    "/v5/position/trading-stop": 10,
    "/v5/account/wallet-balance": 50,
    "/v5/account/info": 50,
    "/v5/account/fee-rate": 5,
    "/v5/account/set-margin-mode": 5,
    "/v5/account/transaction-log": 25,
    "/v5/user/query-api": 10,
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """Answer for one request: size of the bucket, what is left, seconds until a place frees up (0 unless refused)."""

    limit: int
    left: int
    wait_s: float

    @property
    def refused(self) -> bool:
        return self.wait_s > 0.0


class RateLimits:
    """Rolling windows per (user, endpoint). Times are monotonic seconds."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._taken: dict[tuple[int, str], deque[float]] = {}

    def take(self, uid: int, path: str, now_s: float) -> Allowance:
        """Count one request. A refused one is not counted. Paths without a limit are never refused."""
        limit = PER_SECOND.get(path)
        if not self.enabled or limit is None:
            return Allowance(UNLIMITED, UNLIMITED, 0.0)
        taken = self._taken.setdefault((uid, path), deque())
        while taken and taken[0] <= now_s - WINDOW_S:
            taken.popleft()
        if len(taken) >= limit:
            return Allowance(limit, 0, taken[0] + WINDOW_S - now_s)
        taken.append(now_s)
        return Allowance(limit, limit - len(taken), 0.0)
