"""Files beside candles: funding stamps and open interest, what is known of them when, and one clear error for a bad row."""

from pathlib import Path, PurePath

import numpy as np
import pytest

from playd.core.errors import CandleError
from playd.market.rates import NO_FUNDING, Funding, OpenInterest, read_funding, read_open_interest
from playd.world.real import real_world

HOUR = 3_600_000
STAMPS = np.array([8, 16, 24], np.int64) * HOUR
RATES = np.array([0.0001, -0.0002, 0.0003])


def at(*hours: float) -> np.ndarray:
    return np.array([round(hour * HOUR) for hour in hours], np.int64)


def write(path: Path, **columns: np.ndarray) -> PurePath:
    real_world().disk.write_parquet(PurePath(path), columns)
    return PurePath(path)


def test_the_rate_of_the_next_stamp_is_known_since_the_stamp_before() -> None:
    """At a stamp the next one counts: who decides then does not pay the present one."""
    known = Funding(STAMPS, RATES).known_at(at(-0.1, 0, 7.9, 8, 16, 23.99, 24, 30))
    np.testing.assert_array_equal(known, [np.nan, 0.0001, 0.0001, -0.0002, 0.0003, 0.0003, np.nan, np.nan])
    gap = Funding(at(8, 16, 40), RATES).known_at(at(16, 31.9, 32, 39))
    np.testing.assert_array_equal(gap, [np.nan, np.nan, 0.0003, 0.0003])
    assert np.isnan(NO_FUNDING.known_at(at(1, 2))).all()


def test_a_rate_that_is_announced_later_is_known_later() -> None:
    funding = Funding(STAMPS, RATES, announced_ms=STAMPS - HOUR)
    np.testing.assert_array_equal(funding.known_at(at(6.9, 7, 8, 15)), [np.nan, 0.0001, np.nan, -0.0002])


def test_open_interest_lasts_for_less_than_two_of_its_steps() -> None:
    interest = OpenInterest(at(0, 1, 5), np.array([10.0, 20.0, 30.0]))
    known = interest.known_at(at(-1, 0, 0.99, 1, 2.99, 3, 5, 7))
    np.testing.assert_array_equal(known, [np.nan, 10, 10, 20, 20, np.nan, 30, np.nan])


def test_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    disk = real_world().disk
    found = read_funding(disk, write(tmp_path / "f.parquet", time_ms=STAMPS, rate=RATES, announced_ms=STAMPS - 1))
    assert found.announced_ms is not None
    assert (found.time_ms.tolist(), found.rate.tolist()) == (STAMPS.tolist(), RATES.tolist())
    assert (found.announced_ms.tolist(), found.interval_ms) == ((STAMPS - 1).tolist(), 8 * HOUR)
    interest = read_open_interest(disk, write(tmp_path / "o.parquet", time_ms=STAMPS, open_interest=np.array([1.0, 2.0, 3.0])))
    assert interest.value.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"time_ms": STAMPS}, r"no column rate; expected time_ms, rate, found time_ms"),
        ({"time_ms": STAMPS[::-1].copy(), "rate": RATES}, r"row 1: time_ms is not later than in the row before"),
        ({"time_ms": STAMPS / 2.0, "rate": RATES}, r"time_ms holds float64; expected whole epoch milliseconds"),
        ({"time_ms": STAMPS, "rate": RATES * np.array([1, np.nan, 1])}, r"row 1: rate is not a number"),
        ({"time_ms": STAMPS, "rate": RATES * 10_000}, r"row 0: rate is 100 % or more; expected a fraction.*3 such"),
        ({"time_ms": STAMPS, "rate": RATES, "announced_ms": STAMPS + 1}, r"row 0: the rate is announced after its stamp"),
        ({"time_ms": STAMPS[:0], "rate": RATES[:0]}, r"no rows; expected time_ms, rate"),
    ],
)
def test_what_cannot_be_funding_is_refused_with_its_row(columns: dict[str, np.ndarray], text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", **columns)
    with pytest.raises(CandleError, match=text):
        read_funding(real_world().disk, path)
    with pytest.raises(CandleError, match="no such file"):
        read_open_interest(real_world().disk, PurePath(tmp_path / "absent.parquet"))
