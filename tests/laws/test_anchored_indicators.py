"""Anchored indicators against plain formulas over the bars since the last anchor (play-language 5.4)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.anchors import ANCHOR_SOURCES
from playd.kernels.catalog import CATALOG
from tests.indicator_kit import BARS, markets
from tests.kernel_runs import Floats, Rows, prefixed, run_indicator, run_structure

laws = settings(deadline=None, max_examples=8, print_blob=True)


def anchors_of(source: str, swing: Rows) -> list[int]:
    """Bars at which the source says to start over, from one bar's outputs of the swing and the bar's before it."""
    found = []
    for t in range(BARS):
        pairs = swing["pair_version"][t] - (swing["pair_version"][t - 1] if t else 0.0)
        bullish, bearish = (pairs == 2 or (pairs == 1 and swing["pair_direction"][t] == side) for side in (1.0, 2.0))
        high, low = swing["high_accepted"][t] == 1.0, swing["low_accepted"][t] == 1.0
        happened = {"swing_high": high, "swing_low": low, "swing_any": high or low, "manual": t == 0}
        if (happened | {"pair_high": bullish, "pair_low": bearish, "pair_any": bullish or bearish})[source]:
            found.append(t)
    return found


@pytest.mark.parametrize("source", ANCHOR_SOURCES)
@laws
@given(rows=markets(), left=st.integers(1, 4), right=st.integers(1, 4))
def test_the_average_and_the_profile_are_those_of_the_bars_since_the_anchor(
    source: str, rows: Rows, left: int, right: int
) -> None:
    swing = run_structure("swing", rows, {"left": left, "right": right})
    known = {**rows, **prefixed("swing", swing)}
    vwap = run_indicator(CATALOG["anchored_vwap"], known, {"anchor_source": source})
    bounds = {"lookback": 20, "num_buckets": 12}
    profile = run_indicator(CATALOG["anchored_volume_profile"], known, {"anchor_source": source, **bounds})
    anchors = anchors_of(source, swing)
    assert anchors, "a walk of this length has every kind of event"
    for t in range(BARS):
        before = [bar for bar in anchors if bar <= t]
        if not before:
            assert np.isnan([values[t] for values in (*vwap.values(), *profile.values())]).all()
            continue
        bars = t - before[-1] + 1
        assert vwap["bars_since_anchor"][t] == profile["bars_since_anchor"][t] == bars
        since = {name: rows[name][before[-1] : t + 1] for name in ("high", "low", "close", "volume")}
        price = (since["high"] + since["low"] + since["close"]) / 3
        assert vwap["value"][t] == pytest.approx(float((price * since["volume"]).sum() / since["volume"].sum()), rel=1e-9)
        if bars >= 2 and t % 7 == 0:
            assert plain_profile(known, t, min(bars, 20)) == pytest.approx(
                [values[t] for name, values in profile.items() if name != "bars_since_anchor"], rel=1e-12
            )


def plain_profile(rows: Rows, t: int, bars: int) -> list[Floats]:
    """The plain indicator over as many bars: its value at a bar depends on them alone."""
    outputs = run_indicator(
        CATALOG["volume_profile"],
        {name: row[t - bars + 1 : t + 1].copy() for name, row in rows.items()},
        {"lookback": bars, "num_buckets": 12},
    )
    return [values[-1] for values in outputs.values()]
