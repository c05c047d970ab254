"""One signed request as the handlers see it, and the shape of a handler."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from playd.core.timeframes import DAY_MS
from playd.venues.exchange.arrivals import listing_of
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.model import Account
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.text import whole_number
from playd.venues.exchange.wishes import text_of

T = TypeVar("T")

PERIOD_MAX_MS: Final = 7 * DAY_MS
SETTLE_COIN: Final = "USDT"
OTHER_CATEGORIES: Final = ("spot", "inverse", "option")
CATEGORIES: Final = ("linear", *OTHER_CATEGORIES)
_OF_A_CATEGORY: Final = frozenset(
    f"/v5/{path}"
    for path in (
        *("market/instruments-info", "market/tickers", "market/orderbook", "market/funding/history", "market/risk-limit"),
        *("market/recent-trade", "market/open-interest", "execution/list", "account/set-limit-px-action"),
        *(f"order/{name}" for name in ("create", "amend", "cancel", "cancel-all", "realtime", "history")),
        *(f"order/{name}-batch" for name in ("create", "amend", "cancel")),
        *(f"position/{name}" for name in ("list", "set-leverage", "switch-mode", "trading-stop", "closed-pnl")),
        *(f"position/{name}" for name in ("set-auto-add-margin", "add-margin", "set-tpsl-mode", "set-risk-limit")),
    )
)
"""Requests that say nothing without a `category`. ccxt asks for all fee rates without one."""

_CURSOR: Final = "page_token%3D"


def check_category(path: str, params: Mapping[str, Any]) -> None:
    """Refuse a request that must name its category and does not."""
    if path in _OF_A_CATEGORY and not text_of(params, "category"):
        raise Refusal(PARAMETER, "params error: category is needed")


@dataclass(frozen=True, slots=True)
class Ask:
    """Parameters of a request: the decoded query of a GET or the JSON object of a POST."""

    floor: Floor
    params: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A parameter as text, empty when absent."""
        return text_of(self.params, name)

    def number(self, name: str, default: int) -> int:
        """A whole number, `default` when absent. Raises `Refusal`."""
        text = self.text(name)
        if not text:
            return default
        number = whole_number(text)
        if number is None:
            raise Refusal(PARAMETER, f"params error: {name} {text[:30]!r} is not a whole number")
        return number

    def limit(self, default: int, most: int) -> int:
        """The page size, brought into 1 to `most`."""
        return min(max(self.number("limit", default), 1), most)

    def is_elsewhere(self) -> bool:
        """
        Whether the request is for a category or coin that exists at the venue and has nothing here. A symbol wins over a coin.

        Raises `Refusal`.
        """
        return self._is_of_others() or (not self.text("symbol") and self.text("settleCoin") not in ("", SETTLE_COIN))

    def _is_of_others(self) -> bool:
        """Whether the request is for another category than linear. Raises `Refusal` when there is no such category."""
        category = self.text("category")
        if category not in ("", *CATEGORIES):
            raise Refusal(PARAMETER, f"params error: category {category[:30]!r} invalid")
        return category in OTHER_CATEGORIES

    def nothing(self) -> dict[str, Any]:
        """An empty page of the category that is asked for."""
        return {"category": self.text("category"), "nextPageCursor": "", "list": []}

    def listing(self) -> Listing:
        """The symbol that is asked for. Raises `Refusal`."""
        return listing_of(self.floor.books, self.params)

    def listings(self) -> list[Listing]:
        """The symbol that is asked for, or all, or those of a base coin; none of other categories. Raises `Refusal`."""
        if self._is_of_others():
            return []
        if self.text("symbol"):
            return [self.listing()]
        base = self.text("baseCoin")
        return [
            listing for symbol, listing in self.floor.books.listings.items() if base in ("", symbol.removesuffix(SETTLE_COIN))
        ]

    def page(self, rows: Sequence[T], size: int) -> tuple[Sequence[T], str]:
        """The part of `rows` that the cursor of this request points to, and the cursor behind it (empty at the end)."""
        begin = whole_number(self.text("cursor").rpartition("D")[2].rpartition("=")[2]) or 0
        end = begin + size
        return rows[begin:end], f"{_CURSOR}{end}" if end < len(rows) else ""

    def period(self, default_ms: int = PERIOD_MAX_MS) -> tuple[int, int]:
        """`startTime` and `endTime` in market time: at most seven days; `default_ms` long unless both are given."""
        now_ms = self.floor.books.time.now_ms
        start_text, end_text = self.text("startTime"), self.text("endTime")
        end_ms = self.number("endTime", now_ms)
        if start_text and not end_text:
            end_ms = self.number("startTime", 0) + default_ms
        start_ms = self.number("startTime", end_ms - default_ms)
        if not start_ms <= end_ms <= start_ms + PERIOD_MAX_MS:
            raise Refusal(PARAMETER, "params error: startTime and endTime must lie at most 7 days apart")
        return start_ms, end_ms


@dataclass(frozen=True, slots=True)
class SignedAsk(Ask):
    """
    A request of a known user. Of the places in the rate that it asked for, `granted` were free.

    `extra` becomes `retExtInfo`; handlers fill it.
    """

    account: Account
    key: ApiKey
    granted: int = 1
    extra: dict[str, Any] = field(default_factory=dict)


PublicHandler = Callable[[Ask], dict[str, Any]]
SignedHandler = Callable[[SignedAsk], dict[str, Any]]
