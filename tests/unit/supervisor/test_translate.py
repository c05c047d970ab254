"""Between the engine's integers and the order path's decimals nothing is lost and nothing is invented."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.core.errors import Broken
from playd.core.instrument import synthetic_instrument
from playd.core.orders import Action, IntentClass, Side
from playd.engine.messages import Decision, EngineOrder, EnginePosition
from playd.orders.fills import FillEvent
from playd.orders.intent_rows import parameters_digest
from playd.supervisor.counting import counted, recounted, units_of
from playd.supervisor.translate import Identity, adopted_of, fill_of, intent_of, intent_of_target
from tests.rows import execution

IDENTITY = Identity(
    uid="abcdefgh",
    name="alpha",
    account="paper-abcdefgh",
    play_digest="d" * 64,
    instrument=synthetic_instrument("BTCUSDT", 50_000.0),
    base_step_ms=60_000,
    entry_max_age_ms=30_000,
)
ENTRY = EngineOrder(Action.ENTER, Side.BUY, 120, 490_000, 518_000, 50_000.5, 100.0, "entry")
EXECUTION = execution(
    "x1",
    Side.SELL,
    Decimal("0.120"),
    Decimal("48990.2"),
    venue_order_id="v1",
    fee=Decimal("3.2333532"),
    stop_order_type="StopLoss",
    time_ms=1_700_000_000_000,
)


def decision(order: EngineOrder) -> Decision:
    return Decision(1_700_000_040_000, "ENTERED", "", (order,), {"entry_long": 1.0, "entry_short": float("nan")}, 10_000.0)


def test_an_entry_becomes_an_intent_with_its_levels_and_its_expiry() -> None:
    noted = replace(ENTRY, metadata={"why": "cross", "rsi": 61.5})
    intent = intent_of(IDENTITY, decision(noted), noted)
    assert intent.metadata == {"why": "cross", "rsi": 61.5}
    assert (intent.intent_class, intent.side, intent.qty) == (IntentClass.ENTRY, Side.BUY, Decimal("0.120"))
    assert (intent.stop, intent.target, intent.price_ref) == (Decimal("49000.0"), Decimal("51800.0"), Decimal("50000.5"))
    assert (intent.cause, intent.bar_close_ms, intent.expires_ms) == ("1700000040000", 1_700_000_040_000, 1_700_000_070_000)


@pytest.mark.parametrize(
    ("action", "intent_class"),
    [(Action.EXIT, IntentClass.EXIT), (Action.REDUCE, IntentClass.EXIT), (Action.STOP, IntentClass.PROTECT)],
)
def test_what_reduces_risk_never_expires(action: Action, intent_class: IntentClass) -> None:
    order = replace(ENTRY, action=action, stop_ticks=None, target_ticks=None)
    intent = intent_of(IDENTITY, decision(order), order)
    assert (intent.intent_class, intent.expires_ms, intent.stop, intent.target) == (intent_class, 0, None, None)


def test_the_same_decision_is_the_same_intent_whatever_its_missing_values() -> None:
    """NaN differs from itself; the digest of a decision's inputs must not."""
    assert intent_of(IDENTITY, decision(ENTRY), ENTRY) == intent_of(IDENTITY, decision(ENTRY), ENTRY)


def test_an_execution_reaches_the_engine_in_ticks_and_with_the_very_fee() -> None:
    fill = fill_of(IDENTITY, FillEvent(7, EXECUTION, Action.STOP, "sl", "v:1", True))
    assert (fill.qty_steps, fill.price_ticks, fill.fee_usdt, fill.reason) == (120, 489_902, 3.2333532, "sl")


def test_a_close_that_no_rule_asked_for_is_manual() -> None:
    assert fill_of(IDENTITY, FillEvent(7, EXECUTION, Action.FLATTEN, "panic", "l", True)).reason == "manual"


