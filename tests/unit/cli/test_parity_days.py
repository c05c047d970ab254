"""A comparison over recorded days starts where the Play is warm, and counts the days that were recorded."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest

from playd.cli import parity_days
from playd.cli.parity import Side, side_of
from playd.cli.parity_days import compare_days
from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest
from playd.world.ports import World
from playd.world.real import real_world

PLAY = Path("config/plays/supertrend_follow.yml").absolute()
"""It wants 3.8 days to warm up."""

FIRST = 19_723
DAYS = 5
FIELDS = ("open", "high", "low", "close", "volume")


def recorded(folder: Path, missing: range = range(0)) -> Path:
    """Days of minutes on a slow swing, without those of the last day that are `missing`."""
    for number in range(DAYS):
        date = folder / datetime.fromtimestamp((FIRST + number) * DAY_MS / 1000, UTC).date().isoformat()
        date.mkdir(parents=True)
        lines = []
        for minute in range(DAY_MS // MINUTE_MS):
            price = round(100.0 + 5.0 * float(np.sin((number * 1440 + minute) / 150.0)), 2)
            values = (price, price + 0.1, price - 0.1, price, 10.0)
            row = {"open_time_ms": (FIRST + number) * DAY_MS + minute * MINUTE_MS, **dict(zip(FIELDS, values, strict=True))}
            if number < DAYS - 1 or minute not in missing:
                lines.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        (date / "BTCUSDT.1m.jsonl").write_bytes(b"".join(lines))
    return folder


@pytest.fixture(autouse=True)
def _one_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's side is the backtest's here: what is compared over which days is the question."""

    def compare(_: World, play: Play, candles: Candles, *, start_ms: int) -> tuple[BacktestResult, Side]:
        result = run_backtest(play, candles, synthetic_instrument(play.symbol, 100.0), start_ms=start_ms)
        return result, side_of(result)

    monkeypatch.setattr(parity_days, "compare", compare)


@pytest.mark.parametrize("days", [1, 4])
def test_only_days_behind_the_whole_warm_up_are_evidence(tmp_path: Path, days: int) -> None:
    found = compare_days(real_world(), PLAY, recorded(tmp_path), "", days)
    assert found["evidence"]["days"] == [FIRST + DAYS - 1]
    warm_ms = found["evidence"]["from_ms"] - FIRST * DAY_MS
    assert warm_ms == (4 * DAY_MS if days == 1 else 364 * 15 * MINUTE_MS)  # 3 days and 19 hours, from the first minute on
    with pytest.raises(CandleError, match=r"the 3\.8 days that warm supertrend_follow up"):
        compare_days(real_world(), PLAY, tmp_path, "2024-01-03", 1)


def test_a_day_with_a_hole_in_its_recording_does_not_count(tmp_path: Path) -> None:
    found = [
        compare_days(real_world(), PLAY, recorded(tmp_path / str(len(missing)), missing), "", 1)
        for missing in (range(600, 605), range(600, 640))
    ]
    assert [each["evidence"]["days"] for each in found] == [[FIRST + DAYS - 1], []]


def test_a_named_day_is_the_last_that_is_compared_and_nothing_stands_in_for_it(tmp_path: Path) -> None:
    day = "2024-01-05"
    found = compare_days(real_world(), PLAY, recorded(tmp_path, range(700, 1440)), day, 1)
    begun_ms = (FIRST + 4) * DAY_MS
    assert (found["evidence"]["from_ms"], found["evidence"]["to_ms"]) == (begun_ms, begun_ms + 700 * MINUTE_MS)
    assert found["evidence"]["days"] == [], "it was not recorded whole"
    with pytest.raises(CandleError, match="no bar of BTCUSDT was recorded on 2024-01-06"):
        compare_days(real_world(), PLAY, tmp_path, "2024-01-06", 1)
