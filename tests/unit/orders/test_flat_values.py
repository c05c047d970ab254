"""Values become JSON and the same values again, numbers that are none included."""

import math
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.core.instrument import Instrument
from playd.core.modes import Environment
from playd.core.orders import Intent, Side
from playd.orders.breakers import Trip
from playd.orders.exposure import Holding, Working
from playd.orders.flat_values import flat, flat_text, unflat
from playd.orders.gates import AccountFacts, GateInputs
from playd.orders.halts import Halt, Level
from playd.orders.policy_windows import Window
from playd.orders.settings import OrderSettings
from playd.settings.limits_model import PolicyWindow
from tests.rows import instrument
from tests.simulation.order_world import READY, entry
from tests.unit.orders.test_gates import FACTS

WINDOW = Window.of(PolicyWindow.model_validate({"kind": "block", "days": ["thu", "mon"], "from": "00:01", "to": "08:00"}))
LIVE = OrderSettings.of(Environment.LIVE)
FULL = replace(
    FACTS,
    halt=Halt(7, "all", Level.CANCEL, "TEST", "because", "me", 5),
    trips=(Trip("DAILY_LOSS", Level.PAUSE, "loss", "2.100", "2", "%"),),
    holdings=(Holding("BTCUSDT", Decimal("-0.010"), Decimal("50000.10"), 2),),
    working=(Working("ETHUSDT", Side.SELL, Decimal(1), Decimal("2000")),),
    hour_until_ms=60_000,
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Intent, replace(entry(), metadata={"why": "x", "n": 1.5}, target=Decimal("51000.0"))),
        (GateInputs, READY),
        (GateInputs, replace(READY, feed_age_s=math.inf, bid=Decimal("NaN"), quote_age_s=0.1 + 0.2)),
        (AccountFacts, FACTS),
        (AccountFacts, FULL),
        (Instrument, instrument()),
        (OrderSettings, LIVE),
        (OrderSettings, replace(LIVE, limits=replace(LIVE.limits, windows=(WINDOW,)), leverage=None)),
    ],
)
def test_what_a_gate_looks_at_comes_back_as_it_was(kind: type, value: object) -> None:
    found = unflat(kind, orjson.loads(flat_text(value)))

    assert repr(found) == repr(value)
    assert flat_text(found) == flat_text(value)


@given(st.decimals(), st.floats(), st.integers(-(2**53), 2**53))
def test_no_number_is_rounded_or_lost(exact: Decimal, real: float, whole: int) -> None:
    inputs = replace(READY, bid=exact, feed_age_s=real, next_funding_ms=whole)

    found = unflat(GateInputs, orjson.loads(flat_text(inputs)))

    assert (str(found.bid), found.next_funding_ms) == (str(exact), whole)
    assert repr(found.feed_age_s) == repr(real)


def test_fields_of_another_program_are_refused_by_name() -> None:
    told = flat(READY)
    told["wind"] = 1
    del told["ready"]

    with pytest.raises(ValueError, match="GateInputs: found other fields than expected: ready, wind"):
        unflat(GateInputs, told)
