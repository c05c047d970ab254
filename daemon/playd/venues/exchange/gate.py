"""Who may come in, by address: requests, new sockets, orders by socket; and how long whoever came too often stays out."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

REQUESTS_WINDOW_S: Final = 5.0
SOCKETS_WINDOW_S: Final = 300.0
SOCKETS_MAX: Final = 500
PUBLIC_SOCKETS_MAX: Final = 1000
"""Market-data sockets of an address at once, for each category."""

ORDER_FRAMES_WINDOW_S: Final = 1.0
ORDER_FRAMES_MAX: Final = 3000
PATHS_PER_S: Final = {"/v5/market/risk-limit": 5}
"""Public requests with a rate of their own, per address and second."""

_SECOND_S: Final = 1.0


class Gate:
    """
    Rolling windows per address. Times are monotonic seconds. `requests_max` requests in five seconds are let through; one
    more bans the address for `ban_s`.
    """

    def __init__(self, *, enabled: bool, requests_max: int, ban_s: float) -> None:
        self.enabled = enabled
        self.requests_max = requests_max
        self.ban_s = ban_s
        self._requests: dict[str, deque[float]] = {}
        self._sockets: dict[str, deque[float]] = {}
        self._order_frames: dict[str, deque[float]] = {}
        self._public: Counter[tuple[str, str]] = Counter()
        self._paths: dict[str, deque[float]] = {}
        self._banned_until_s: dict[str, float] = {}

    def admits_request(self, address: str, now_s: float) -> bool:
        """Count one REST request; whether it may come in."""
        if not self.enabled:
            return True
        if now_s < self._banned_until_s.get(address, now_s):
            return False
        if _count(self._requests, address, now_s, REQUESTS_WINDOW_S, self.requests_max):
            return True
        self._banned_until_s[address] = now_s + self.ban_s
        self._requests[address].clear()  # whoever has waited begins anew, however short the ban
        return False

    def admits_path(self, address: str, path: str, now_s: float) -> bool:
        """Count one public request that has a rate of its own; whether it is within that."""
        most = PATHS_PER_S.get(path)
        return not self.enabled or most is None or _count(self._paths, f"{address} {path}", now_s, _SECOND_S, most)

    def admits_socket(self, address: str, now_s: float) -> bool:
        """Count one new socket; whether it may come in."""
        if not self.enabled:
            return True
        if now_s < self._banned_until_s.get(address, now_s):
            return False
        return _count(self._sockets, address, now_s, SOCKETS_WINDOW_S, SOCKETS_MAX)

    @contextmanager
    def public_socket(self, address: str, category: str) -> Iterator[bool]:
        """Count a market-data socket of an address while the block lasts; whether it may stay."""
        place = (address, category)
        self._public[place] += 1
        try:
            yield not self.enabled or self._public[place] <= PUBLIC_SOCKETS_MAX
        finally:
            self._public[place] -= 1

    def admits_order_frame(self, address: str, now_s: float) -> bool:
        """Count one order request by WebSocket; whether it may come in."""
        return not self.enabled or _count(self._order_frames, address, now_s, ORDER_FRAMES_WINDOW_S, ORDER_FRAMES_MAX)


def _count(taken_by: dict[str, deque[float]], address: str, now_s: float, window_s: float, most: int) -> bool:
    """Take a place in the address's window, if there is one."""
    taken = taken_by.setdefault(address, deque())
    while taken and taken[0] <= now_s - window_s:
        taken.popleft()
    if len(taken) >= most:
        return False
    taken.append(now_s)
    return True
