"""PlayEngine as an instance uses it: fills in pieces, orders that end, funding, snapshots that do not fit."""

from dataclasses import replace

import pytest

from playd.core.errors import Broken, StateError
from playd.core.orders import Action, Side
from playd.engine.messages import Decision, EngineFill, EnginePosition
from playd.engine.play_engine import PlayEngine
from playd.plays.compile import compile_program
from tests.engine_desk import BTC, MINUTE_MS, RISK, START_MS, candles_of, flat_candles, play_of

ENTRY = EngineFill(Action.ENTER, Side.BUY, 40, 500_000, 1.1, START_MS + MINUTE_MS, "entry", False)
EXIT = EngineFill(Action.EXIT, Side.SELL, 40, 501_000, 1.2, START_MS + 2 * MINUTE_MS, "signal", False)


SIZING = "sizing: {model: fixed_usdt, value: 1000}"
TRAIL = f"risk_model: {{stop_loss: {{type: trailing_pct, trail_pct: 30, activation_pct: 1}}, take_profit: none, {SIZING}}}"


def engine(risk: str = RISK) -> PlayEngine:
    play = play_of(actions="entry_long: {all: [[close, '>', 0]]}", risk=risk)
    return PlayEngine(compile_program(play, MINUTE_MS), play, BTC, 10_000.0)


def decided(one: PlayEngine, close: float = 50_000.0, minute: int = 0) -> Decision:
    candle = replace(flat_candles([close]).at(0), open_time_ms=START_MS + minute * MINUTE_MS)
    decision = one.on_bar(candle)
    assert decision is not None
    return decision


def test_entry_carries_its_stop_and_target() -> None:
    (order,) = decided(engine()).orders
    assert (order.action, order.side, order.stop_ticks, order.target_ticks) == (Action.ENTER, Side.BUY, 485_000, 530_000)
    assert order.qty_steps == 20


def test_entry_in_pieces_averages_its_price() -> None:
    one = engine()
    one.on_fill(ENTRY)
    one.on_fill(replace(ENTRY, qty_steps=60, price_ticks=500_010))
    assert one.position is not None
    assert one.position.qty_steps == 100
    assert one.position.entry_price == pytest.approx(50_000.6)
    assert one.cash_usdt == pytest.approx(10_000 - 2.2)


def test_exit_in_pieces_writes_parts_whose_fees_add_up() -> None:
    one = engine()
    one.on_fill(ENTRY)
    one.on_fill(replace(EXIT, qty_steps=10, fee_usdt=0.3))
    one.on_fill(replace(EXIT, qty_steps=30, fee_usdt=0.9))
    assert [(trade.trade_id, trade.part) for trade in one.trades] == [(1, 1), (1, 2)]
    assert sum(trade.fees_usdt for trade in one.trades) == pytest.approx(1.1 + 1.2)
    assert sum(trade.net_pnl_usdt for trade in one.trades) == pytest.approx(one.cash_usdt - 10_000)
    assert one.position is None


def test_a_position_is_being_left_while_an_exit_of_all_of_it_is_under_way() -> None:
    one = engine()
    assert not one.leaving
    one.on_fill(ENTRY)
    assert not one.leaving
    one.on_levels_refused()
    assert one.leaving
    one.on_fill(replace(EXIT, qty_steps=10))
    assert one.leaving, "of the rest too"
    one.on_order_ended(Action.EXIT, "refused")
    assert not one.leaving
    one.on_levels_refused()
    one.on_fill(replace(EXIT, qty_steps=30))
    assert not one.leaving


def test_rejected_entry_may_be_decided_again() -> None:
    one = engine()
    assert decided(one).verdict == "ENTERED"
    assert decided(one, minute=1).verdict == "entry_pending"
    one.on_order_ended(Action.ENTER, "rejected")
    assert decided(one, minute=2).verdict == "ENTERED"


