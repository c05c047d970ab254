"""A Play that reads two symbols decides and trades the same bits in a backtest, over the wire, and as a shadow."""

from dataclasses import replace

import numpy as np
import pytest

from playd.cli.parity import STATE, Side, TraderSide, compare, first_difference, replace_disk, side_of, start_of
from playd.cli.runtime_plan import RuntimePlan
from playd.core.candles import Candles
from playd.core.instrument import synthetic_instrument
from playd.core.modes import Mode
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.load import load_play
from playd.plays.model import BacktestMoney
from playd.research.backtest import run_backtest
from playd.supervisor.records import InstanceRecord
from playd.venues.exchange.faults.script import read_script
from playd.venues.exchange.ledger import directory_of, read
from playd.world.real import real_world, run

pytestmark = pytest.mark.slow

MINUTES = 1_400
PAIR = """
version: "3.0.0"
name: pair
symbol: ETHUSDT
reference: {symbol: BTCUSDT}
timeframes: {low_tf: 1m, med_tf: 15m, high_tf: 1h, exec: low_tf}
account: {max_leverage: 2}
features:
  z: {indicator: zscore, params: {beta: ols, length: 40}}
  slow: {indicator: zscore, params: {of: ratio, length: 6}, tf: 15m}
  btc: {indicator: ema, params: {length: 20}, source: reference}
actions:
  entry_long: {all: [[z, "<", -1], [slow, "<", 1.5], [reference.close, ">", {"*": [btc, 0.99]}]]}
  entry_short: {all: [[z, ">", 1], [slow, ">", -1.5]]}
  exit_long: {all: [[z, ">", 0]]}
  exit_short: {all: [[z, "<", 0]]}
position_policy: {mode: long_short, exit_mode: first_hit}
risk: {stop_loss_pct: 4, take_profit_pct: 8, max_position_pct: 10}
"""


def without(candles: Candles, *missing: int) -> Candles:
    keep = ~np.isin(np.arange(len(candles)), missing)
    names = ("open_time_ms", "open", "high", "low", "close", "volume")
    return Candles(candles.symbol, candles.step_ms, *(getattr(candles, name)[keep].copy() for name in names))


def both(holes: tuple[int, ...] = (), others: tuple[int, ...] = ()) -> Candles:
    """Two symbols of the synthetic market, with missing minutes in the traded one and in the other one."""
    feed = SyntheticFeed(8)
    end_ms = feed.start_ms + MINUTES * MINUTE_MS
    own, other = (feed.candles(symbol, feed.start_ms, end_ms) for symbol in ("ETHUSDT", "BTCUSDT"))
    return without(own, *holes).beside(without(other, *others))


@pytest.mark.parametrize(
    ("holes", "others"),
    [((), ()), ((700, 701, 1201), (600, 701, 900, 901, 902, MINUTES - 2, MINUTES - 1))],
    ids=["whole", "with missing minutes in both"],
)
def test_backtest_and_daemon_are_the_same_bits(holes: tuple[int, ...], others: tuple[int, ...]) -> None:
    """Where the second symbol has no bar, market time stands still until the daemon knows that there is none."""
    result, daemon = compare(real_world(), load_play(PAIR, "pair.yml"), both(holes, others))
    assert len(result.trades) >= 20
    assert first_difference(side_of(result), daemon) is None


FAULTS = """
faults:
  - {kind: missing_candle, where: {topic: kline.1.BTCUSDT}, when: {probability: 0.02, seed: 4}, times: 4}
  - {kind: cut, where: {socket: public}, when: {market_min: 700}}
  - {kind: duplicate_frame, where: {topic: "kline*"}, when: {probability: 0.1, seed: 1}, times: 0}
"""


class FaultySide(TraderSide):
    """The daemon's parts on an exchange that loses the second symbol's bars, cuts the public socket and repeats frames."""

    def _plan(self) -> RuntimePlan:
        return replace(super()._plan(), faults=read_script(FAULTS, "faults.yml"))


class ShadowSide(TraderSide):
    """The daemon's parts with the instance in shadow mode."""

    def _record(self) -> InstanceRecord:
        return replace(super()._record(), mode=Mode.SHADOW, account="shadow-parity00")


@pytest.mark.parametrize(
    ("kind", "faults"),
    [(ShadowSide, set()), (FaultySide, {"missing_candle", "cut", "duplicate_frame"})],
    ids=["a shadow", "bars of the second symbol lost on the way"],
)
def test_the_trades_are_those_of_a_backtest(kind: type[TraderSide], faults: set[str]) -> None:
    play, candles = load_play(PAIR, "pair.yml"), both((), (1000,))
    play = replace(play, backtest=BacktestMoney(play.deploy.capital_usdt, play.account.slippage_bps))
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    result = run_backtest(play, candles, instrument, start_ms=start_of(play, candles))
    world = replace_disk(real_world())
    trader = kind(world, play, candles, result)
    side: Side = run(lambda _: trader.run(), real_world())
    assert len(side.trades) >= 20
    assert first_difference(side_of(result), side) is None
    records = directory_of(STATE / "exchange" / "records.sqlite")
    assert {entry["fault"] for entry in read(world.disk, records, kind="fault")} == faults
