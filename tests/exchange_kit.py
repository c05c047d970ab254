"""A tiny market for tests of the exchange's books: one symbol, minutes written by hand, frames read back."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

from playd.core.candles import Candle
from playd.core.timeframes import MINUTE_MS
from playd.venues.exchange import arrivals
from playd.venues.exchange.books import Books
from playd.venues.exchange.changes import Changes, Frame
from playd.venues.exchange.listing import ENDLESS, MarketTerms
from playd.venues.exchange.minute import close_minute, meet_path, move_inside, open_minute
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.rows import order_row
from tests.rows import BTC, SYMBOL

START_MS = 1_700_000_040_000


class Market:
    """Books with one account, and everything they have said so far. The market stands between two minutes at first."""

    def __init__(
        self,
        *,
        wallet: str = "100000",
        taker_bps: float = 5.5,
        maker_bps: float = 2.0,
        slippage_bps: float = 2.0,
        last: float = 50_000.0,
        terms: MarketTerms = ENDLESS,
    ) -> None:
        self.books = Books({SYMBOL: BTC}, {SYMBOL: last}, now_ms=START_MS, id_seed="test", terms=terms)
        self.books.time.open_ms = START_MS - MINUTE_MS
        self.account = Account(1001, "test", taker_bps, maker_bps, slippage_bps, wallet=Decimal(wallet))
        self.books.accounts[1001] = self.account
        self.frames: list[Frame] = []
        self.executions: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []
        self.closed_rows: dict[int, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.taken: list[Changes] = []

    @property
    def position(self) -> Position:
        return self.books.position(self.account, SYMBOL)

    @property
    def closed_pnl(self) -> list[dict[str, Any]]:
        """The rows of closed profit as they stand, oldest first."""
        return [self.closed_rows[number] for number in sorted(self.closed_rows)]

    def take(self) -> Changes:
        """What changed since the last call, remembered here too."""
        changes = self.books.take_changes()
        for order_id, row in changes.told.items():
            assert row == order_row(changes.orders[order_id], self.books.listings[row["symbol"]]), "it has changed since"
        self.taken.append(changes)
        self.frames += changes.frames
        self.executions += [row for _, row in changes.executions]
        self.log += [row for _, row in changes.log]
        self.closed_rows |= {number: row for number, (_, row) in changes.closed_pnl.items()}
        self.used |= {order.link_id for order in changes.orders.values()}
        return changes

    def take_all(self) -> list[Changes]:
        """Everything that has changed since the last call of this, in the parts in which it was taken."""
        self.take()
        taken, self.taken = self.taken, []
        return taken

    def join(self, uid: int, wallet: str = "100000") -> Account:
        """Another account with the same rates."""
        first = self.account
        account = Account(uid, f"test-{uid}", first.taker_bps, first.maker_bps, first.slippage_bps, wallet=Decimal(wallet))
        self.books.accounts[uid] = account
        return account

    def order(self, side: str, qty: str, *, by: Account | None = None, **more: Any) -> Order:
        """Create an order; a market order unless `orderType` says otherwise, of the first account unless `by` another."""
        request = {"category": "linear", "symbol": SYMBOL, "side": side, "orderType": "Market", "qty": qty, **more}
        try:
            return arrivals.create(self.books, by or self.account, request, lambda _, link_id: link_id in self.used)
        finally:
            self.take()

    def limit(self, side: str, qty: str, price: str, tif: str = "GTC", **more: Any) -> Order:
        return self.order(side, qty, orderType="Limit", price=price, timeInForce=tif, **more)

    def open(
        self, open_: float, high: float, low: float, close: float, *, funding: float | None = None, volume: float = 1.0
    ) -> list[Frame]:
        """Open the next minute; returns the frames of that."""
        open_ms = self.books.time.open_ms + MINUTE_MS
        candle = Candle(open_ms, open_, high, low, close, volume)
        open_minute(self.books, open_ms, {SYMBOL: candle}, {} if funding is None else {SYMBOL: funding})
        return self.take().frames

    def move(self, fraction: float) -> None:
        """Let a part of the minute pass."""
        move_inside(self.books, fraction, MINUTE_MS)

    def follow(self, fraction: float) -> list[Frame]:
        """Let a part of the minute pass on a market slow enough to be followed; returns the frames of that."""
        self.move(fraction)
        meet_path(self.books)
        return self.take().frames

    def close(self) -> list[Frame]:
        """Close the minute; returns the frames of that."""
        close_minute(self.books, MINUTE_MS)
        return self.take().frames

    def minute(self, open_: float, high: float, low: float, close: float, *, funding: float | None = None) -> list[Frame]:
        """A whole minute; returns its frames."""
        opened = self.open(open_, high, low, close, funding=funding)
        return opened + self.close()

    def flat_minute(self, price: float = 50_000.0) -> list[Frame]:
        """A minute in which nothing moves."""
        return self.minute(price, price, price, price)

    def code_of(self, call: Callable[..., object], **wish: object) -> int:
        """The code of the answer to a request of the account about the symbol; the frames that it caused are taken."""
        try:
            call(self.books, self.account, {"category": "linear", "symbol": SYMBOL, **wish})
        except Refusal as refusal:
            return refusal.code
        finally:
            self.take()
        return 0


def histories(
    model: Any, steps: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]], events: int, names: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """
    Every history of so many events, by the names of its steps: (what the model does, what the exchange does).

    Except that what changes nothing comes last: what followed it is a shorter history's.
    """
    for name, (should, _) in steps.items():
        after = deepcopy(model)
        should(after)
        if after == model or len(names) + 1 == events:
            yield (*names, name)
        else:
            yield from histories(after, steps, events, (*names, name))


def rows(frames: list[Frame], topic: str) -> list[dict[str, Any]]:
    """The rows of one topic, in order."""
    return [row for frame in frames if frame.topic == topic for row in frame.data]
