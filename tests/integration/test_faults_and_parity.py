"""
What costs no candle and no fill costs no decision: under faults of the public socket the daemon trades as the backtest.

A cut of the private socket does cost decisions on a market as fast as this one: entries wait until the account is reconciled.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from playd.cli.parity import STATE, Side, TraderSide, first_difference, replace_disk, side_of, start_of
from playd.cli.runtime_plan import RuntimePlan
from playd.control.figures import rfc3339
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.load import load_play
from playd.research.backtest import BacktestResult, run_backtest
from playd.venues.exchange.faults.script import read_script
from playd.venues.exchange.ledger import directory_of, read
from playd.world.real import real_world
from playd.world.real import run as run_loop
from tests.tidy.source import ROOT

SCRIPT = """
faults:
  - {kind: cut, where: {socket: public}, when: {market_min: 120}}
  - {kind: duplicate_frame, where: {topic: "kline*"}, when: {probability: 0.3, seed: 1}, times: 0}
  - {kind: duplicate_frame, where: {socket: private, topic: "*"}, when: {probability: 0.5, seed: 2}, times: 0}
  - {kind: stale_ticker, when: {market_min: 300}}
  - {kind: crossed_book}
  - {kind: frozen_time, when: {market_min: 200}, times: 50}
  - {kind: late_frames, where: {topic: "tickers*"}, when: {market_min: 320}, times: 50, with: {delay_s: 0.2}}
  - {kind: wrong_mark, when: {market_min: 400}, times: 50}
"""


WRONG = """
  - {{kind: wrong_candle, when: {{market_time: "{}"}}, with: {{factor: {}}}}}"""


class Faulty(TraderSide):
    """The daemon's side, on an exchange with a script."""

    script = SCRIPT

    def _plan(self) -> RuntimePlan:
        return replace(super()._plan(), faults=read_script(self.script, "script"))


def _both(script: Callable[[BacktestResult], str]) -> tuple[BacktestResult, Side, set[str]]:
    """The backtest, the daemon under a script that may depend on it, and the kinds of faults that hit."""
    feed = SyntheticFeed(8)
    play = load_play((ROOT / "config" / "plays" / "ema_cross_rsi.yml").read_text(), "ema_cross_rsi.yml")
    candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + 720 * MINUTE_MS)
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    result = run_backtest(play, candles, instrument, start_ms=start_of(play, candles))
    world = replace_disk(real_world())
    side = Faulty(world, play, candles, result)
    side.script = script(result)
    daemon = run_loop(lambda _: side.run(), world)
    hits = read(world.disk, directory_of(STATE / "exchange" / "records.sqlite"), kind="fault")
    return result, daemon, {entry["fault"] for entry in hits}


@pytest.mark.slow
def test_a_cut_public_socket_doubled_frames_and_wrong_tickers_change_no_decision() -> None:
    result, daemon, hits = _both(lambda _: SCRIPT)

    assert first_difference(side_of(result), daemon) is None
    assert len(daemon.trades) > 10
    assert {"cut", "duplicate_frame", "crossed_book", "stale_ticker", "frozen_time", "late_frames", "wrong_mark"} <= hits


@pytest.mark.slow
def test_on_a_corrected_candle_nothing_is_entered_and_after_it_the_daemon_trades_as_if_it_had_never_been_wrong() -> None:
    def wrong_where_nothing_is_decided_and_at_the_last_entry(result: BacktestResult) -> str:
        busy = {time_ms for trade in result.trades for time_ms in (trade.decided_ms, trade.exit_decided_ms, trade.exit_time_ms)}
        closes = result.decision_times_ms.tolist()
        quiet_ms = next(each for each in closes[100:] if not busy & {each + step * MINUTE_MS for step in (-1, 0, 1, 2)})
        times = (rfc3339(close_ms - MINUTE_MS // 2) for close_ms in (quiet_ms, result.trades[-1].decided_ms))
        return "faults:" + "".join(map(WRONG.format, times, (1.3, 1.0001)))

    result, daemon, hits = _both(wrong_where_nothing_is_decided_and_at_the_last_entry)

    assert hits == {"wrong_candle"}
    assert len(daemon.trades) > 10
    assert daemon.trades == [trade.as_json() for trade in result.trades[:-1]]
    assert dict(daemon.verdicts)[result.trades[-1].decided_ms] == "WARMING"
