"""
What each endpoint is called and whether it is signed, by the names that pybit, the venue's own connector, gives its methods.

A test holds every row against pybit itself. At run time pybit is not needed: it brings another HTTP client and its
cryptography along, ten MiB in each of our processes, and our own client signs, paces and carries every call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Query = dict[str, str | int | bool]

ENDPOINTS: Final[dict[str, tuple[str, str, bool]]] = {
    "cancel_order": ("POST", "/v5/order/cancel", True),
    "get_account_info": ("GET", "/v5/account/info", True),
    "get_api_key_information": ("GET", "/v5/user/query-api", True),
    "get_executions": ("GET", "/v5/execution/list", True),
    "get_funding_rate_history": ("GET", "/v5/market/funding/history", False),
    "get_instruments_info": ("GET", "/v5/market/instruments-info", False),
    "get_kline": ("GET", "/v5/market/kline", False),
    "get_mark_price_kline": ("GET", "/v5/market/mark-price-kline", False),
    "get_open_interest": ("GET", "/v5/market/open-interest", False),
    "get_open_orders": ("GET", "/v5/order/realtime", True),
    "get_order_history": ("GET", "/v5/order/history", True),
    "get_positions": ("GET", "/v5/position/list", True),
    "get_server_time": ("GET", "/v5/market/time", False),
    "get_tickers": ("GET", "/v5/market/tickers", False),
    "get_transaction_log": ("GET", "/v5/account/transaction-log", True),
    "get_wallet_balance": ("GET", "/v5/account/wallet-balance", True),
    "place_order": ("POST", "/v5/order/create", True),
    "set_leverage": ("POST", "/v5/position/set-leverage", True),
    "set_trading_stop": ("POST", "/v5/position/trading-stop", True),
}
"""HTTP method, path, and whether the request is signed, by pybit's name of the method."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request before signing. `path` is also its name in the rate budget."""

    method: str
    path: str
    query: Query
    signed: bool

    def with_cursor(self, cursor: str) -> "Call":
        """The same request for the page behind `cursor`."""
        return Call(self.method, self.path, {**self.query, "cursor": cursor}, self.signed)


class BybitCalls:
    """`CALLS.place_order(symbol=…)` describes a request and sends nothing. What is None is left out of the query."""

    def __getattr__(self, name: str) -> Callable[..., Call]:
        if name not in ENDPOINTS:
            raise AttributeError(f"no endpoint {name!r} is described here")
        method, path, signed = ENDPOINTS[name]

        def call(**query: str | int | bool | None) -> Call:
            return Call(method, path, {key: value for key, value in query.items() if value is not None}, signed)

        return call


CALLS: Final = BybitCalls()
