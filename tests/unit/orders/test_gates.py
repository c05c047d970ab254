"""Gates: each refuses what it must, says value and limit, and the first refusal is the verdict."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.modes import Environment
from playd.core.orders import Side
from playd.orders.breakers import Trip
from playd.orders.exposure import LONG, SHORT, Holding, Working, worst_case
from playd.orders.gates import AccountFacts, Case
from playd.orders.halts import Halt, Level
from playd.orders.pipeline import PIPELINE, bounds_of, explain, judge
from playd.orders.policy_windows import Window
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.settings.limits_model import PolicyWindow, Risk
from playd.settings.model import Settings
from playd.venues.port import RiskTier
from tests.rows import instrument
from tests.simulation.order_world import READY, entry

FACTS = AccountFacts(
    halt=None,
    ready=True,
    not_ready="",
    equity_usdt=Decimal(10_000),
    equity_age_s=1.0,
    verdict_exists=False,
    intent_exists=False,
    working_entries=0,
    unresolved="",
    day_usd=Decimal(0),
    day_orders=0,
    entries_hour_instance=0,
    entries_hour_account=0,
)
OPEN = Case(entry(), READY, FACTS, instrument(), OrderSettings.of(Environment.LOCAL))
CAPPED = replace(OPEN, settings=replace(OPEN.settings, limits=RiskLimits(Decimal(600), Decimal(1000), 3, 2, 4)))
QUOTED = replace(
    OPEN,
    settings=replace(OPEN.settings, plain_market=False),
    inputs=replace(READY, bid=Decimal(49_999), ask=Decimal(50_001), quote_age_s=0.1),
)


def with_(case: Case, **changes: Any) -> Case:
    """A case with changed intent_*, inputs_* and facts_* fields."""
    for name, value in changes.items():
        part, field = name.split("_", 1)
        case = replace(case, **{part: replace(getattr(case, part), **{field: value})})
    return case


def test_an_entry_without_anything_against_it_passes() -> None:
    assert judge(OPEN) is None
    assert judge(CAPPED) is None
    assert judge(QUOTED) is None


TIERS = (RiskTier(Decimal(2_000), Decimal("0.005")), RiskTier(Decimal(4_000), Decimal("0.02")))


def limited(case: Case = OPEN, **limits: Any) -> Case:
    """A case under these limits alone, with quotes, funding and leverage that none of them minds."""
    settings = replace(case.settings, limits=RiskLimits(**limits))
    inputs = replace(case.inputs, mark=Decimal(50_000), last=Decimal(50_000), funding_rate=Decimal("0.0001"))
    return replace(case, settings=settings, inputs=inputs, facts=replace(case.facts, leverage=Decimal(3), tiers=TIERS))


def delivered_in(hours: float) -> Case:
    case = limited(delist_no_entry_h=72)
    return replace(case, instrument=replace(case.instrument, delivery_time_ms=60_000 + round(hours * 3_600_000)))


def listed_for(days: float) -> Case:
    case = limited(min_listing_days=7)
    close_ms = 100 * 86_400_000
    listed = replace(case.instrument, launch_time_ms=close_ms - round(days * 86_400_000))
    return with_(replace(case, instrument=listed), intent_bar_close_ms=close_ms)


def funded(stamp_s: float | None) -> Case:
    """A bar that closes at 08:00:00, the next funding so many seconds later or earlier; one every eight hours."""
    close_ms = 8 * 3_600_000
    case = with_(limited(funding_window=True), intent_bar_close_ms=close_ms, inputs_bar_age_s=0.0)
    return with_(case, inputs_next_funding_ms=None if stamp_s is None else close_ms + round(stamp_s * 1000))


def windowed(*windows: dict[str, Any], close_ms: int = 60_000) -> Case:
    """Under these windows of the operator; the bar closes on Thursday at 00:01 UTC."""
    held = tuple(Window.of(PolicyWindow.model_validate(window)) for window in windows)
    return with_(limited(windows=held), intent_bar_close_ms=close_ms)


NIGHT = {"kind": "allow", "days": ["wed"], "from": "22:00", "to": "00:02"}
MORNING = {"kind": "block", "days": ["thu"], "from": "00:01", "to": "08:00", "reason": "rollover"}
LIVE = with_(OPEN, facts_real_money=True)
PRICED = with_(
    replace(OPEN, instrument=replace(instrument(), price_limit_ratio=Decimal("0.01"))),
    inputs_mark=Decimal(50_000),
    intent_order_type="Limit",
    intent_price=Decimal("50500"),
)
"""A buy at the highest limit that the venue takes."""
IN_DOUBT = Working("BTCUSDT", Side.BUY, Decimal("0.002"), Decimal(50_000))
PASSES = [
    with_(limited(week_notional_pct=Decimal(100)), facts_week_usd=Decimal(9_500)),
    limited(gross_pct=Decimal(5), net_pct=Decimal(5), symbol_pct=Decimal(5), max_positions=1, max_leverage=Decimal(3)),
    with_(limited(symbol_pct=Decimal(6)), facts_working=(IN_DOUBT,)),
    with_(limited(liquidation_safety=Decimal("0.5")), intent_stop=Decimal(41_792)),
    with_(limited(fat_finger_pct=Decimal(2)), inputs_mark=Decimal(51_020)),
    with_(limited(max_mark_divergence_pct=Decimal(1)), inputs_last=Decimal(50_500)),
    with_(OPEN, facts_rules_age_s=86_400.0),
    with_(QUOTED, inputs_mark=Decimal("49500.1")),
    with_(OPEN, inputs_mark=Decimal(49_500)),
    with_(QUOTED, inputs_mark=Decimal(49_400), intent_order_type="Limit", intent_price=Decimal(50_000)),
    delivered_in(72.0),
    with_(limited(QUOTED, max_spread_bps=Decimal(15)), inputs_ask=Decimal(50_073)),
    with_(limited(max_adverse_funding_pct_day=Decimal("0.3")), inputs_funding_rate=Decimal("0.001")),
    with_(limited(max_adverse_funding_pct_day=Decimal("0.3")), inputs_funding_rate=Decimal("-0.1")),
    with_(limited(risk_per_trade_pct=Decimal(2)), intent_stop=Decimal("49999.7")),
    limited(order_usd=Decimal(50)),
    limited(hard_order_usd=Decimal(500)),
    with_(LIVE, inputs_not_armed=""),
    listed_for(7.0),
    funded(120.001),
    funded(-60.001),
    funded(8 * 3600 - 60.001),
    windowed(NIGHT),
    windowed({**MORNING, "from": "00:02"}),
    windowed({**MORNING, "to": "00:01", "from": "23:00"}),
    limited(size_share_pct=Decimal(25)),
    with_(limited(day_notional_pct=Decimal(10)), facts_day_usd=Decimal(500)),
    with_(
        limited(max_im_rate=Decimal("0.6"), max_mm_rate=Decimal("0.5")),
        facts_im_rate=Decimal("0.575"),
        facts_leverage=Decimal(2),
    ),
]
"""At the very edge of each limit."""


@pytest.mark.parametrize("case", PASSES)
def test_a_value_at_its_limit_passes(case: Case) -> None:
    assert judge(case) is None


PAUSED = Halt(1, "all", Level.PAUSE, "TEST", "because", "me", 0)
REFUSALS = [
    ("HALTED", with_(OPEN, facts_halt=PAUSED)),
    ("NOT_ARMED", LIVE),
    ("NOT_ARMED", with_(LIVE, inputs_not_armed="arming_expired: over")),
    ("NOT_RUNNING", with_(OPEN, inputs_state="paused")),
    ("WINDOW_CLOSED", windowed({**NIGHT, "to": "00:01"})),
    ("WINDOW_CLOSED", windowed({**NIGHT, "days": ["thu"]})),
    ("WINDOW_CLOSED", windowed(MORNING)),
    ("WINDOW_CLOSED", windowed(NIGHT, MORNING)),
    ("FUNDING_WINDOW", funded(None)),
    ("FUNDING_WINDOW", funded(120.0)),
    ("FUNDING_WINDOW", funded(0.0)),
    ("FUNDING_WINDOW", funded(-60.0)),
    ("INSTRUMENT", listed_for(6.99)),
    ("INSTRUMENT", limited(min_listing_days=7)),
    ("ACCOUNT_NOT_READY", with_(OPEN, facts_ready=False, facts_not_ready="private stream is down")),
    ("ACCOUNT_NOT_READY", with_(OPEN, facts_equity_usdt=None, facts_equity_age_s=None)),
    ("ACCOUNT_NOT_READY", with_(OPEN, facts_equity_age_s=120.1)),
    ("ACCOUNT_NOT_READY", with_(OPEN, facts_equity_usdt=Decimal(0))),
    ("ACCOUNT_NOT_READY", with_(OPEN, facts_held_s=0.1)),
    ("WARMING", with_(OPEN, inputs_ready=False, inputs_not_ready="ema_slow")),
    ("FEED_STALE", with_(OPEN, inputs_feed_age_s=30.1)),
    ("FEED_STALE", with_(OPEN, inputs_feed_gap=True)),
    ("SIGNAL_OLD", with_(OPEN, inputs_bar_age_s=30.1)),
    ("SIGNAL_OLD", with_(OPEN, inputs_late=True)),
    ("REPLAY", with_(OPEN, facts_verdict_exists=True)),
    ("REPLAY", with_(OPEN, facts_intent_exists=True)),
    ("PENDING", with_(OPEN, facts_working_entries=1)),
    ("UNRESOLVED", with_(OPEN, facts_unresolved="order x is in doubt")),
    ("QUOTE_STALE", with_(QUOTED, inputs_bid=None)),
    ("QUOTE_STALE", with_(QUOTED, inputs_ask=Decimal(0))),
    ("QUOTE_STALE", with_(QUOTED, inputs_quote_age_s=2.1)),
    ("SPREAD", with_(QUOTED, inputs_ask=Decimal(49_990))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal(0))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal("NaN"))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal("-0.01"))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal("0.0005"))),
    ("ORDER_CAP", limited(hard_order_usd=Decimal(499))),
    ("WEEK_CAP", with_(limited(week_notional_pct=Decimal(100)), facts_week_usd=Decimal("9500.01"))),
    ("WEEK_CAP", limited(week_notional_pct=Decimal("4.9"))),
    ("EXPOSURE", limited(gross_pct=Decimal("4.9"))),
    ("EXPOSURE", limited(net_pct=Decimal("4.9"))),
    ("EXPOSURE", with_(limited(symbol_pct=Decimal("5.9")), facts_working=(IN_DOUBT,))),
    ("POSITIONS", with_(limited(max_positions=1), facts_holdings=(Holding("ETHUSDT", Decimal(1), Decimal(1)),))),
    ("LEVERAGE", with_(limited(max_leverage=Decimal(3)), facts_leverage=Decimal("3.1"))),
    ("LEVERAGE", with_(limited(max_leverage=Decimal(3)), facts_leverage=None)),
    ("LIQUIDATION", with_(limited(liquidation_safety=Decimal("0.5")), intent_stop=Decimal(41_750) - Decimal("41.7"))),
    ("LIQUIDATION", with_(limited(liquidation_safety=Decimal("0.5")), facts_leverage=Decimal(49))),
    ("PRICE_BAND", with_(limited(fat_finger_pct=Decimal(2)), inputs_mark=None)),
    ("PRICE_BAND", with_(limited(fat_finger_pct=Decimal(2)), inputs_mark=Decimal(51_021))),
    ("PRICE_BAND", with_(limited(max_mark_divergence_pct=Decimal(1)), inputs_last=None)),
    ("PRICE_BAND", with_(limited(max_mark_divergence_pct=Decimal(1)), inputs_last=Decimal(50_501))),
    ("INSTRUMENT", replace(OPEN, instrument=replace(instrument(), status="PreLaunch"))),
    ("INSTRUMENT", with_(OPEN, facts_rules_age_s=86_401.0)),
    ("INSTRUMENT", delivered_in(71.9)),
    ("DAILY_LOSS", with_(OPEN, facts_trips=(Trip("DAILY_LOSS", Level.PAUSE, "loss", "2.1", "2", "%"),))),
    ("DRAWDOWN", with_(OPEN, facts_trips=(Trip("DRAWDOWN", Level.HALT, "loss", "11", "10", "%"),))),
    ("FAST_FALL", with_(OPEN, facts_trips=(Trip("FAST_FALL", Level.HALT, "loss", "2", "1.5", "%"),))),
    ("WEEK_LOSS", with_(OPEN, facts_trips=(Trip("WEEK_LOSS", Level.HALT, "loss", "7", "6", "%"),))),
    ("INSTANCE_DRAWDOWN", with_(OPEN, facts_trips=(Trip("INSTANCE_DRAWDOWN", Level.HALT, "loss", "7", "6", "%"),))),
    ("SPREAD", with_(limited(QUOTED, max_spread_bps=Decimal(15)), inputs_ask=Decimal(50_075))),
    ("FUNDING_RATE", with_(limited(max_adverse_funding_pct_day=Decimal("0.3")), inputs_funding_rate=None)),
    ("FUNDING_RATE", with_(limited(max_adverse_funding_pct_day=Decimal("0.3")), inputs_funding_rate=Decimal("0.00101"))),
    ("SIZE_ZERO", with_(limited(risk_per_trade_pct=Decimal(2)), intent_stop=Decimal("49999.8"))),
    ("SIZE_ZERO", limited(order_usd=Decimal(49))),
    ("DAY_CAP", with_(CAPPED, facts_day_usd=Decimal(501))),
    ("DAY_CAP", with_(CAPPED, facts_day_orders=3)),
    ("DAY_CAP", with_(limited(day_notional_pct=Decimal(10)), facts_day_usd=Decimal("500.01"))),
    ("DAY_CAP", with_(limited(day_notional_pct=Decimal(10)), facts_equity_usdt=Decimal(1_000))),
    ("EXPOSURE", with_(limited(max_im_rate=Decimal("0.6")), facts_im_rate=Decimal("0.601"))),
    ("EXPOSURE", with_(limited(max_mm_rate=Decimal("0.5")), facts_mm_rate=Decimal("0.501"))),
    ("CHURN", with_(CAPPED, facts_entries_hour_instance=2)),
    ("CHURN", with_(CAPPED, facts_entries_hour_account=4)),
    ("PRICE_BAND", with_(OPEN, intent_order_type="Limit", intent_price=Decimal("49999.95"))),
    ("PRICE_BAND", with_(PRICED, inputs_mark=None)),
    ("PRICE_BAND", with_(PRICED, intent_price=Decimal("50500.1"))),
    ("ORDER_CAP", with_(limited(QUOTED, hard_order_usd=Decimal("500.5")), inputs_ask=Decimal(50_010))),
    ("BELOW_MINIMUM", replace(OPEN, instrument=replace(instrument(), min_qty=Decimal("0.02")))),
    ("BELOW_MINIMUM", replace(OPEN, instrument=replace(instrument(), min_notional_usdt=Decimal(501)))),
    ("BELOW_MINIMUM", replace(OPEN, instrument=replace(instrument(), max_market_qty=Decimal("0.005")))),
    ("NO_STOP", with_(OPEN, intent_stop=None)),
    ("NO_STOP", with_(OPEN, intent_stop=Decimal(50_500))),
    ("NO_STOP", with_(OPEN, intent_stop=Decimal("49500.05"))),
    ("NO_STOP", with_(OPEN, intent_side=Side.SELL)),
    ("NO_STOP", with_(QUOTED, inputs_mark=Decimal(49_500))),
]


@pytest.mark.parametrize(("code", "case"), REFUSALS)
def test_each_cause_is_refused_with_its_code(code: str, case: Case) -> None:
    refusal = judge(case)

    assert refusal is not None
    assert refusal.code == code
    assert refusal.text


def test_a_cap_names_value_limit_and_unit() -> None:
    refusal = judge(limited(hard_order_usd=Decimal(499)))

    assert refusal is not None
    assert (refusal.value, refusal.limit, refusal.unit) == ("500.00", "499", "USD")


SOLD = with_(PRICED, intent_side=Side.SELL, intent_stop=Decimal(50_600), intent_price=Decimal("49499.9"))


@pytest.mark.parametrize(
    ("case", "value", "nearest"),
    [
        (with_(PRICED, intent_price=Decimal("50500.1")), "50500.1", "the highest is 50500"),
        (with_(PRICED, inputs_mark=Decimal("49999.99")), "50500", "the highest is 50499.9"),  # on the tick, inside
        (SOLD, "49499.9", "the lowest is 49500"),
        (with_(SOLD, inputs_mark=Decimal("50000.01")), "49499.9", "the lowest is 49500.1"),
        (replace(PRICED, instrument=replace(instrument(), max_price=Decimal(50_000))), "50500", "the highest is 50000"),
        (replace(PRICED, instrument=replace(instrument(), min_price=Decimal(60_000))), "50500", "the lowest is 60000"),
    ],
)
def test_a_limit_that_the_venue_does_not_take_is_told_the_nearest_that_it_takes(case: Case, value: str, nearest: str) -> None:
    refusal = judge(case)

    assert refusal is not None
    assert (refusal.code, refusal.value, refusal.unit) == ("PRICE_BAND", value, "USDT")
    assert refusal.text.endswith(nearest)
    assert refusal.limit == nearest.split()[-1]


@pytest.mark.parametrize(
    ("rules", "smallest"),
    [
        ({"min_qty": Decimal("0.02")}, "0.02"),
        ({"min_qty": Decimal("0.02"), "min_notional_usdt": Decimal(1001)}, "0.021"),
        ({"min_notional_usdt": Decimal(501)}, "0.011"),
    ],
)
def test_what_is_too_small_is_told_the_smallest_order(rules: dict[str, Decimal], smallest: str) -> None:
    refusal = judge(replace(OPEN, instrument=replace(instrument(), **rules)))  # type: ignore[arg-type]

    assert refusal is not None
    assert refusal.words.startswith(refusal.text)
    assert refusal.text.endswith(f"the smallest order is {smallest} at 50000")


PIPELINE_TEXT = """
halt HALTED
armed NOT_ARMED
state NOT_RUNNING
account ACCOUNT_NOT_READY
warm-up WARMING
feed FEED_STALE
replay REPLAY SIGNAL_OLD
pending UNRESOLVED PENDING
window WINDOW_CLOSED
funding window FUNDING_WINDOW
instrument INSTRUMENT
daily loss DAILY_LOSS
drawdown DRAWDOWN FAST_FALL WEEK_LOSS INSTANCE_DRAWDOWN
quote QUOTE_STALE SPREAD
funding rate FUNDING_RATE
size SIZE_ZERO
order cap ORDER_CAP
day cap DAY_CAP CHURN
week exposure WEEK_CAP
exposure EXPOSURE POSITIONS LEVERAGE
liquidation LIQUIDATION
band PRICE_BAND
minimum BELOW_MINIMUM
stop NO_STOP
"""


def test_the_pipeline_has_the_specified_gates_in_the_specified_order() -> None:
    assert [f"{step.name} {' '.join(step.codes)}" for step in PIPELINE] == PIPELINE_TEXT.strip().splitlines()


def test_every_refusal_a_gate_gives_is_one_that_it_declares() -> None:
    declared = {step.name: step.codes for step in PIPELINE}
    given = {(name, answer.code) for _, case in REFUSALS for name, answer in explain(case) if answer is not None}

    assert {(name, code) for name, code in given if code not in declared[name]} == set()
    assert {code for codes in declared.values() for code in codes} == {code for _, code in given}


def test_every_bound_of_a_gate_has_a_value_or_is_said_to_be_off() -> None:
    local = {name: value for step in PIPELINE for name, value in bounds_of(step, OPEN.settings).items()}
    demo = {name: value for step in PIPELINE for name, value in bounds_of(step, OrderSettings.of(Environment.DEMO)).items()}

    assert (local["gross_pct"], demo["gross_pct"], local["entry_max_age_s"]) == ("off", "150", "30.0")
    steps = {"windows", "funding_window", "order_usd", "size_share_pct", "day_usd", "day_orders"}
    assert {name for name, value in demo.items() if value == "off"} == steps


def test_the_first_refusal_is_the_verdict_and_explain_shows_all() -> None:
    case = with_(OPEN, facts_halt=PAUSED, inputs_state="paused", intent_stop=None)
    refusal = judge(case)

    assert refusal is not None
    assert refusal.code == "HALTED"
    assert [answer.code for _, answer in explain(case) if answer is not None] == ["HALTED", "NOT_RUNNING", "NO_STOP"]


def test_caps_are_off_for_the_local_exchange_unless_they_are_written_and_on_everywhere_else() -> None:
    written = Settings(risk=Risk(gross_pct=Decimal(90)))

    assert OrderSettings.of(Environment.LOCAL).limits == RiskLimits()
    assert not OrderSettings.of(Environment.LOCAL).breakers.watching
    assert RiskLimits.from_settings(written, Environment.LOCAL) == RiskLimits(gross_pct=Decimal(90))
    assert OrderSettings.of(Environment.DEMO).limits.day_notional_pct == 200
    assert OrderSettings.of(Environment.LIVE).breakers.day_halt_pct == 3


def test_the_step_of_capital_bounds_an_instance_and_full_adds_nothing() -> None:
    account = OrderSettings.of(Environment.LIVE).limits

    assert (account.order_usd, account.day_usd, account.size_share_pct) == (None, None, None)
    micro, quarter = account.at_step("micro"), account.at_step("quarter")
    assert (micro.order_usd, micro.day_usd, micro.day_orders) == (Decimal(75), Decimal(1000), 20)
    assert (quarter.order_usd, quarter.size_share_pct) == (None, Decimal(25))
    assert account.at_step("full") == account


def test_the_tightest_of_all_levels_holds_whichever_way_a_key_is_tight() -> None:
    limits = RiskLimits.from_settings(Settings(risk=Risk(gross_pct=Decimal(90), min_listing_days=10)), Environment.DEMO)
    wider = limits.tightened(Risk(gross_pct=Decimal(120), min_listing_days=3, max_positions=2))
    tighter = wider.tightened(Risk(gross_pct=Decimal(50), min_listing_days=30, funding_window=True))

    assert (wider.gross_pct, wider.min_listing_days, wider.max_positions) == (Decimal(90), 10, 2)
    assert (tighter.gross_pct, tighter.min_listing_days, tighter.funding_window) == (Decimal(50), 30, True)
    assert tighter.tightened(Risk(funding_window=False)).funding_window


@pytest.mark.parametrize(
    ("zone", "utc", "open_"),
    [
        ("America/New_York", "2024-03-08T14:29", False),  # winter: 09:30 is 14:30 UTC
        ("America/New_York", "2024-03-08T14:30", True),
        ("America/New_York", "2024-03-11T13:30", True),  # summer since the day before: 13:30 UTC
        ("America/New_York", "2024-03-11T13:29", False),
        ("UTC", "2024-03-11T13:30", True),
        ("UTC", "2024-03-11T09:29", False),
    ],
)
def test_a_window_keeps_its_local_hours_when_clocks_are_changed(zone: str, utc: str, open_: bool) -> None:
    time_ms = round(datetime.fromisoformat(f"{utc}+00:00").timestamp() * 1000)
    hours = {"kind": "allow", "from": "09:30", "to": "16:00", "zone": zone}
    case = windowed(hours, close_ms=time_ms)

    assert (judge(case) is None) is open_


@pytest.mark.parametrize(
    ("limits", "qty"),
    [
        ({"size_share_pct": Decimal(25)}, "0.002"),
        (
            {"size_share_pct": Decimal(25), "notional_per_trade_pct": Decimal(2)},
            "0.001",
        ),  # of the 0.004 that a full step enters
        ({"order_usd": Decimal(260)}, "0.005"),  # 0.0052 in whole steps
        ({"notional_per_trade_pct": Decimal(3)}, "0.006"),  # 300 of 50 000
        ({"margin_per_trade_pct": Decimal(1)}, "0.006"),  # 100 at threefold leverage
        ({"risk_per_trade_pct": Decimal("0.04")}, "0.006"),  # 4 USDT over 500 + 105 per coin
        ({"risk_per_trade_pct": Decimal("0.04"), "order_usd": Decimal(100)}, "0.002"),
        ({"order_usd": Decimal(5_000)}, "0.010"),
        ({"order_usd": Decimal(500)}, "0.010"),  # just so much
        ({"size_share_pct": Decimal(100)}, "0.010"),
    ],
)
def test_ceilings_cut_the_size_to_whole_steps_and_never_raise_it(limits: dict[str, Any], qty: str) -> None:
    fitted = limited(**limits).fitted

    assert fitted.qty == Decimal(qty)
    assert (fitted.why == "") == (qty == "0.010")
    assert judge(limited(**limits)) is None


@pytest.mark.parametrize(
    ("case", "qty"),
    [
        (with_(OPEN, intent_order_type="Limit", intent_price=Decimal(49_600)), "0.010"),  # 4 USDT over 100 + 105 per coin
        (with_(OPEN, intent_order_type="Limit", intent_price=Decimal(50_500)), "0.003"),  # over 1000 + 106
        (QUOTED, "0.005"),  # at the worst it is filled at 50 101
        (with_(QUOTED, intent_side=Side.SELL, intent_stop=Decimal(50_500)), "0.005"),
    ],
)
def test_a_loss_at_the_stop_is_reckoned_from_the_price_that_an_entry_is_sent_with(case: Case, qty: str) -> None:
    assert limited(case, risk_per_trade_pct=Decimal("0.04")).fitted.qty == Decimal(qty)


def test_of_a_symbol_in_hedge_mode_each_side_counts_and_net_is_what_is_left() -> None:
    long, short = Holding("ETHUSDT", Decimal(3), Decimal(2_000), LONG), Holding("ETHUSDT", Decimal(-2), Decimal(2_000), SHORT)
    found = worst_case([long, short], [])

    assert (found.gross, found.net, found.positions) == (10_000, 2_000, 2)
    assert found.symbols == {"ETHUSDT": Decimal(10_000)}
    opens = Working("ETHUSDT", Side.SELL, Decimal(5), Decimal(2_000), SHORT)
    closes = Working("ETHUSDT", Side.SELL, Decimal(5), Decimal(2_000), LONG)
    assert worst_case([long, short], [opens]).gross == 20_000
    assert worst_case([long, short], [closes]).gross == 10_000


def test_doubt_and_opposite_orders_count_in_the_worst_direction() -> None:
    held = Holding("BTCUSDT", Decimal("0.1"), Decimal(50_000))
    in_doubt = Working("BTCUSDT", Side.BUY, Decimal("0.05"), Decimal(50_000))
    against = Working("BTCUSDT", Side.SELL, Decimal("0.4"), Decimal(50_000))
    short = Holding("ETHUSDT", Decimal(-2), Decimal(2_000))

    assert worst_case([held], [in_doubt]).gross == 7_500
    assert worst_case([held], [in_doubt, against]).symbols == {"BTCUSDT": Decimal(15_000)}
    assert worst_case([held, short], []).gross == 9_000
    assert worst_case([held, short], []).net == 1_000
    assert worst_case([held, short], [against]).net == 19_000


QUANTITIES = st.decimals(min_value=Decimal("0.001"), max_value=10, places=3)
SYMBOLS, SIDES = st.sampled_from(["A", "B"]), st.sampled_from([0, LONG, SHORT])
WORKING = st.builds(Working, SYMBOLS, st.sampled_from(Side), QUANTITIES, QUANTITIES, SIDES)


def held(symbol: str, qty: Decimal, price: Decimal, side: int) -> Holding:
    return Holding(symbol, {LONG: qty, SHORT: -qty}.get(side, 5 - qty), price, side)


HOLDINGS = st.lists(st.builds(held, SYMBOLS, QUANTITIES, QUANTITIES, SIDES), max_size=3)


@settings(max_examples=60)
@given(HOLDINGS, st.lists(WORKING, max_size=4), WORKING)
def test_one_more_order_never_lowers_an_exposure(holdings: list[Holding], working: list[Working], more: Working) -> None:
    before, after = worst_case(holdings, working), worst_case(holdings, [*working, more])

    assert after.gross >= before.gross
    assert all(after.symbols[symbol] >= value for symbol, value in before.symbols.items())
    assert after.positions >= before.positions
