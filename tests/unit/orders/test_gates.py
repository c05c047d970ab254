"""Gates: each refuses what it must, says value and limit, and the first refusal is the verdict."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from playd.core.modes import Environment
from playd.core.orders import Side
from playd.orders.gates import GATES, AccountFacts, Case, explain, judge
from playd.orders.halts import Halt, Level
from playd.orders.settings import OrderSettings, RiskLimits
from tests.simulation.fake_venue import instrument
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


PAUSED = Halt(1, "all", Level.PAUSE, "TEST", "because", "me", 0)
REFUSALS = [
    ("HALTED", with_(OPEN, facts_halt=PAUSED)),
    ("NOT_RUNNING", with_(OPEN, inputs_state="paused")),
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
    ("QUOTE_STALE", with_(QUOTED, inputs_quote_age_s=2.1)),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal(0))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal("NaN"))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal("-0.01"))),
    ("SIZE_ZERO", with_(OPEN, intent_qty=Decimal("0.0105"))),
    ("ORDER_CAP", with_(CAPPED, intent_qty=Decimal("0.013"))),
    ("DAY_CAP", with_(CAPPED, facts_day_usd=Decimal(501))),
    ("DAY_CAP", with_(CAPPED, facts_day_orders=3)),
    ("CHURN", with_(CAPPED, facts_entries_hour_instance=2)),
    ("CHURN", with_(CAPPED, facts_entries_hour_account=4)),
    ("BELOW_MINIMUM", replace(OPEN, instrument=replace(instrument(), min_qty=Decimal("0.02")))),
    ("BELOW_MINIMUM", replace(OPEN, instrument=replace(instrument(), min_notional_usdt=Decimal(501)))),
    ("BELOW_MINIMUM", replace(OPEN, instrument=replace(instrument(), max_market_qty=Decimal("0.005")))),
    ("NO_STOP", with_(OPEN, intent_stop=None)),
    ("NO_STOP", with_(OPEN, intent_stop=Decimal(50_500))),
    ("NO_STOP", with_(OPEN, intent_stop=Decimal("49500.05"))),
    ("NO_STOP", with_(OPEN, intent_side=Side.SELL)),
]


@pytest.mark.parametrize(("code", "case"), REFUSALS)
def test_each_cause_is_refused_with_its_code(code: str, case: Case) -> None:
    refusal = judge(case)

    assert refusal is not None
    assert refusal.code == code
    assert refusal.text


def test_a_cap_names_value_limit_and_unit() -> None:
    refusal = judge(with_(CAPPED, intent_qty=Decimal("0.013")))

    assert refusal is not None
    assert (refusal.value, refusal.limit, refusal.unit) == ("650.00", "600", "USD")


def test_the_order_of_the_gates_is_the_specified_one() -> None:
    order = "halt state account warm-up feed replay pending quote size|order cap|day cap|minimum|stop"
    expected = [*order.split("|")[0].split(), *order.split("|")[1:]]

    assert [name for name, _ in GATES] == expected


def test_the_first_refusal_is_the_verdict_and_explain_shows_all() -> None:
    case = with_(OPEN, facts_halt=PAUSED, inputs_state="paused", intent_stop=None)
    refusal = judge(case)

    assert refusal is not None
    assert refusal.code == "HALTED"
    assert [answer.code for _, answer in explain(case) if answer is not None] == ["HALTED", "NOT_RUNNING", "NO_STOP"]


def test_caps_are_off_for_the_local_exchange_and_on_everywhere_else() -> None:
    assert RiskLimits.of(Environment.LOCAL) == RiskLimits()
    assert RiskLimits.of(Environment.DEMO).order_usd == Decimal(75)
    assert RiskLimits.of(Environment.LIVE).day_orders == 20
