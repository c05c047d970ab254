"""`playd synth`: every pattern can be listed, drawn, printed and kept as a candle file that a backtest reads."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.control.candle_chart import candle_chart, close_line
from playd.core.candles import Candles
from playd.market.candle_file import read_candles
from playd.market.patterns.candles import synthetic_market
from playd.market.rolled import rolled
from playd.plays.words import PATTERNS
from playd.world.real import real_world


def run(*args: str) -> str:
    done = CliRunner().invoke(app, ["synth", *args])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_every_pattern_is_listed_with_its_line() -> None:
    lines = run("list").splitlines()
    assert [line.split()[0] for line in lines] == list(PATTERNS)
    assert {len(line.split()[1]) for line in lines} == {48}


def test_a_picture_has_its_bars_between_its_prices() -> None:
    head, _, *rows, axis = run("show", "reversal_v_bottom", "--bars", "60").splitlines()
    assert head.startswith("reversal_v_bottom, seed 42: 60 bars of 15m, 50000 to ")
    assert len(rows) == 20
    assert axis.split() == ["2025-01-01T00:00", "2025-01-01T15:00"]
    highest, lowest = rows[0], rows[-1]
    assert highest.index("┤") == lowest.index("┤")
    first, last = highest.partition("┤")[2], lowest.partition("┤")[2]
    assert first.lstrip() == first, "it begins at the top"
    assert 20 < len(last) - len(last.lstrip()) < 40, "and turns in the middle"


def test_json_has_the_bars_that_a_play_would_see() -> None:
    found = orjson.loads(run("show", "trend_grinding", "--tf", "1h", "--bars", "50", "--seed", "3", "--json"))
    candles = synthetic_market("trend_grinding", seed=3, exec_minutes=60, exec_bars=50, symbol="BTCUSDT")
    bars = rolled(candles, 3_600_000)
    assert [bar["close"] for bar in found["bars"]] == bars.close.tolist()
    assert bars.close.tolist() == candles.close[59::60].tolist()
    assert found["bars"][0]["volume"] == pytest.approx(candles.volume[:60].sum())


def test_a_file_holds_the_minutes(tmp_path: Path) -> None:
    path = tmp_path / "market.parquet"
    run("show", "ranging", "--bars", "50", "--tf", "5m", "-o", str(path))
    read = read_candles(real_world().disk, path)
    assert np.array_equal(read.close, synthetic_market("ranging", seed=42, exec_minutes=5, exec_bars=50, symbol="").close)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("trend_upp_clean",), "did you mean `trend_up_clean`?"),
        (("ranging", "--tf", "1d"), "--tf '1d': expected one of 1m"),
        (("ranging", "--tf", "D", "--bars", "100000"), "--bars 100000: expected at most 1388 bars of D"),
    ],
)
def test_what_cannot_be_drawn_is_refused(args: tuple[str, ...], text: str) -> None:
    done = CliRunner().invoke(app, ["synth", "show", *args])
    assert done.exit_code == 78
    assert text in done.stderr


def flat(bars: int) -> Candles:
    price = np.full(bars, 100.0)
    return Candles("", 60_000, 60_000 * np.arange(bars), price, price, price, price, price)


def test_a_market_without_a_range_is_drawn_too() -> None:
    assert candle_chart(flat(3), 40, 4).splitlines()[0].endswith("┤███")
    assert close_line(flat(3).close, 10) == "▁▁▁"
