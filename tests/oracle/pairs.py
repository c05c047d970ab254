"""ratio, spread and zscore window by window (play-language 5.5)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.kernel_runs import Floats, Rows


def slopes(rows: Rows, length: int) -> Floats:
    """β of every window that has one, NaN elsewhere."""
    found = np.full(len(rows["close"]), np.nan)
    of_c, of_r = np.log(rows["close"]), np.log(rows["reference"])
    for t in range(length - 1, len(found)):
        c, r = of_c[t - length + 1 : t + 1], of_r[t - length + 1 : t + 1]
        if not np.isnan(c + r).any() and np.ptp(r) > 0:
            away = r - r.mean()
            found[t] = (away * (c - c.mean())).sum() / (away * away).sum()
    return found


def scores(y: Floats, length: int) -> Floats:
    """The score of the last value of every window that has one, NaN elsewhere."""
    found = np.full(len(y), np.nan)
    for t in range(length - 1, len(y)):
        window = y[t - length + 1 : t + 1]
        if not np.isnan(window).any() and np.ptp(window) > 0:
            found[t] = (window[-1] - window.mean()) / window.std()
    return found


def ratio(rows: Rows) -> Mapping[str, Floats]:
    return {"value": rows["close"] / rows["reference"]}


def spread(rows: Rows, beta: Any, length: int) -> Mapping[str, Floats]:
    slope = slopes(rows, length) if beta == "ols" else beta
    return {"value": np.log(rows["close"]) - slope * np.log(rows["reference"])}


def zscore(rows: Rows, of: str, beta: Any, length: int) -> Mapping[str, Floats]:
    y = ratio(rows) if of == "ratio" else spread(rows, beta, length)
    return {"value": scores(y["value"], length)}
