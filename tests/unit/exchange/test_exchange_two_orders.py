"""Two orders, every interleaving of what can happen to them, against a model of a page."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from playd.venues.exchange import arrivals
from playd.venues.exchange.amends import amend
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.model import Order
from tests.exchange_kit import Market, histories

EVENTS_AFTER_PLACING = 4
TERMS = MarketTerms(participation=1.0)
DONE = ("Filled", "Cancelled")


@dataclass
class One:
    """A resting purchase of 0.1 as it should be."""

    status: str = "New"
    qty: int = 100
    filled: int = 0

    def fill(self, steps: int) -> int:
        """Fill at most so much; returns how much."""
        got = 0 if self.status in DONE else min(steps, self.qty - self.filled)
        self.filled += got
        if got:
            self.status = "Filled" if self.filled == self.qty else "PartiallyFilled"
        return got


@dataclass
class Model:
    """
    `low` rests at 49,900 and brings a Full stop at 49,000; `high` rests at 49,950 and brings a partial pair at 49,400 and
    50,600. `pair` is the quantity of the pair that waits, `full` says whether the stop of the whole position is there.
    """

    low: One = field(default_factory=One)
    high: One = field(default_factory=One)
    position: int = 0
    pair: int = 0
    full: bool = False

    def trade(self, steps: int) -> None:
        """So much is sold down to 49,900; the better price is served first."""
        high = self.high.fill(steps)
        low = self.low.fill(steps - high)
        self.position += high + low
        self.pair += high
        self.full = self.full or low > 0

    def cancel(self, one: One) -> int:
        """The code of the answer."""
        if one.status in DONE:
            return 110001
        one.status = "Cancelled"
        return 0

    def resize(self, qty: int) -> int:
        """A new quantity for the lower order; the code of the answer."""
        if self.low.status in DONE:
            return 110001
        if qty == self.low.qty:
            return 10001
        if qty <= self.low.filled:
            return 110064
        self.low.qty = qty
        return 0

    def crash(self) -> None:
        """The pair's stop on the way, then the stop of all that is left."""
        self.spike()
        if self.full:
            self.position, self.full = 0, False

    def spike(self) -> None:
        """The pair's target."""
        self.position -= self.pair
        self.pair = 0
        self.full = self.full and self.position > 0


class Real:
    """The same two orders on the exchange."""

    def __init__(self) -> None:
        self.market = Market(slippage_bps=0.0, terms=TERMS)
        pair = {"stopLoss": "49400", "takeProfit": "50600", "tpslMode": "Partial"}
        self.low = self.market.limit("Buy", "0.1", "49900", stopLoss="49000")
        self.high = self.market.limit("Buy", "0.1", "49950", **pair)
        self.market.flat_minute()

    def minute(self, high: float, low: float, steps: int) -> None:
        self.market.open(50_000.0, high, low, 50_000.0, volume=steps / 1000)
        self.market.close()

    def ask(self, call: Callable[..., object], order: Order, **wish: str) -> int:
        """The code of the answer."""
        return self.market.code_of(call, orderId=order.order_id, **wish)


STEPS = {
    "sell 0.06": (lambda m: m.trade(60), lambda r: r.minute(50_000.0, 49_900.0, 60)),
    "sell 0.5": (lambda m: m.trade(500), lambda r: r.minute(50_000.0, 49_900.0, 500)),
    "cancel low": (lambda m: m.cancel(m.low), lambda r: r.ask(arrivals.cancel, r.low)),
    "cancel high": (lambda m: m.cancel(m.high), lambda r: r.ask(arrivals.cancel, r.high)),
    "low to 0.15": (lambda m: m.resize(150), lambda r: r.ask(amend, r.low, qty="0.15")),
    "low to 0.03": (lambda m: m.resize(30), lambda r: r.ask(amend, r.low, qty="0.03")),
    "crash": (lambda m: m.crash(), lambda r: r.minute(50_000.0, 48_900.0, 0)),
    "spike": (lambda m: m.spike(), lambda r: r.minute(50_700.0, 50_000.0, 0)),
}


@pytest.mark.slow
def test_every_interleaving_of_two_orders_is_as_the_model_says() -> None:
    for names in histories(Model(), STEPS, EVENTS_AFTER_PLACING):
        model, real = Model(), Real()
        for place, name in enumerate(names):
            should, does = STEPS[name]
            assert (should(model), names[: place + 1]) == (does(real), names[: place + 1])
        _compare(model, real, names)


def _compare(model: Model, real: Real, names: tuple[str, ...]) -> None:
    for one, order in ((model.low, real.low), (model.high, real.high)):
        told = (str(order.status), order.qty_steps, order.filled_steps)
        assert told == (one.status, one.qty, one.filled), names
    protecting = {
        str(order.stop_kind): (order.qty_steps, str(order.status))
        for order in real.market.account.orders.values()
        if order.stop_kind
    }
    expected = {"StopLoss": (model.position, "Untriggered")} if model.full else {}
    if model.pair:
        expected |= {kind: (model.pair, "Untriggered") for kind in ("PartialStopLoss", "PartialTakeProfit")}
    assert (protecting, real.market.position.steps) == (expected, model.position), names
