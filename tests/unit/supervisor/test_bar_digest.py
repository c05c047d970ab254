"""A verdict bears the digest of the bar that was decided: of what the recorded candles roll up to, whatever fed the columns."""

from dataclasses import replace

import pytest

from playd.core.canonical import digest
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.supervisor.translate import bar_digest

PLAY = """
version: "3.0.0"
name: digest
symbol: BTCUSDT
timeframes: {low_tf: 5m, med_tf: 15m, high_tf: 1h, exec: %s}
account: {max_leverage: 3, slippage_bps: 5}
features: {fast: {indicator: ema, params: {length: 3}}}
actions: {entry_long: {all: [["close", ">", "fast"]]}}
risk: {stop_loss_pct: 1, take_profit_pct: 1, max_position_pct: 10}
"""


@pytest.mark.parametrize(("clock", "minutes"), [("low_tf", 5), ("med_tf", 15)])
def test_the_digest_is_that_of_the_rolled_up_candle_and_of_nothing_else(clock: str, minutes: int) -> None:
    program = compile_program(load_play(PLAY % clock, "digest.yml"), MINUTE_MS)
    feed, count = SyntheticFeed(3), 120
    candles = feed.candles("BTCUSDT", feed.start_ms, feed.start_ms + count * MINUTE_MS)
    whole, live = Columns(program, count), Columns(program, 0)
    with pytest.raises(IndexError):
        whole.newest_bar()
    whole.extend_many(candles)
    told = []
    for index in range(count):
        if live.extend_one(candles.at(index)):
            told.append(bar_digest(live))
    last = [candles.at(index) for index in range(count - minutes, count)]
    prices = (last[0].open, max(each.high for each in last), min(each.low for each in last), last[-1].close)
    rolled = [*prices, sum(each.volume for each in last)]
    assert told[-1] == bar_digest(whole) == digest([last[0].open_time_ms, *(value.hex() for value in rolled)])
    assert len(told) == len(set(told)) == count // minutes

    other = Columns(program, count)
    other.extend_many(candles.places(0, count - 1))
    other.extend_one(replace(last[-1], close=last[-1].close + 0.1, high=last[-1].high + 0.1))
    assert bar_digest(other) != told[-1]
