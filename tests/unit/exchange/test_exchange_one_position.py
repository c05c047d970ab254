"""One position and everything that closes it: every interleaving, against a model of a page."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from playd.venues.exchange import arrivals
from playd.venues.exchange.amends import amend
from playd.venues.exchange.model import Order
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.trading_stop import set_trading_stop
from tests.exchange_kit import Market, histories

EVENTS = 3
NEW, PARTIAL, FILLED, CANCELLED, WAITS = "New", "PartiallyFilled", "Filled", "Cancelled", "Untriggered"


@dataclass
class One:
    """An order that only reduces, as it should be. `why` is how it was cancelled."""

    qty: int
    status: str = NEW
    filled: int = 0
    why: str = "UNKNOWN"

    @property
    def left(self) -> int:
        return self.qty - self.filled if self.status in (NEW, PARTIAL) else 0

    def end(self, why: str) -> None:
        self.status, self.why = CANCELLED, why


@dataclass
class Model:
    """
    A long of 0.1. Sales that only reduce it rest: `near` at 50,500 and `far` at 50,600, both of 0.06, so that the farther one
    was cut to 0.04. `waits` sells 0.04 when the price falls to 49,500. `stop` is that of the whole position at 49,000.
    """

    position: int = 100
    near: One = field(default_factory=lambda: One(60))
    far: One = field(default_factory=lambda: One(40))
    waits: One = field(default_factory=lambda: One(40, WAITS))
    stop: bool = False

    def reduced(self, steps: int) -> None:
        """The position has become smaller: what rests makes room, the worse price first; nothing outlives the end."""
        self.position -= steps
        free = self.position
        for one in (self.near, self.far):
            if one.left and free == 0:
                one.end("CancelByReduceOnly")
            elif one.left > free:
                one.qty = one.filled + free
            free -= min(free, one.left)
        self.stop = self.stop and self.position > 0

    def sell(self) -> int:
        if self.position == 0:
            return 110017
        self.reduced(min(50, self.position))
        return 0

    def buy(self) -> int:
        self.position += 50
        return 0

    def _fill(self, one: One) -> None:
        if one.left:
            steps = one.left
            one.filled, one.status = one.qty, FILLED
            self.reduced(steps)

    def rise(self, orders: int) -> int:
        for one in (self.near, self.far)[:orders]:
            self._fill(one)
        return 0

    def fall(self) -> int:
        if self.waits.status == WAITS:
            if self.position:
                self.waits.qty = self.waits.filled = min(self.waits.qty, self.position)
                self.waits.status = FILLED
                self.reduced(self.waits.filled)
            else:
                self.waits.end("CancelByReduceOnly")
        return 0

    def crash(self) -> int:
        self.fall()
        if self.stop:
            self.reduced(self.position)
        return 0

    def protect(self, *, on: bool) -> int:
        if self.position == 0:
            return 10001
        if self.stop is on:
            return 34040
        self.stop = on
        return 0

    def cancel(self) -> int:
        if not self.near.left:
            return 110001
        self.near.end("CancelByUser")
        return 0

    def enlarge(self) -> int:
        """The farther order asks for 0.08 in all: no more than the position, and what the nearer one leaves."""
        if not self.far.left:
            return 110001
        wanted = min(80, self.far.filled + self.position)
        if wanted == self.far.qty:
            return 10001
        self.far.qty = wanted
        self.reduced(0)
        return 0


class Real:
    """The same on the exchange."""

    def __init__(self) -> None:
        self.market = Market(slippage_bps=0.0)
        self.market.flat_minute()
        self.market.order("Buy", "0.1")
        self.market.flat_minute()
        self.near = self.market.limit("Sell", "0.06", "50500", reduceOnly=True)
        self.far = self.market.limit("Sell", "0.06", "50600", reduceOnly=True)
        self.waits = self.market.order("Sell", "0.04", triggerPrice="49500", triggerDirection=2, reduceOnly=True)
        self.market.flat_minute()

    def trade(self, side: str, *, reduces: bool) -> int:
        try:
            self.market.order(side, "0.05", reduceOnly=reduces)
        except Refusal as refusal:
            return refusal.code
        self.market.flat_minute()
        return 0

    def minute(self, high: float, low: float) -> int:
        self.market.minute(50_000.0, high, low, 50_000.0)
        return 0

    def ask(self, call: Callable[..., object], order: Order | None = None, **wish: object) -> int:
        """The code of the answer."""
        name = {} if order is None else {"orderId": order.order_id}
        return self.market.code_of(call, **name, **wish)


STEPS = {
    "sell": (lambda m: m.sell(), lambda r: r.trade("Sell", reduces=True)),
    "buy": (lambda m: m.buy(), lambda r: r.trade("Buy", reduces=False)),
    "rise": (lambda m: m.rise(1), lambda r: r.minute(50_550.0, 50_000.0)),
    "rise far": (lambda m: m.rise(2), lambda r: r.minute(50_650.0, 50_000.0)),
    "fall": (lambda m: m.fall(), lambda r: r.minute(50_000.0, 49_450.0)),
    "crash": (lambda m: m.crash(), lambda r: r.minute(50_000.0, 48_950.0)),
    "stop on": (
        lambda m: m.protect(on=True),
        lambda r: r.ask(set_trading_stop, stopLoss="49000", tpslMode="Full", positionIdx=0),
    ),
    "stop off": (
        lambda m: m.protect(on=False),
        lambda r: r.ask(set_trading_stop, stopLoss="0", tpslMode="Full", positionIdx=0),
    ),
    "cancel near": (lambda m: m.cancel(), lambda r: r.ask(arrivals.cancel, r.near)),
    "far to 0.08": (lambda m: m.enlarge(), lambda r: r.ask(amend, r.far, qty="0.08")),
}


@pytest.mark.slow
def test_every_interleaving_of_what_closes_a_position_is_as_the_model_says() -> None:
    for names in histories(Model(), STEPS, EVENTS):
        model, real = Model(), Real()
        for place, name in enumerate(names):
            should, does = STEPS[name]
            assert (should(model), names[: place + 1]) == (does(real), names[: place + 1])
        _compare(model, real, names)


def _compare(model: Model, real: Real, names: tuple[str, ...]) -> None:
    for one, order in ((model.near, real.near), (model.far, real.far), (model.waits, real.waits)):
        told = (str(order.status), order.qty_steps, order.filled_steps, str(order.cancel_type))
        assert told == (one.status, one.qty, one.filled, one.why), names
    stops = [str(order.stop_kind) for order in real.market.account.orders.values() if order.stop_kind.protects]
    assert (stops, real.market.position.steps) == (["StopLoss"] * model.stop, model.position), names
