"""A Play that reads two symbols, over two files: what it decides and shows, and one clear error for every file too few."""

from pathlib import Path, PurePath

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.market.candle_file import write_candles
from playd.world.real import real_world
from tests.unit.plays.plays_of import START_MS, market, play_text

CLOSES = [100.0, 101.0, 102.0, 103.0, 99.0, 98.0, 104.0, 105.0]
OTHERS = [50.0, 50.5, 51.0, 50.0, 52.0, 55.0, 52.0, 52.5]


def write(path: Path, closes: list[float], step: str = "1m", start_ms: int = START_MS, absent: tuple[int, ...] = ()) -> str:
    write_candles(real_world().disk, PurePath(path), market(closes, step, start_ms, absent))
    return str(path)


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """A Play that buys when its symbol is dear against the other one, the candles of both, one of the other's missing."""
    play = tmp_path / "pair.yml"
    features = "{dear: {indicator: ratio}}"
    play.write_text(play_text('{all: [["dear", ">", 2]]}', features=features, more="reference: {symbol: ETHUSDT}"))
    own, other = write(tmp_path / "BTC.parquet", CLOSES), write(tmp_path / "ETH.parquet", OTHERS, absent=(6,))
    return [str(play), "--candles", own, "--reference-candles", other]


def answer(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_a_backtest_over_two_files_knows_both(two: list[str]) -> None:
    code, text, _ = answer("backtest", *two, "--json")
    assert code == 0
    found = orjson.loads(text)
    assert (found["symbol"], found["reference"]) == ("BTCUSDT", "ETHUSDT")
    code, text, _ = answer("backtest", *two)
    assert "BTCUSDT beside ETHUSDT" in text


def test_other_candles_of_the_second_symbol_are_other_data(two: list[str], tmp_path: Path) -> None:
    first = orjson.loads(answer("backtest", *two, "--json")[1])["hashes"]
    write(tmp_path / "ETH.parquet", OTHERS)
    second = orjson.loads(answer("backtest", *two, "--json")[1])["hashes"]
    assert first["play_hash"] == second["play_hash"]
    assert first["data_hash"] != second["data_hash"]
    assert first["run_hash"] != second["run_hash"]


def test_an_explanation_shows_the_second_symbol_and_where_it_lacks(two: list[str]) -> None:
    code, text, _ = answer("play", "explain", *two, "--at", str(START_MS + 4 * 60_000))
    assert code == 0
    assert "dear > 2" in text
    assert f"dear {CLOSES[3] / OTHERS[3]:g}" in text
    _, text, _ = answer("play", "explain", *two, "--at", str(START_MS + 7 * 60_000))
    assert "dear > 2  missing  dear ?, dear: no_data" in text


def test_every_column_of_it_can_be_saved(two: list[str], tmp_path: Path) -> None:
    file = tmp_path / "columns.npz"
    assert answer("backtest", *two, "--save-columns", str(file))[0] == 0
    ratio = np.load(file)["1m/dear"]
    assert np.isnan(ratio[6])
    assert ratio[7] == CLOSES[7] / OTHERS[7]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda args, _: args[:3], "reads ETHUSDT too, expected --reference-candles FILE"),
        (
            lambda args, folder: [*args[:4], write(folder / "E5.parquet", OTHERS, "5m")],
            "found candles of 5m, expected candles of 1m",
        ),
        (
            lambda args, folder: [*args[:4], write(folder / "E0.parquet", OTHERS, start_ms=START_MS - 86_400_000)],
            "no candle opens at the time of one of",
        ),
        (lambda args, _: [*args[:4], "nowhere.parquet"], "no such file"),
        (lambda args, _: [args[0], "--pattern", "ranging", *args[3:]], "expected --candles FILE beside it"),
    ],
)
def test_a_file_too_few_or_a_wrong_one_is_one_clear_error(two: list[str], tmp_path: Path, change, said: str) -> None:  # type: ignore[no-untyped-def]
    code, _, error = answer("backtest", *change(two, tmp_path))
    assert code not in (0, 1)
    assert said in error
    assert "Traceback" not in error


def test_a_play_of_one_symbol_takes_no_second_file(two: list[str], tmp_path: Path) -> None:
    alone = tmp_path / "alone.yml"
    alone.write_text(play_text('{all: [["close", ">", 102]]}'))
    code, _, error = answer("backtest", str(alone), *two[1:])
    assert code != 0
    assert "reads no second symbol" in error


def test_a_pattern_has_a_market_of_both(two: list[str]) -> None:
    code, text, _ = answer("backtest", two[0], "--pattern", "ranging", "--bars", "90", "--json")
    assert code == 0
    assert orjson.loads(text)["reference"] == "ETHUSDT"
