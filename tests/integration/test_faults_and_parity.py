"""
What costs no candle and no fill costs no decision: under faults of the public socket the daemon trades as the backtest.

A cut of the private socket does cost decisions on a market as fast as this one: entries wait until the account is reconciled.
"""

from dataclasses import replace

import pytest

from playd.cli.parity import STATE, TraderSide, first_difference, replace_disk, side_of, start_of
from playd.cli.runtime import RuntimePlan
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.load import load_play
from playd.research.backtest import run_backtest
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
"""


class Faulty(TraderSide):
    """The daemon's side, on an exchange with a script."""

    def _plan(self) -> RuntimePlan:
        return replace(super()._plan(), faults=read_script(SCRIPT, "script"))


@pytest.mark.slow
def test_a_cut_public_socket_doubled_frames_and_wrong_tickers_change_no_decision() -> None:
    feed = SyntheticFeed(8)
    play = load_play((ROOT / "config" / "plays" / "ema_cross_rsi.yml").read_text(), "ema_cross_rsi.yml")
    candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + 720 * MINUTE_MS)
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    result = run_backtest(play, candles, instrument, start_ms=start_of(play, candles))
    world = replace_disk(real_world())

    daemon = run_loop(lambda _: Faulty(world, play, candles, result).run(), world)

    assert first_difference(side_of(result), daemon) is None
    assert len(daemon.trades) > 10
    hits = read(world.disk, directory_of(STATE / "exchange" / "records.sqlite"), kind="fault")
    assert {"cut", "duplicate_frame", "crossed_book"} <= {entry["fault"] for entry in hits}
