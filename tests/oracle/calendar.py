"""What depends on days, weeks and months, read from the calendar of the standard library."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from tests.kernel_runs import Floats, Rows

LEVELS = ("prev_day_high", "prev_day_low", "current_day_high", "current_day_low", "prev_week_high", "prev_week_low")


def opens_of(rows: Rows) -> list[datetime]:
    return [datetime.fromtimestamp(one / 1000, UTC) for one in rows["time"]]


def start_of_period(anchor: str, at: datetime) -> datetime:
    """When the period of a vwap's anchor that holds a time began."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if anchor == "M":
        return day.replace(day=1)
    if anchor == "W":
        return day - timedelta(days=day.weekday())
    if anchor == "D":
        return day
    hours = int(anchor.removesuffix("h"))
    return day + timedelta(hours=at.hour - at.hour % hours)


def vwap(rows: Rows, anchor: str) -> Mapping[str, Floats]:
    opens = opens_of(rows)
    periods = [start_of_period(anchor, one) for one in opens]
    price = (rows["high"] + rows["low"] + rows["close"]) / 3
    value = np.full(len(opens), np.nan)
    for t, start in enumerate(periods):
        first = periods.index(start)
        if first > 0 or opens[0] == start:
            inside = slice(first, t + 1)
            value[t] = (price[inside] * rows["volume"][inside]).sum() / rows["volume"][inside].sum()
    return {"value": value}


def session_levels(rows: Rows) -> Mapping[str, Floats]:
    opens = opens_of(rows)
    table = np.array([_levels_at(rows, opens, t) for t in range(len(opens))]).T
    return dict(zip(LEVELS, table, strict=True))


def _levels_at(rows: Rows, opens: list[datetime], t: int) -> list[float]:
    day, week = start_of_period("D", opens[t]), start_of_period("W", opens[t])

    def extremes(start: datetime, end: datetime) -> list[float]:
        inside = [k for k in range(t + 1) if start <= opens[k] < end]
        if not inside or (inside[0] == 0 and opens[0] != start):
            return [np.nan, np.nan]
        return [max(rows["high"][k] for k in inside), min(rows["low"][k] for k in inside)]

    yesterday, last_week = day - timedelta(days=1), week - timedelta(days=7)
    return [*extremes(yesterday, day), *extremes(day, day + timedelta(days=1)), *extremes(last_week, week)]
