"""The stop and target that a partly filled entry has brought: every interleaving of what fills, fires, moves and takes back."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from playd.venues.exchange import arrivals
from playd.venues.exchange.amends import amend
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.model import Order
from tests.exchange_kit import Market, histories

EVENTS = 3
GONE = 110001
MOVED = "49000.0"
TERMS = MarketTerms(participation=1.0)
STOP, TARGET = "PartialStopLoss", "PartialTakeProfit"


@dataclass
class Leg:
    """A leg that waits: its quantity and trigger, and whether it goes when the other one fires."""

    qty: int
    trigger: str
    linked: bool = True


@dataclass
class Model:
    """
    A purchase of 0.1 at 49,950, of which 0.06 are filled, with a pair at 49,400 and 50,600. A leg that somebody changes alone
    is linked no longer; what the entry still fills makes the legs that are left larger, or brings a new pair when none is.
    """

    qty: int = 100
    filled: int = 60
    status: str = "PartiallyFilled"
    position: int = 60
    legs: dict[str, Leg] = field(default_factory=lambda: {STOP: Leg(60, "49400.0"), TARGET: Leg(60, "50600.0")})

    @property
    def is_open(self) -> bool:
        return self.status == "PartiallyFilled"

    def fill(self) -> int:
        if self.is_open:
            steps = self.qty - self.filled
            self.filled, self.status = self.qty, "Filled"
            self.position += steps
            if not self.legs:
                self.legs = {STOP: Leg(steps, "49400.0"), TARGET: Leg(steps, "50600.0")}
            else:
                for leg in self.legs.values():
                    leg.qty += steps
        return 0

    def cancel(self) -> int:
        if not self.is_open:
            return GONE
        self.status = "Cancelled"
        return 0

    def resize(self) -> int:
        if not self.is_open:
            return GONE
        code = 10001 if self.qty == 80 else 0
        self.qty = 80
        return code

    def relevel(self) -> int:
        """Once something is filled an entry's own levels stay as they are."""
        return 110059 if self.is_open else GONE

    def take_back(self, kind: str) -> int:
        if self.legs.pop(kind, None) is None:
            return GONE
        self._unlink()
        return 0

    def move(self) -> int:
        stop = self.legs.get(STOP)
        if stop is None:
            return GONE
        if stop.trigger == MOVED:
            return 10001
        stop.trigger = MOVED
        self._unlink()
        return 0

    def fire(self, kind: str) -> int:
        """The price comes to 50,700 or to 49,300."""
        leg = self.legs.get(kind)
        if leg is None or leg.trigger == MOVED:
            return 0
        del self.legs[kind]
        if leg.linked:
            self.legs.clear()
        self.position -= min(leg.qty, self.position)
        if self.position == 0:
            self.legs.clear()
        return 0

    def _unlink(self) -> None:
        for leg in self.legs.values():
            leg.linked = False


class Real:
    """The same on the exchange."""

    def __init__(self) -> None:
        self.market = Market(slippage_bps=0.0, terms=TERMS)
        pair = {"stopLoss": "49400", "takeProfit": "50600", "tpslMode": "Partial"}
        self.entry = self.market.limit("Buy", "0.1", "49950", **pair)
        self.market.flat_minute()
        self.minute(50_000.0, 49_950.0, 60)

    def minute(self, high: float, low: float, steps: int = 0) -> int:
        self.market.open(50_000.0, high, low, 50_000.0, volume=steps / 1000)
        self.market.close()
        return 0

    def legs(self) -> dict[str, Order]:
        return {str(order.stop_kind): order for order in self.market.account.orders.values() if order.stop_kind}

    def ask(self, call: Callable[..., object], order: Order | None, **wish: str) -> int:
        """The code of the answer. No order is one that is not there."""
        return self.market.code_of(call, orderId=order.order_id if order else "gone", **wish)


STEPS = {
    "fill": (lambda m: m.fill(), lambda r: r.minute(50_000.0, 49_950.0, 500)),
    "cancel": (lambda m: m.cancel(), lambda r: r.ask(arrivals.cancel, r.entry)),
    "to 0.08": (lambda m: m.resize(), lambda r: r.ask(amend, r.entry, qty="0.08")),
    "its stop": (lambda m: m.relevel(), lambda r: r.ask(amend, r.entry, stopLoss="49300")),
    "no stop": (lambda m: m.take_back(STOP), lambda r: r.ask(arrivals.cancel, r.legs().get(STOP))),
    "no target": (lambda m: m.take_back(TARGET), lambda r: r.ask(arrivals.cancel, r.legs().get(TARGET))),
    "stop lower": (lambda m: m.move(), lambda r: r.ask(amend, r.legs().get(STOP), triggerPrice="49000")),
    "rise": (lambda m: m.fire(TARGET), lambda r: r.minute(50_700.0, 50_000.0)),
    "fall": (lambda m: m.fire(STOP), lambda r: r.minute(50_000.0, 49_300.0)),
}


@pytest.mark.slow
def test_every_interleaving_of_an_entry_and_its_pair_is_as_the_model_says() -> None:
    for names in histories(Model(), STEPS, EVENTS):
        model, real = Model(), Real()
        for place, name in enumerate(names):
            should, does = STEPS[name]
            assert (should(model), names[: place + 1]) == (does(real), names[: place + 1])
        told = (str(real.entry.status), real.entry.qty_steps, real.entry.filled_steps, real.market.position.steps)
        assert told == (model.status, model.qty, model.filled, model.position), names
        legs = {kind: (leg.qty_steps, leg.trigger_ticks / 10, bool(leg.sibling_id)) for kind, leg in real.legs().items()}
        assert legs == {kind: (leg.qty, float(leg.trigger), leg.linked) for kind, leg in model.legs.items()}, names
