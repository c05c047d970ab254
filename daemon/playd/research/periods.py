"""Returns per UTC day, ISO week and month (play-language 11)."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.timeframes import DAY_MS
from playd.research.equity_metrics import Metrics, ratio

_EPOCH: Final = date(1970, 1, 1)
_MONDAY: Final = 3
"""Days from the Monday before 1970-01-01 to that day."""


def period_metrics(equity: NDArray[np.float64], close_ms: NDArray[np.int64], start_usdt: float) -> Metrics:
    """
    Last equity of each period over that of the period before, minus one. A close at midnight ends the day before.

    Each kind of period has `returns` by label, `best` and `worst`.
    """
    last = _last_of_days(close_ms)
    ends, day = equity[last], (close_ms[last] - 1) // DAY_MS
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return {
        "day": _returns(ends, day, start_usdt, _day_label),
        "week": _returns(ends, (day + _MONDAY) // 7, start_usdt, _week_label),
        "month": _returns(ends, month, start_usdt, _month_label),
    }


def _last_of_days(close_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the last close of each day that has one. Every week and month ends with one of them."""
    if not len(close_ms):
        return np.zeros(0, np.int64)
    midnights = DAY_MS * np.arange((close_ms[0] - 1) // DAY_MS + 1, (close_ms[-1] - 1) // DAY_MS + 2)
    return np.unique(np.searchsorted(close_ms, midnights, side="right") - 1)


def _returns(ends: NDArray[np.float64], period: NDArray[np.int64], start_usdt: float, label: Callable[[int], str]) -> Metrics:
    """Returns from the equities at the ends of days, each of which lies in a `period`."""
    if not len(ends):
        return {"returns": {}, "best": None, "worst": None}
    last = np.append(np.flatnonzero(np.diff(period)), len(period) - 1)
    ends = ends[last]
    before = np.concatenate((np.array([start_usdt]), ends[:-1]))
    gains = [ratio(float(end - base), float(base)) for end, base in zip(ends, before, strict=True)]
    known = [gain for gain in gains if gain is not None]
    return {
        "returns": {label(int(period[i])): gain for i, gain in zip(last, gains, strict=True)},
        "best": max(known, default=None),
        "worst": min(known, default=None),
    }


def _day_label(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def _week_label(week: int) -> str:
    year, number, _ = (_EPOCH + timedelta(days=week * 7 - _MONDAY)).isocalendar()
    return f"{year}-W{number:02d}"


def _month_label(month: int) -> str:
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"
