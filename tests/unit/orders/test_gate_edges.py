"""Both sides of the edge of every gate: what is just allowed, and the least that is not."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from playd.core.modes import Environment
from playd.core.orders import Side
from playd.orders.breakers import Trip, instance_trip, trips
from playd.orders.exposure import LONG as BOUGHT
from playd.orders.exposure import SHORT as SOLD
from playd.orders.exposure import Holding, Working
from playd.orders.gates import Case
from playd.orders.halts import Halt, Level
from playd.orders.pipeline import PIPELINE, explain, judge
from playd.orders.settings import OrderSettings
from tests.rows import instrument
from tests.unit.orders.test_breakers import LIMITS, fallen
from tests.unit.orders.test_gates import (
    CAPPED,
    IN_DOUBT,
    LIVE,
    MORNING,
    NIGHT,
    OPEN,
    QUOTED,
    delivered_in,
    funded,
    limited,
    listed_for,
    windowed,
    with_,
)

GATE = {step.name: step.gate for step in PIPELINE}


def halted(level: Level) -> Case:
    return with_(OPEN, facts_halt=Halt(1, "all", level, "TEST", "because", "me", 0))


def lost(usd: str, **since: bool) -> Case:
    """As the breakers of a real account see such a fall."""
    found: tuple[Trip, ...] = trips(fallen(usd, **since), LIMITS)
    return with_(OPEN, facts_trips=found)


def ruled(**rules: Any) -> Case:
    return replace(OPEN, instrument=replace(instrument(), **rules))


def spread(ask: str) -> Case:
    return with_(limited(QUOTED, max_spread_bps=Decimal(15)), inputs_ask=Decimal(ask))


def adverse(rate: str, side: Side = Side.BUY) -> Case:
    case = with_(limited(max_adverse_funding_pct_day=Decimal("0.3")), inputs_funding_rate=Decimal(rate))
    return with_(case, intent_side=side, intent_stop=Decimal(49_500 if side is Side.BUY else 50_500))


def stopped(at: str, **limits: Any) -> Case:
    return with_(limited(**limits), intent_stop=Decimal(at))


HALF = Decimal("0.5")
SHORT: dict[str, Any] = {"intent_side": Side.SELL, "intent_stop": Decimal(50_500)}
PATIENT = with_(replace(OPEN, settings=replace(OPEN.settings, entry_max_age_s=300.0)), facts_bar_s=60.0)
"""Signals of five minutes may be followed here, on bars of one."""
LONG = Holding("ETHUSDT", Decimal(1), Decimal(100))
HELD = with_(limited(gross_pct=Decimal(10) ** 9), facts_holdings=(LONG,))
PRICED = with_(QUOTED, intent_order_type="Limit", intent_price=Decimal(49_900))
"""An entry with a limit of its own."""


def at_own(price: str, stop: str = "49500", **limits: Any) -> Case:
    """An entry with a limit of its own, away from the close of 50 000 that decided it."""
    return with_(limited(**limits), intent_order_type="Limit", intent_price=Decimal(price), intent_stop=Decimal(stop))


def hedged(symbol: str, qty: str, price: int, **limits: Any) -> Case:
    """Beside both sides of a symbol in hedge mode, so many coins each."""
    both = (Holding(symbol, Decimal(qty), Decimal(price), BOUGHT), Holding(symbol, -Decimal(qty), Decimal(price), SOLD))
    return with_(limited(**limits), facts_holdings=both)


def worth_at_least(usdt: str, case: Case) -> Case:
    return replace(case, instrument=replace(instrument(), min_notional_usdt=Decimal(usdt)))


def margined(stated: str) -> Case:
    return with_(limited(max_im_rate=Decimal("0.6")), facts_im_rate=Decimal(stated), facts_leverage=Decimal(2))


def tiered(stop: str, held: str, *, told: bool = True) -> Case:
    """Beside a position of so many coins at 50 000."""
    case = with_(stopped(stop, liquidation_safety=HALF), facts_holdings=(Holding("BTCUSDT", Decimal(held), Decimal(50_000)),))
    return case if told else with_(case, facts_tiers=())


def doubled(stop: str) -> Case:
    return with_(stopped(stop, liquidation_safety=HALF), facts_leverage=Decimal(2))


def at_fat_finger(price: str) -> Case:
    """A limit order that may be two per cent from a mark of 50 000."""
    case = with_(limited(fat_finger_pct=Decimal(2)), intent_order_type="Limit", intent_price=Decimal(price))
    return with_(case, inputs_mark=Decimal(50_000))


def at_limit(price: str, side: Side = Side.BUY) -> Case:
    """A limit order where the venue takes limits up to a hundredth from a mark of 50 000."""
    case = with_(ruled(price_limit_ratio=Decimal("0.01")), intent_order_type="Limit", intent_price=Decimal(price))
    return with_(case, intent_side=side, inputs_mark=Decimal(50_000))


def bounded(**rules: Any) -> Case:
    return replace(PRICED, instrument=replace(instrument(), **rules))


def quoted(ask: str) -> Case:
    """An entry at the market, which is sent with a limit beyond the best ask."""
    case = replace(QUOTED, instrument=replace(instrument(), price_limit_ratio=Decimal("0.01")))
    return with_(case, inputs_ask=Decimal(ask), inputs_mark=Decimal(50_000))


def own_loss(usd: str) -> Case:
    """As the breaker of an instance with 10 000 USDT sees it."""
    own = instance_trip(-Decimal(usd), Decimal(10_000), LIMITS)
    return with_(OPEN, facts_trips=() if own is None else (own,))


EDGES: dict[str, list[tuple[Case, Case]]] = {
    "halt": [(halted(Level.OPEN), halted(Level.PAUSE))],
    "armed": [(with_(LIVE, inputs_not_armed=""), LIVE), (with_(OPEN, inputs_not_armed="nobody asked"), LIVE)],
    "state": [(OPEN, with_(OPEN, inputs_state="degraded"))],
    "account": [
        (OPEN, with_(OPEN, facts_ready=False, facts_not_ready="private stream is down")),
        (with_(OPEN, facts_equity_age_s=120.0), with_(OPEN, facts_equity_age_s=120.001)),
        (with_(OPEN, facts_equity_usdt=Decimal("0.01")), with_(OPEN, facts_equity_usdt=Decimal(0))),
        (with_(OPEN, facts_held_s=0.0), with_(OPEN, facts_held_s=0.001)),
    ],
    "warm-up": [(OPEN, with_(OPEN, inputs_ready=False))],
    "feed": [
        (with_(OPEN, inputs_feed_age_s=30.0), with_(OPEN, inputs_feed_age_s=30.001)),
        (OPEN, with_(OPEN, inputs_feed_gap=True)),
    ],
    "replay": [
        (with_(OPEN, inputs_bar_age_s=30.0), with_(OPEN, inputs_bar_age_s=30.001)),
        (with_(PATIENT, inputs_bar_age_s=60.0), with_(PATIENT, inputs_bar_age_s=60.001)),  # at most one bar
        (OPEN, with_(OPEN, inputs_late=True)),
        (OPEN, with_(OPEN, facts_verdict_exists=True)),
        (OPEN, with_(OPEN, facts_intent_exists=True)),
    ],
    "pending": [
        (OPEN, with_(OPEN, facts_working_entries=1)),
        (OPEN, with_(OPEN, facts_unresolved="order x is in doubt")),
    ],
    "window": [
        (windowed(MORNING, close_ms=59_999), windowed(MORNING, close_ms=60_000)),  # its first moment
        (windowed(MORNING, close_ms=28_800_000), windowed(MORNING, close_ms=28_799_999)),  # its last one
        (windowed(NIGHT, close_ms=119_999), windowed(NIGHT, close_ms=120_000)),
    ],
    "funding window": [
        (funded(120.001), funded(120.0)),
        (funded(-60.001), funded(-60.0)),
        (funded(200.0), replace(funded(200.0), instrument=replace(instrument(), funding_interval_min=0))),
        (with_(funded(130.0), inputs_bar_age_s=9.9), with_(funded(130.0), inputs_bar_age_s=10.0)),  # it leaves so late
    ],
    "instrument": [
        (OPEN, ruled(status="Closed")),
        (with_(OPEN, facts_rules_age_s=86_400.0), with_(OPEN, facts_rules_age_s=86_400.1)),
        (delivered_in(72.0), delivered_in(71.999)),
        (listed_for(7.0), listed_for(6.999)),
    ],
    "daily loss": [(lost("199.99", day=True), lost("200", day=True))],
    "drawdown": [
        (lost("149.99", peak=True), lost("150", peak=True)),
        (lost("999.99", high=True), lost("1000", high=True)),
        (own_loss("999.99"), own_loss("1000")),
    ],
    "quote": [
        (with_(QUOTED, inputs_quote_age_s=2.0), with_(QUOTED, inputs_quote_age_s=2.001)),
        (with_(QUOTED, inputs_bid=Decimal(50_001)), with_(QUOTED, inputs_bid=Decimal("50001.1"))),  # crossed
        (with_(QUOTED, inputs_bid=Decimal("0.1")), with_(QUOTED, inputs_bid=Decimal(0))),
        (spread("50074.05"), spread("50074.06")),  # 15 bps of the middle
        (with_(spread("50037.5"), inputs_bid=Decimal("49962.5")), with_(spread("50037.6"), inputs_bid=Decimal("49962.5"))),
        (with_(PRICED, inputs_quote_age_s=2.0), with_(PRICED, inputs_quote_age_s=2.001)),
    ],
    "funding rate": [
        (adverse("0.001"), adverse("0.0010001")),  # three stamps a day
        (adverse("-0.001", Side.SELL), adverse("-0.0010001", Side.SELL)),
        (adverse("-0.1"), adverse("0.1")),
        (adverse("0.001"), with_(adverse("0.001"), inputs_funding_rate=None)),
        (adverse("0.001"), replace(adverse("0.001"), instrument=replace(instrument(), funding_interval_min=0))),
    ],
    "size": [
        (with_(OPEN, intent_qty=Decimal("0.001")), with_(OPEN, intent_qty=Decimal("0.0009"))),
        (OPEN, with_(OPEN, intent_price_ref=Decimal("NaN"))),
        (OPEN, with_(OPEN, intent_qty=Decimal("Infinity"))),
        (stopped("49999.7", risk_per_trade_pct=Decimal(2)), stopped("49999.8", risk_per_trade_pct=Decimal(2))),  # 3 ticks
        (at_own("49500.3", risk_per_trade_pct=Decimal(2)), at_own("49500.2", risk_per_trade_pct=Decimal(2))),
        (limited(order_usd=Decimal(50)), limited(order_usd=Decimal("49.99"))),  # one step costs 50
    ],
    "order cap": [(limited(hard_order_usd=Decimal(500)), limited(hard_order_usd=Decimal("499.99")))],
    "day cap": [
        (with_(CAPPED, facts_day_usd=Decimal(500)), with_(CAPPED, facts_day_usd=Decimal("500.01"))),
        (with_(CAPPED, facts_day_orders=2), with_(CAPPED, facts_day_orders=3)),
        (with_(CAPPED, facts_entries_hour_instance=1), with_(CAPPED, facts_entries_hour_instance=2)),
        (with_(CAPPED, facts_entries_hour_account=3), with_(CAPPED, facts_entries_hour_account=4)),
    ],
    "week exposure": [
        (
            with_(limited(week_notional_pct=Decimal(100)), facts_week_usd=Decimal(9_500)),
            with_(limited(week_notional_pct=Decimal(100)), facts_week_usd=Decimal("9500.01")),
        ),
        (limited(week_notional_pct=Decimal(5)), limited(week_notional_pct=Decimal("4.99"))),
        (limited(week_notional_pct=Decimal(5)), with_(limited(week_notional_pct=Decimal(5)), facts_equity_usdt=None)),
    ],
    "exposure": [
        (limited(gross_pct=Decimal(5)), limited(gross_pct=Decimal("4.99"))),
        (limited(net_pct=Decimal(5)), limited(net_pct=Decimal("4.99"))),
        (
            with_(limited(symbol_pct=Decimal(6)), facts_working=(IN_DOUBT,)),
            with_(limited(symbol_pct=Decimal("5.99")), facts_working=(IN_DOUBT,)),
        ),
        (
            with_(limited(max_positions=2), facts_holdings=(LONG,)),
            with_(limited(max_positions=1), facts_holdings=(LONG,)),
        ),
        (hedged("ETHUSDT", "4", 100, gross_pct=Decimal(13)), hedged("ETHUSDT", "4", 100, gross_pct=Decimal("12.99"))),
        (hedged("ETHUSDT", "4", 100, max_positions=3), hedged("ETHUSDT", "4", 100, max_positions=2)),
        (
            hedged("BTCUSDT", "0.01", 50_000, symbol_pct=Decimal(15)),
            hedged("BTCUSDT", "0.01", 50_000, symbol_pct=Decimal("14.99")),
        ),
        (
            with_(
                hedged("ETHUSDT", "175", 50, max_im_rate=Decimal("0.6")), facts_im_rate=Decimal("0.1")
            ),  # 18 000 USDT, threefold
            with_(hedged("ETHUSDT", "175.1", 50, max_im_rate=Decimal("0.6")), facts_im_rate=Decimal("0.1")),
        ),
        (with_(HELD, facts_equity_usdt=Decimal("0.01")), with_(HELD, facts_equity_usdt=Decimal(-1))),
        (HELD, with_(HELD, facts_equity_usdt=None)),
        (HELD, with_(HELD, facts_holdings=(replace(LONG, price=Decimal(0)),))),
        (HELD, with_(HELD, facts_working=(Working("ETHUSDT", Side.SELL, Decimal(1), Decimal(0)),))),
        (limited(max_leverage=Decimal(3)), limited(max_leverage=Decimal("2.99"))),
        (
            margined("0.575"),  # twofold: this entry of 500 USDT takes 250 of 10 000
            margined("0.5751"),
        ),
        (
            with_(margined("0.1"), facts_holdings=(replace(LONG, signed_qty=Decimal(115)),)),  # not in the rate that is stated
            with_(margined("0.1"), facts_holdings=(replace(LONG, signed_qty=Decimal("115.1")),)),
        ),
        (
            with_(limited(max_mm_rate=HALF), facts_mm_rate=Decimal("0.49975")),  # half of a hundredth of 500 of 10 000
            with_(limited(max_mm_rate=HALF), facts_mm_rate=Decimal("0.49976")),
        ),
    ],
    # Threefold: liquidation a third less half a hundredth away, and half of that for the stop: 8208.33 USDT.
    "liquidation": [
        (stopped("41791.7", liquidation_safety=HALF), stopped("41791.6", liquidation_safety=HALF)),
        (limited(liquidation_safety=HALF), with_(limited(liquidation_safety=HALF), facts_leverage=None)),
        (doubled("37625"), doubled("37624.9")),  # to the tick where leverage is two
        (at_own("49000", "40955.9", liquidation_safety=HALF), at_own("49000", "40955.8", liquidation_safety=HALF)),
        # The tier that the whole position of the symbol falls into: 1500 USDT beside these 500 are in the first one.
        (tiered("41791.7", "0.03"), tiered("41791.7", "0.031")),
        (tiered("42166.7", "0.031"), tiered("42166.6", "0.031")),  # the second one's 0.02
        (tiered("42166.7", "0.1"), tiered("42166.6", "0.1")),  # beyond the last one the last one's
        (tiered("45833.4", "0", told=False), tiered("45833.3", "0", told=False)),  # half of the initial margin
    ],
    "band": [
        (
            with_(limited(fat_finger_pct=Decimal(2)), inputs_mark=Decimal(51_020)),
            with_(limited(fat_finger_pct=Decimal(2)), inputs_mark=Decimal(51_021)),
        ),
        (
            with_(limited(max_mark_divergence_pct=Decimal(1)), inputs_last=Decimal(50_500)),
            with_(limited(max_mark_divergence_pct=Decimal(1)), inputs_last=Decimal("50500.1")),
        ),
        (at_fat_finger("51000"), at_fat_finger("51000.1")),
        (at_fat_finger("50000"), with_(at_fat_finger("50000"), inputs_mark=Decimal(0))),
        (
            limited(max_mark_divergence_pct=Decimal(1)),
            with_(limited(max_mark_divergence_pct=Decimal(1)), inputs_mark=Decimal(0)),
        ),
        (at_limit("50500"), at_limit("50500.1")),
        (at_limit("49500", Side.SELL), at_limit("49499.9", Side.SELL)),
        (at_limit("40000"), with_(at_limit("40000"), inputs_mark=None)),  # a buy below the market has no such bound
        (at_limit("60000", Side.SELL), with_(at_limit("60000", Side.SELL), inputs_mark=Decimal(0))),
        (bounded(max_price=Decimal(49_900)), bounded(max_price=Decimal("49899.9"))),
        (bounded(min_price=Decimal(49_900)), bounded(min_price=Decimal("49900.1"))),
        (quoted("50399.2"), quoted("50399.3")),  # 50 500 is 20 bps beyond the ask
    ],
    "minimum": [
        (ruled(min_qty=Decimal("0.010")), ruled(min_qty=Decimal("0.011"))),
        (ruled(max_market_qty=Decimal("0.010")), ruled(max_market_qty=Decimal("0.009"))),
        (ruled(min_notional_usdt=Decimal(500)), ruled(min_notional_usdt=Decimal("500.01"))),
        (worth_at_least("499", PRICED), worth_at_least("499.01", PRICED)),
        (
            worth_at_least("498.99", with_(QUOTED, **SHORT)),
            worth_at_least("499", with_(QUOTED, **SHORT)),
        ),  # 20 bps below the bid
    ],
    "stop": [
        (with_(OPEN, intent_stop=Decimal("49999.9")), with_(OPEN, intent_stop=Decimal(50_000))),
        (with_(OPEN, intent_stop=Decimal("0.1")), with_(OPEN, intent_stop=Decimal(0))),
        (at_own("49500.1"), at_own("49500")),
        (with_(at_own("50499.9", "50500"), **SHORT), with_(at_own("50500", "50500"), **SHORT)),
        (with_(OPEN, intent_stop=Decimal("49500.1")), with_(OPEN, intent_stop=Decimal("49500.15"))),
        (ruled(min_price=Decimal(49_500)), ruled(min_price=Decimal("49500.1"))),
        (with_(ruled(max_price=Decimal(50_500)), **SHORT), with_(ruled(max_price=Decimal("50499.9")), **SHORT)),
        (with_(OPEN, **{**SHORT, "intent_stop": Decimal("50000.1")}), with_(OPEN, **{**SHORT, "intent_stop": Decimal(50_000)})),
        (with_(QUOTED, **SHORT, inputs_mark=Decimal("50499.9")), with_(QUOTED, **SHORT, inputs_mark=Decimal(50_500))),
        (OPEN, with_(OPEN, intent_stop=None)),
    ],
}


QUIET_MARKET = replace(
    QUOTED.inputs, mark=Decimal(50_000), last=Decimal(50_000), funding_rate=Decimal(0), not_armed="", next_funding_ms=None
)
REAL = with_(
    replace(
        QUOTED, settings=OrderSettings.of(Environment.LIVE), inputs=QUIET_MARKET, facts=replace(LIVE.facts, leverage=Decimal(3))
    ),
    intent_bar_close_ms=100 * 86_400_000,
)
REAL = replace(REAL, instrument=replace(REAL.instrument, launch_time_ms=1))
"""An entry of real money under all limits, that passes."""

MONEY = [
    "intent_qty",
    "intent_price_ref",
    "intent_stop",
    "facts_equity_usdt",
    "facts_leverage",
    "facts_day_usd",
    "facts_week_usd",
]
PRICES = ["inputs_bid", "inputs_ask", "inputs_mark", "inputs_last", "inputs_funding_rate", "facts_im_rate", "facts_mm_rate"]
AGES = [
    "inputs_feed_age_s",
    "inputs_bar_age_s",
    "inputs_quote_age_s",
    "facts_equity_age_s",
    "facts_rules_age_s",
]
NUMBERLESS: list[tuple[str, object]] = [
    *((name, Decimal(value)) for name in MONEY + PRICES for value in ("NaN", "sNaN", "Infinity")),
    *((name, Decimal("-Infinity")) for name in [*PRICES[:-2], *MONEY[:-2]]),
    *((name, value) for name in AGES for value in (math.nan, math.inf)),
    *((name, None) for name in ("intent_stop", "facts_equity_usdt", "facts_leverage", *PRICES[:-2], "inputs_quote_age_s")),
]


@pytest.mark.parametrize(("name", "value"), NUMBERLESS)
def test_what_is_no_number_is_refused_and_raises_nothing(name: str, value: object) -> None:
    assert judge(REAL) is None

    refusal = judge(with_(REAL, **{name: value}))
    assert refusal is not None
    assert refusal.code in {code for step in PIPELINE for code in step.codes}
    assert len(explain(with_(REAL, **{name: value}))) == len(PIPELINE)


def test_every_gate_has_an_edge_here() -> None:
    assert EDGES.keys() == GATE.keys()


@pytest.mark.parametrize(("name", "inside", "beyond"), [(name, *pair) for name, pairs in EDGES.items() for pair in pairs])
def test_a_gate_lets_the_last_value_pass_and_refuses_the_first_beyond(name: str, inside: Case, beyond: Case) -> None:
    assert GATE[name](inside) is None

    refusal = GATE[name](beyond)
    assert refusal is not None
    assert refusal.text