def test_entry_that_filled_in_part_and_ended_is_a_position() -> None:
    one = engine()
    decided(one)
    one.on_fill(replace(ENTRY, qty_steps=5))
    one.on_order_ended(Action.ENTER, "cancelled")
    assert decided(one, minute=1).verdict == "HOLD"


def test_funding_moves_cash_and_the_next_trade() -> None:
    one = engine()
    one.on_fill(ENTRY)
    one.on_funding(0.6)
    one.on_fill(EXIT)
    assert one.trades[0].funding_usdt == 0.6
    assert one.cash_usdt == pytest.approx(10_000 - 1.1 - 1.2 - 0.6 + 4.0)


def test_equity_marks_the_position() -> None:
    one = engine()
    assert one.equity(1.0) == 10_000.0
    one.on_fill(ENTRY)
    assert one.equity(50_100.0) == pytest.approx(10_000 - 1.1 + 0.04 * 100)


@pytest.mark.parametrize("fill", [replace(ENTRY, side=Side.SELL), replace(EXIT, qty_steps=41), replace(EXIT, side=Side.BUY)])
def test_fill_that_cannot_be_is_refused(fill: EngineFill) -> None:
    one = engine()
    one.on_fill(ENTRY)
    with pytest.raises(Broken):
        one.on_fill(fill)


def test_unknown_reason_is_refused() -> None:
    one = engine()
    one.on_fill(ENTRY)
    with pytest.raises(ValueError, match="not a reason"):
        one.on_fill(replace(EXIT, reason="because"))


def test_liquidation_halts() -> None:
    one = engine()
    one.on_fill(ENTRY)
    one.on_fill(replace(EXIT, reason="liquidation"))
    assert one.halted == "liquidation"
    assert decided(one).verdict == "halted"


def test_snapshot_needs_the_same_anchor_and_version() -> None:
    one = engine()
    decided(one)
    with pytest.raises(StateError, match="anchor"):
        engine().restore(one.snapshot())
    with pytest.raises(StateError, match="version"):
        engine().restore({**one.snapshot(), "version": 99})
    with pytest.raises(StateError, match="fields"):
        one.restore({**one.snapshot(), "state": {}})


def test_bar_that_opened_before_the_entry_does_not_count_as_held() -> None:
    """A fill of the next minute can arrive before the bar of this one."""
    one = engine()
    one.on_fill(replace(ENTRY, time_ms=START_MS + 5 * MINUTE_MS))
    decided(one, close=40_000.0, minute=4)
    one.on_fill(replace(EXIT, time_ms=START_MS + 6 * MINUTE_MS))
    assert one.trades[0].mae_pct == 0.0


@pytest.mark.parametrize("entry_late", [0, 1, 3])
@pytest.mark.parametrize("exit_late", [0, 1, 2])
def test_a_fill_that_is_heard_of_late_leaves_the_record_that_it_would_have_left_in_time(
    entry_late: int, exit_late: int
) -> None:
    rows = [(50_000.0, 50_010.0, 49_990.0, 50_000.0), (50_000.0, 50_200.0, 49_900.0, 50_100.0)]
    rows += [(50_100.0, 50_400.0, 49_950.0, 50_350.0), (50_350.0, 50_360.0, 50_000.0, 50_040.0)]
    rows += [(50_040.0, 50_100.0, 49_960.0, 50_000.0), (50_000.0, 52_000.0, 48_000.0, 50_000.0)] * 2
    candles = candles_of(rows)
    entry = replace(ENTRY, time_ms=START_MS + MINUTE_MS)
    leave = replace(EXIT, time_ms=START_MS + 5 * MINUTE_MS)

    def lived(entered: int, left: int) -> tuple[object, ...]:
        one = engine(TRAIL)
        states = []
        for minute in range(len(candles)):
            if minute == entered:
                one.on_fill(entry)
            if minute == left:
                one.on_fill(leave)
            one.on_bar(candles.at(minute))
            if minute == 4:
                states.append({name: one.snapshot()["state"][name] for name in ("held_closes", "peak_close")})  # type: ignore[index]
        return states, [(trade.mae_pct, trade.mfe_pct, trade.bars_held) for trade in one.trades]

    in_time = lived(1, 5)
    assert lived(1 + entry_late, 5 + exit_late) == in_time
    assert in_time[1][0][1] == pytest.approx(0.8)  # type: ignore[index]


