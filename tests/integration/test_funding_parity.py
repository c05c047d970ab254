"""Funding from the exchange's stamp to the engine's money: booked as funding, and the same bits as in the backtest."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from playd.cli.parity import STATE, TraderSide, compare, first_difference, replace_disk, said_by_exchange, side_of, start_of
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.rates import Funding
from playd.market.synthetic import SyntheticFeed
from playd.orders.ledger import Ledger
from playd.plays.load import load_play
from playd.research.backtest import run_backtest
from playd.world.real import real_world
from playd.world.real import run as run_loop

EIGHT_HOURS_MS = 480 * MINUTE_MS

PLAY = """
version: "3.0.0"
name: holder
symbol: BTCUSDT
timeframes: {low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}
account: {starting_equity_usdt: 10000, max_leverage: 3, slippage_bps: 1.0}
features: {mean: {indicator: sma, params: {length: 12}}}
actions:
  entry_long: {all: [[close, cross_above, mean], [funding_rate, "<", 0.0014], [open_interest, ">=", 0]]}
  entry_short: [close, cross_below, mean]
  exit_long: [close, "<", mean]
  exit_short: [close, ">", mean]
position_policy: {mode: long_short, exit_mode: first_hit, funding_guard: {max_rate_pct: 0.1, within_min: 45}}
risk_model:
  stop_loss: {type: percent, value: 4, basis: price}
  take_profit: {type: percent, value: 8, basis: price}
  sizing: {model: percent_equity, value: 90}
"""


@pytest.mark.slow
def test_funding_is_booked_as_funding_and_equal_to_the_backtest() -> None:
    feed = SyntheticFeed(11)
    candles = feed.candles("BTCUSDT", feed.start_ms, feed.start_ms + 5 * 1440 * MINUTE_MS)
    stamps = np.arange(-(-feed.start_ms // EIGHT_HOURS_MS), (feed.start_ms + len(candles) * MINUTE_MS) // EIGHT_HOURS_MS)
    funding = Funding(stamps * EIGHT_HOURS_MS, np.where(stamps % 2 == 0, 0.0013, -0.00071))
    play = load_play(PLAY, "holder.yml")
    instrument = synthetic_instrument("BTCUSDT", float(candles.open[0]))
    start_ms = start_of(play, candles)
    said = said_by_exchange(play, candles, funding, start_ms)
    result = run_backtest(play, said, instrument, start_ms=start_ms, funding=funding)
    world = replace_disk(real_world())
    trader = TraderSide(world, play, candles, result)

    daemon = run_loop(lambda _: trader.run(), world)

    assert first_difference(side_of(result), daemon) is None
    assert "funding" in dict(daemon.verdicts).values()
    paid = [float(str(trade["funding_usdt"])) for trade in daemon.trades if trade["funding_usdt"]]
    assert len(paid) >= 4
    assert min(paid) < 0 < max(paid)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    booked = ledger.rows("SELECT * FROM executions WHERE exec_type = 'Funding' ORDER BY n")
    told = ledger.rows("SELECT * FROM outbox WHERE kind = 'funding'")
    halts = ledger.rows("SELECT * FROM halts")
    (share,) = ledger.rows("SELECT * FROM virtual_positions")
    ledger.close()
    assert halts == []
    assert all(row["venue_ms"] in funding.time_ms for row in booked)
    assert len(told) == len(booked) >= len(paid)
    assert sum(Decimal(row["fee"]) for row in booked) == Decimal(share["funding"])


SAID_PLAY = """
version: "3.0.0"
name: listener
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 15m, high_tf: 1h, exec: low_tf}
account: {max_leverage: 2}
features: {mean: {indicator: sma, params: {length: 9}}}
actions:
  entry_long: {all: [[close, ">", mean], [funding_rate, "<", 0.0], [open_interest, ">", 1000]]}
  entry_short: {all: [[mark_price, "<", mean], [funding_rate, ">", 0.0002]]}
  exit_long: [funding_rate, ">", 0.0001]
  exit_short: [open_interest, ">", 1900]
position_policy: {mode: long_short, exit_mode: first_hit}
risk_model:
  stop_loss: {type: percent, value: 3, basis: price}
  take_profit: {type: percent, value: 3, basis: price}
  sizing: {model: percent_equity, value: 10}
"""


@pytest.mark.slow
def test_recorded_days_are_replayed_with_what_was_said_beside_their_bars() -> None:
    play = load_play(SAID_PLAY, "listener.yml")
    feed, draw = SyntheticFeed(11), np.random.default_rng(3)
    candles = feed.candles("BTCUSDT", feed.start_ms, feed.start_ms + 1500 * MINUTE_MS)
    marks = candles.close * (1 + draw.normal(0, 0.0004, len(candles)))
    mark = replace(candles, close=marks, high=np.maximum(candles.high, marks), low=np.minimum(candles.low, marks))
    rates = np.where(draw.random(len(candles)) < 0.1, np.nan, draw.normal(0, 0.0002, len(candles)))
    said = replace(candles.with_mark(mark), funding_rate=rates, open_interest=draw.uniform(500, 2000, len(candles)))

    result, daemon = compare(real_world(), play, said)

    assert first_difference(side_of(result), daemon) is None
    sides = {str(trade["side"]) for trade in daemon.trades}
    assert len(daemon.trades) >= 20
    assert len(sides) == 2, "every series had a say"
    without, _ = compare(real_world(), play, candles)
    assert without.verdicts.tolist() != result.verdicts.tolist()
