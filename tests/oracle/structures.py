"""A literal second reading of every structure: outputs by name from candles, outputs of what it uses, and its parameters."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from playd.kernels.spec import Value
from tests.kernel_runs import Rows
from tests.oracle import detectors, pivots

NAN = math.nan
Columns = Mapping[str, list[float]]
Reading = Callable[[Rows, Rows, Mapping[str, Value]], Columns]


def _of(used: Rows, kind: str) -> dict[str, Any]:
    """The outputs of a structure that is used, by their own names."""
    return {name.removeprefix(f"{kind}."): row for name, row in used.items() if name.startswith(f"{kind}.")}


def _given(params: Mapping[str, Value]) -> dict[str, Any]:
    """Parameters that are set, without the choice of an ATR."""
    return {name: value for name, value in params.items() if value is not None and name != "atr_key"}


def _detector(read: Callable[..., Columns], *kinds: str) -> Reading:
    return lambda rows, used, params: read(rows, *(_of(used, kind) for kind in kinds), **_given(params))


def _order_block(rows: Rows, used: Rows, params: Mapping[str, Value]) -> Columns:
    trigger = {name: list(column) for name, column in _of(used, "displacement").items()}
    return detectors.order_block(rows, trigger or None, **_given(params))


def _rolling_window(rows: Rows, used: Rows, params: Mapping[str, Any]) -> Columns:
    source, size = [float(value) for value in rows[params["source"]]], params["size"]
    extreme = min if params["mode"] == "min" else max
    ends = range(len(source)) if params["exclude_current"] else range(1, len(source) + 1)
    return {"value": [extreme(source[max(end - size, 0) : end]) if end else NAN for end in ends]}


def _zone(rows: Rows, used: Rows, params: Mapping[str, Any]) -> Columns:
    side = "low" if params["zone_type"] == "demand" else "high"
    levels, indices = used[f"swing.{side}_level"], used[f"swing.{side}_idx"]
    state, lower, upper, anchor, version, bars = 0, NAN, NAN, NAN, 0, []
    for t, close in enumerate(rows["close"]):
        waits = not math.isnan(indices[t]) and indices[t] != anchor
        has_atr = rows["atr"][t] > 0
        if waits and has_atr:
            width = params["width_atr"] * rows["atr"][t]
            lower, upper = (levels[t] - width, levels[t]) if side == "low" else (levels[t], levels[t] + width)
            state, anchor, version = 1, indices[t], version + 1
        if (has_atr or not waits) and state == 1 and (close < lower if side == "low" else close > upper):
            state, version = 2, version + 1
        bars.append({"state": state, "upper": upper, "lower": lower, "anchor_idx": anchor, "version": version})
    return detectors.table(bars)


def _fibonacci(rows: Rows, used: Rows, params: Mapping[str, Any]) -> Columns:
    swing, trend = _of(used, "swing"), _of(used, "trend")
    prefix = "pair_" if params["use_paired_anchor"] or params["use_trend_anchor"] else ""
    watched = ["high_idx", "low_idx"] if not prefix else ["pair_version"]
    high, low, direction, pair, way, bars = NAN, NAN, 0, 0, 0, []
    for t in range(len(rows["close"])):
        changed = any(
            not math.isnan(swing[name][t]) and swing[name][t] != (swing[name][t - 1] if t else 0.0) for name in watched
        )
        if params["use_trend_anchor"]:
            changed = changed or trend["version"][t] != (trend["version"][t - 1] if t else 0.0)
            changed = changed and trend["direction"][t] != 0
        ends = swing[f"{prefix}high_level"][t], swing[f"{prefix}low_level"][t]
        if changed and not math.isnan(ends[0] - ends[1]):
            high, low = ends
            if params["use_trend_anchor"]:
                way = trend["direction"][t]
                direction = 1 if way > 0 else 2
            elif params["use_paired_anchor"]:
                direction, pair = swing["pair_direction"][t], swing["pair_version"][t]
        bar = {"anchor_high": high, "anchor_low": low, "range": high - low, "anchor_direction": direction}
        bar |= {"anchor_hash": pair, "anchor_trend_direction": way}
        falls = params["mode"] == "extension_down" or (params["mode"] == "extension" and direction == 2)
        for ratio in params["levels"]:
            name = int(ratio) if ratio == int(ratio) else ratio
            base = high if params["mode"] == "retracement" or not falls else low
            sign = -1 if params["mode"] == "retracement" or falls else 1
            bar[f"level[{name}]"] = base + sign * (ratio * (high - low))
        bars.append(bar)
    return detectors.table(bars)


STRUCTURE_READINGS: Mapping[str, Reading] = {
    "swing": lambda rows, used, params: pivots.swing(rows, **_given(params)),
    "trend": lambda rows, used, params: pivots.trend(_of(used, "swing"), _given(params)["wave_history_size"]),
    "market_structure": lambda rows, used, params: pivots.market_structure(
        rows, _of(used, "swing"), bool(params["confirmation_close"])
    ),
    "fibonacci": _fibonacci,
    "zone": _zone,
    "rolling_window": _rolling_window,
    "derived_zone": _detector(detectors.derived_zone, "swing"),
    "displacement": _detector(detectors.displacement),
    "fair_value_gap": _detector(detectors.fair_value_gap),
    "order_block": _order_block,
    "liquidity_zones": _detector(detectors.liquidity_zones, "swing"),
    "premium_discount": _detector(detectors.premium_discount, "swing"),
    "breaker_block": _detector(detectors.breaker_block, "order_block", "market_structure"),
}
"""By the type that Plays write."""