def test_a_part_that_is_left_late_takes_nothing_from_the_rest() -> None:
    """The low of the minute between the fill and its hearing belongs to what was still held in it."""
    candles = candles_of([(50_000.0, 50_010.0, 49_990.0, 50_000.0)] * 2 + [(50_000.0, 50_010.0, 49_000.0, 50_000.0)])
    one = engine(TRAIL)
    one.on_bar(candles.at(0))
    one.on_fill(replace(ENTRY, time_ms=START_MS + MINUTE_MS))
    one.on_bar(candles.at(1))
    one.on_bar(candles.at(2))
    one.on_fill(replace(EXIT, qty_steps=10, time_ms=START_MS + 2 * MINUTE_MS))
    one.on_fill(replace(EXIT, qty_steps=30, time_ms=START_MS + 3 * MINUTE_MS))
    first, second = (trade.mae_pct for trade in one.trades)
    assert first == pytest.approx(0.02)
    assert second == pytest.approx(2.0)


def test_a_later_part_of_an_entry_brings_a_moved_stop_back() -> None:
    """The venue sets the order's own stop again with every part that is filled."""
    trail = (
        "risk_model: {stop_loss: {type: trailing_pct, trail_pct: 1, activation_pct: 0.1}, take_profit: none, " + SIZING + "}"
    )
    one = engine(trail)
    decided(one)
    assert one.on_fill(ENTRY) is None
    for minute in (1, 2):
        one.on_bar(replace(flat_candles([51_000.0]).at(0), open_time_ms=START_MS + minute * MINUTE_MS))
    levels = one.on_fill(replace(ENTRY, time_ms=START_MS + 3 * MINUTE_MS))
    assert levels is not None
    assert levels.stop_ticks is not None
    assert levels.stop_ticks > 500_000


def test_an_adopted_position_is_managed_since_its_real_entry_and_is_no_entry_of_the_day() -> None:
    candles = candles_of([(50_000.0, 50_010.0, 49_990.0, 50_000.0)] * 2 + [(50_000.0, 50_400.0, 49_600.0, 50_000.0)] * 2)
    one = engine(TRAIL)
    one.on_bar(candles.at(0))
    one.on_fill(replace(ENTRY, time_ms=START_MS + MINUTE_MS))  # leaves levels behind that are none of the next position
    one.on_fill(replace(EXIT, time_ms=START_MS + MINUTE_MS))
    before = one.snapshot()["state"]
    one.on_bar(candles.at(1))
    one.on_bar(candles.at(2))
    one.adopt(EnginePosition(Side.SELL, 40, 50_000.25, 505_000, None, START_MS + 2 * MINUTE_MS))
    one.on_bar(candles.at(3))

    assert one.position == EnginePosition(Side.SELL, 40, 50_000.25, 505_000, None, START_MS + 2 * MINUTE_MS)
    after = one.snapshot()["state"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert [after[name] for name in ("entries_day", "entries_count")] == [
        before[name] for name in ("entries_day", "entries_count")
    ]
    assert after["held_closes"] == 2
    with pytest.raises(Broken, match="beside an open one"):
        one.adopt(EnginePosition(Side.SELL, 1, 50_000.0, 505_000, None, START_MS))
    one.on_fill(EngineFill(Action.STOP, Side.BUY, 40, 505_000, 1.0, START_MS + 5 * MINUTE_MS, "sl", False))
    assert one.trades[-1].mae_pct == pytest.approx((50_500 - 50_000.25) / 50_000.25 * 100)
    assert (one.trades[-1].entry_price, one.position) == (50_000.25, None)
