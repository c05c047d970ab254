"""A candle file is used as it is or refused with the row that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.market.candle_file import COLUMNS, read_candles, symbol_in_name, write_candles
from playd.world.real import RealDisk

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000


def _columns(count: int = 5) -> dict[str, np.ndarray]:
    open_ = 100.0 + np.arange(count, dtype=np.float64)
    times = START_MS + np.arange(count, dtype=np.int64) * MINUTE_MS
    return {
        "open_time_ms": times,
        "open": open_,
        "high": open_ + 2.0,
        "low": open_ - 1.0,
        "close": open_ + 1.0,
        "volume": np.full(count, 3.5),
    }


def _read(tmp_path: Path, columns: dict[str, np.ndarray], symbol: str = "") -> Candles:
    path = tmp_path / "BTCUSDT-1m.parquet"
    RealDisk().write_parquet(path, columns)
    return read_candles(RealDisk(), path, symbol)


def _changed(name: str, row: int, value: float) -> dict[str, np.ndarray]:
    columns = _columns()
    columns[name] = columns[name].copy()
    columns[name][row] = value
    return columns


def test_candles_come_back_bit_for_bit(tmp_path: Path) -> None:
    columns = _columns()
    columns["close"] = columns["open"] + 1 / 3
    candles = _read(tmp_path, columns)
    assert (candles.symbol, candles.step_ms, len(candles)) == ("BTCUSDT", MINUTE_MS, 5)
    path = tmp_path / "again.parquet"
    write_candles(RealDisk(), path, candles)
    again = read_candles(RealDisk(), path, "BTCUSDT")
    for name in COLUMNS:
        assert getattr(again, name).tobytes() == getattr(candles, name).tobytes()


def test_the_symbol_can_be_given_or_read_from_the_name(tmp_path: Path) -> None:
    assert _read(tmp_path, _columns(), "ETHUSDT").symbol == "ETHUSDT"
    assert symbol_in_name(Path("1000PEPEUSDT_5m.parquet")) == "1000PEPEUSDT"
    assert symbol_in_name(Path("candles.parquet")) == ""


def test_a_gap_is_allowed_and_does_not_change_the_step(tmp_path: Path) -> None:
    columns = {name: np.delete(column, 2) for name, column in _columns().items()}
    assert _read(tmp_path, columns).step_ms == MINUTE_MS


def test_additional_columns_are_ignored_and_whole_numbers_are_prices(tmp_path: Path) -> None:
    columns = {**_columns(), "turnover": np.zeros(5), "volume": np.arange(5)}
    assert _read(tmp_path, columns).volume.dtype == np.float64


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({name: column for name, column in _columns().items() if name != "low"}, "no column low"),
        (_changed("close", 3, np.nan), r"row 3 .*close is not a number"),
        (_changed("volume", 0, np.inf), r"row 0 .*volume is not a number"),
        (_changed("volume", 2, -1.0), r"row 2 .*volume is negative"),
        (_changed("low", 1, 0.0), r"row 1 .*low is not positive"),
        (_changed("high", 4, 104.5), r"row 4 .*high is below"),
        (_changed("low", 4, 104.5), r"row 4 .*low is above"),
        (_changed("open_time_ms", 2, START_MS + MINUTE_MS), "row 2: .* repeats row 1"),
        (_changed("open_time_ms", 2, START_MS), "row 2: .* is earlier than row 1"),
        ({name: column[::-1].copy() for name, column in _columns().items()}, "oldest first"),
        (_changed("open_time_ms", 4, START_MS + 5 * MINUTE_MS + 30_000), "row 4: .* not a multiple of the 1m step"),
        ({**_columns(), "open_time_ms": START_MS + np.arange(5) * 7_000}, "smallest distance"),
        ({**_columns(), "open_time_ms": _columns()["open_time_ms"].astype(np.float64)}, "whole epoch milliseconds"),
        ({**_columns(), "open": np.array(list("abcde"))}, "expected float64"),
        (_columns(0), "no rows"),
        (_columns(1), "one row"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, columns: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(CandleError, match=reason) as caught:
        _read(tmp_path, columns)
    assert "BTCUSDT-1m.parquet" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"open_time_ms,open\n1,2\n", bytes(range(256)) * 40, b"PAR1" + b"\0" * 100])
def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "BTCUSDT.parquet"
    path.write_bytes(content)
    with pytest.raises(CandleError, match="not a readable Parquet file"):
        read_candles(RealDisk(), path)


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="no such file"):
        read_candles(RealDisk(), tmp_path / "nothing.parquet")
    with pytest.raises(CandleError):
        read_candles(RealDisk(), tmp_path)