def test_an_engine_hears_the_rule_of_an_exit_that_was_due_while_nobody_was_there() -> None:
    assert fill_of(IDENTITY, FillEvent(7, EXECUTION, Action.EXIT, "catch_up: sl", "l", True)).reason == "sl"


def test_a_price_off_the_grid_stops_the_instance() -> None:
    odd = replace(EXECUTION, price=Decimal("48990.25"))
    with pytest.raises(Broken, match="x1"):
        fill_of(IDENTITY, FillEvent(7, odd, Action.STOP, "sl", "l", True))


def test_an_adopted_position_keeps_its_average_price_and_has_levels_on_the_grid() -> None:
    execution = replace(EXECUTION, side=Side.BUY, price=Decimal("48990.2333"), exec_type="Adopted")
    event = FillEvent(7, execution, Action.ENTER, "adopted", "i", order_done=True, stop=Decimal("48000.5"))

    found = adopted_of(IDENTITY, event)

    assert (found.side, found.qty_steps, found.entry_price) == (Side.BUY, 120, 48990.2333)
    assert (found.stop_ticks, found.target_ticks, found.entry_time_ms) == (480_005, None, EXECUTION.time_ms)
    with pytest.raises(Broken, match="adoption i"):
        adopted_of(IDENTITY, replace(event, stop=Decimal("48000.55")))


def test_an_instance_that_counts_finer_than_the_rules_asks_for_prices_of_the_rules() -> None:
    rules = replace(IDENTITY.instrument, tick=Decimal("0.5"), step=Decimal("0.01"))
    identity = replace(IDENTITY, rules=rules)
    odd = replace(ENTRY, qty_steps=123, stop_ticks=490_001, target_ticks=518_001, limit_ticks=500_001)
    intent = intent_of(identity, decision(odd), odd)
    assert intent.qty == Decimal("0.123"), "the gates cut it, which the engine is told of"
    assert (intent.stop, intent.target, intent.price) == (Decimal("49000.5"), Decimal("51800.0"), Decimal("50000.0"))
    short = replace(odd, side=Side.SELL, stop_ticks=518_001, target_ticks=490_001)
    intent = intent_of(identity, decision(short), short)
    assert (intent.stop, intent.target, intent.price) == (Decimal("51800.0"), Decimal("49000.5"), Decimal("50000.5"))


def test_a_target_is_the_same_intent_while_the_same_is_asked_whatever_a_life_counts_in() -> None:
    position = EnginePosition(Side.BUY, 100, 50_000.0, 490_000, 518_001, 1_700_000_000_000)
    asked = intent_of_target(IDENTITY, position)
    finer = replace(IDENTITY.instrument, tick=Decimal("0.05"), step=Decimal("0.0001"))
    recounted = replace(position, qty_steps=1_000, stop_ticks=980_000, target_ticks=1_036_002)
    again = intent_of_target(replace(IDENTITY, instrument=finer), recounted)
    assert (again, parameters_digest(again)) == (asked, parameters_digest(asked))

    coarser = replace(IDENTITY, rules=replace(IDENTITY.instrument, tick=Decimal("0.5")))
    moved = intent_of_target(coarser, position)
    assert moved.target == 51_800
    assert moved.cause != asked.cause, "another price is another intent, and no contradiction"


def test_what_a_life_remembers_is_counted_in_the_units_of_the_next_one() -> None:
    old, finer, coarser = IDENTITY.instrument, Decimal("0.02"), Decimal("0.01")
    kept = {"units": units_of(old)}
    before = {"qty": 120, "stop_ticks": 490_000, "dir": 1, "entry_price": "0x1p+0"}
    now = replace(old, tick=finer, step=coarser)
    units = counted(now, kept)
    assert (units.tick, units.step) == (finer, old.step)
    assert recounted(kept, units, before) == {"qty": 120, "stop_ticks": 2_450_000, "dir": 1, "entry_price": "0x1p+0"}
    assert counted(now, {}) == now
