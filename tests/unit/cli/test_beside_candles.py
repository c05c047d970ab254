"""Files beside the candles of a backtest: what the report says of them, and one clear error for each that does not fit."""

from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.inputs import BesideFiles, market_of
from playd.cli.playd import app
from playd.market.candle_file import write_candles
from playd.world.real import real_world
from tests.unit.plays.plays_of import START_MS, market, play_text

CANDLES = market([100.0, 101.0, 102.0, 103.0, 99.0, 98.0, 104.0, 105.0])
MINUTE_MS = 60_000


def backtest(folder: Path, *options: str, condition: str = '{all: [[close, ">", 0]]}') -> tuple[int, str, str]:
    play = folder / "small.yml"
    play.write_text(play_text(condition))
    write_candles(real_world().disk, PurePath(folder / "c.parquet"), CANDLES)
    done = CliRunner().invoke(app, ["backtest", str(play), "--candles", str(folder / "c.parquet"), *options])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    disk, stamps = real_world().disk, np.array([START_MS, START_MS + 4 * MINUTE_MS], np.int64)
    mark = replace(CANDLES, open=CANDLES.open * 0.9, high=CANDLES.high * 0.9, low=CANDLES.low * 0.9, close=CANDLES.close * 0.9)
    prices = {name: getattr(mark, name) for name in ("open_time_ms", "open", "high", "low", "close")}
    disk.write_parquet(PurePath(tmp_path / "mark.parquet"), prices)
    disk.write_parquet(PurePath(tmp_path / "funding.parquet"), {"time_ms": stamps, "rate": np.array([0.001, 0.002])})
    disk.write_parquet(PurePath(tmp_path / "oi.parquet"), {"time_ms": stamps, "open_interest": np.array([5.0, 7.0])})
    return {name: str(tmp_path / f"{name}.parquet") for name in ("mark", "funding", "oi")}


def test_a_report_says_whose_mark_and_what_funding_it_has(tmp_path: Path, files: dict[str, str]) -> None:
    plain = backtest(tmp_path)[1]
    assert "the last price" in plain
    assert "no rates loaded: none paid" in plain
    whole = backtest(tmp_path, "--mark-candles", files["mark"], "--funding", files["funding"], "--open-interest", files["oi"])
    assert "mark candles" in whole[1]
    assert "2 stamps" in whole[1]
    off = backtest(tmp_path, "--funding", files["funding"], "--no-funding")[1]
    assert "2 stamps, switched off: none paid" in off
    assert "no rates loaded, switched off: none paid" in backtest(tmp_path, "--no-funding")[1]


def test_what_a_file_says_is_what_a_condition_sees(tmp_path: Path, files: dict[str, str]) -> None:
    """The second rate is known from the first stamp on, the second open interest from its own time on."""
    options = ("--mark-candles", files["mark"], "--funding", files["funding"], "--open-interest", files["oi"], "--json")
    condition = '{all: [[funding_rate, ">", 0.0015], [open_interest, ">", 4], [mark_price, "<", {"*": [close, 0.95]}]]}'
    found = orjson.loads(backtest(tmp_path, *options, condition=condition)[1])
    assert found["trades"][0]["entry_time_ms"] == START_MS + MINUTE_MS
    late = orjson.loads(backtest(tmp_path, *options, condition='{all: [[open_interest, ">", 6]]}')[1])
    assert late["trades"][0]["entry_time_ms"] == START_MS + 4 * MINUTE_MS
    none = orjson.loads(backtest(tmp_path, "--json", condition=condition)[1])
    assert none["trades"] == []
    assert none["hashes"]["data_hash"] != found["hashes"]["data_hash"]


def test_files_that_do_not_fit_are_refused(tmp_path: Path, files: dict[str, str]) -> None:
    later = replace(CANDLES, open_time_ms=CANDLES.open_time_ms + 1440 * MINUTE_MS)
    write_candles(real_world().disk, PurePath(tmp_path / "later.parquet"), later)
    code, _, error = backtest(tmp_path, "--mark-candles", str(tmp_path / "later.parquet"))
    assert code != 0
    assert "no candle opens at the time of one of the others" in error
    code, _, error = backtest(tmp_path, "--funding", files["oi"])
    assert code != 0
    assert "no column rate; expected time_ms, rate, found" in error


def test_what_was_recorded_of_some_bars_gives_way_to_a_file_and_is_said_without_one(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rates = np.full(len(CANDLES), np.nan)
    rates[-2:] = 0.0001
    recorded = replace(CANDLES, funding_rate=rates, open_interest=np.where(np.isnan(rates), np.nan, 5.0))
    given = market_of(real_world(), recorded, BesideFiles(funding=files["funding"], open_interest=files["oi"]))
    assert given.candles.funding_rate is None, "conditions see the rates of the file, as where nothing was recorded"
    assert capsys.readouterr().err == ""

    assert market_of(real_world(), recorded, BesideFiles()).candles.funding_rate is rates
    said = capsys.readouterr().err
    assert "6 of 8 bars have no recorded funding, and conditions on it are unknown there; --funding FILE says it of all" in said
    assert "6 of 8 bars have no recorded open interest" in said

    market_of(real_world(), replace(recorded, funding_rate=np.zeros(len(CANDLES)), open_interest=None), BesideFiles())
    assert capsys.readouterr().err == ""
