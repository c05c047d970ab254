"""Anchored indicators find their swing, and say so where there is not exactly one (play-language 5.4)."""

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.errors import PlayError
from playd.core.timeframes import MINUTE_MS
from tests.kernel_runs import walk
from tests.unit.plays.plays_of import START_MS, columns_of, load

ABOVE = '{all: [[close, ">", x]]}'
BARS = 200


def walked() -> Candles:
    """A walk, so that neighbouring bars seldom share an extreme, which would be no pivot."""
    rows = walk(BARS, seed=7)
    prices = (rows[name] for name in ("open", "high", "low", "close", "volume"))
    return Candles("BTCUSDT", MINUTE_MS, START_MS + MINUTE_MS * np.arange(BARS), *prices)


def feature(params: str = "", tf: str = "exec") -> str:
    return f"{{x: {{indicator: anchored_vwap, tf: {tf}, params: {{{params}}}}}}}"


def swings(*keys: str, clock: str = "exec") -> str:
    listed = ", ".join(f"{{type: swing, key: {key}, params: {{left: {2 + i}, right: 2}}}}" for i, key in enumerate(keys))
    return f"structures: {{{clock}: [{listed}]}}"


def test_the_only_swing_on_the_clock_is_meant_and_naming_it_changes_nothing() -> None:
    silent, said = (load(ABOVE, features=feature(one), more=swings("s")) for one in ("", "anchor_structure: s"))
    assert silent.play_hash == said.play_hash
    assert not silent.warnings


def test_of_two_swings_the_named_one_decides() -> None:
    columns = [
        columns_of(load(ABOVE, features=feature(f"anchor_structure: {one}"), more=swings("fine", "coarse")), walked())
        for one in ("fine", "coarse")
    ]
    fine, coarse = (one.column("x") for one in columns)
    assert not np.array_equal(fine, coarse, equal_nan=True)


@pytest.mark.parametrize(
    ("params", "more", "text"),
    [
        ("", "", "E307 .*found none, expected a structure of type swing on 1m"),
        ("", swings("a", "b"), "E307 .*found 2, expected `anchor_structure` with a or b"),
        ("", swings("a", clock="1h"), "E307 .*found none, expected a structure of type swing on 1m"),
        ("anchor_structure: b", swings("a"), "E307 .*found `b`, which is no swing on 1m, expected a"),
        ("anchor_source: manual, anchor_structure: a", swings("a"), "E104 .*found `a`, which has no effect"),
        ("anchor_source: pivot", swings("a"), "E105 .*found `pivot`"),
    ],
)
def test_a_missing_or_doubtful_swing_is_an_error(params: str, more: str, text: str) -> None:
    with pytest.raises(PlayError, match=text):
        load(ABOVE, features=feature(params), more=more)


def test_a_manual_anchor_is_the_first_bar_and_warns() -> None:
    play = load('{all: [["x.bars_since_anchor", ">", 3]]}', features=feature("anchor_source: manual"))
    assert [line.split(": ")[1].split()[0] for line in play.warnings] == ["W304"]
    assert columns_of(play, walked()).column("x.bars_since_anchor").tolist() == list(range(1, BARS + 1))


def test_a_swing_cannot_turn_by_what_starts_over_at_its_own_pivots() -> None:
    zigzag = "structures: {exec: [{type: swing, key: s, params: {mode: atr_zigzag, atr_key: y}}]}"
    both = "{x: {indicator: anchored_vwap}, y: {indicator: sma, params: {length: 3}, source: x}}"
    with pytest.raises(PlayError, match=r"E313 .*x → s → y → x"):
        load(ABOVE, features=both, more=zigzag)


def test_an_anchored_average_warms_as_long_as_its_swing() -> None:
    play = load(ABOVE, features=feature(), more=swings("s"))
    columns = columns_of(play, walked())
    assert columns.program.warmup_ms >= 10 * (2 + 2 + 1) * 60_000
