"""
Swing, trend and market structure read a second time, from the words of play-language 6.2 to 6.4, over whole histories.

Slow and literal: windows are searched, waves and events are lists that are read from the start. Nothing is shared with the
kernels.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from tests.kernel_runs import Floats

NAN = float("nan")


class Pivot(NamedTuple):
    """A pivot, the bar at whose close it is known, and the bar where it lies."""

    known: int
    side: str
    level: float
    bar: int


def fractals(rows: Mapping[str, Floats], left: int, right: int) -> list[Pivot]:
    """Every candidate that is the only extreme of its window, highs before lows."""
    found = []
    for t in range(left + right, len(rows["high"])):
        c, window = t - right, range(t - left - right, t + 1)
        if all(rows["high"][c] > rows["high"][k] for k in window if k != c):
            found.append(Pivot(t, "high", float(rows["high"][c]), c))
        if all(rows["low"][c] < rows["low"][k] for k in window if k != c):
            found.append(Pivot(t, "low", float(rows["low"][c]), c))
    return found


def zigzags(rows: Mapping[str, Floats], multiplier: float) -> list[Pivot]:
    """Extremes from which price has come back by a multiple of the ATR."""
    found: list[Pivot] = []
    usable = [t for t in range(len(rows["high"])) if rows["atr"][t] > 0]
    start, up = 0, True
    for place, t in enumerate(usable):
        stretch = usable[start : place + 1]
        reach = multiplier * rows["atr"][t]
        if up:
            top = max(stretch, key=lambda k: (rows["high"][k], -k))
            if place > 0 and rows["low"][t] < rows["high"][top] - reach:
                found.append(Pivot(t, "high", float(rows["high"][top]), top))
                start, up = place, False
        else:
            bottom = min(stretch, key=lambda k: (rows["low"][k], k))
            if rows["high"][t] > rows["low"][bottom] + reach:
                found.append(Pivot(t, "low", float(rows["low"][bottom]), bottom))
                start, up = place, True
    return found


def swing(rows: Mapping[str, Floats], **params: Any) -> dict[str, list[float]]:
    """Outputs of a swing, bar by bar."""
    zigzag = params.get("mode") == "atr_zigzag"
    candidates = zigzags(rows, params.get("atr_multiplier", 2.0)) if zigzag else fractals(rows, params["left"], params["right"])
    accepted: list[tuple[Pivot, dict[str, float]]] = []
    for pivot in candidates:
        extra = _accepted(pivot, [one for one, _ in accepted], rows["atr"][pivot.known], params)
        if extra is not None:
            accepted.append((pivot, extra))
    return _columns(rows, accepted)


def _accepted(pivot: Pivot, before: list[Pivot], atr: float, params: Mapping[str, Any]) -> dict[str, float] | None:
    same = [one for one in before if one.side == pivot.side]
    move = abs(pivot.level - same[-1].level) if same else NAN
    replaced = 0.0
    if same:
        if params.get("min_atr_move") and atr > 0 and move < params["min_atr_move"] * atr:
            return None
        if params.get("min_pct_move") and 100.0 * move / same[-1].level < params["min_pct_move"]:
            return None
    if params.get("strict_alternation") and before and before[-1].side == pivot.side:
        more = pivot.level > same[-1].level if pivot.side == "high" else pivot.level < same[-1].level
        if not more:
            return None
        replaced = 1.0
    significance = move / atr if atr > 0 else NAN
    return {
        "significance": significance,
        "major": float(significance >= params.get("major_threshold", 1.5)),
        "replaced": replaced,
    }


def _columns(rows: Mapping[str, Floats], accepted: list[tuple[Pivot, dict[str, float]]]) -> dict[str, list[float]]:
    bars = [_at(rows, t, [one for one in accepted if one[0].known <= t]) for t in range(len(rows["high"]))]
    return {name: [bar[name] for bar in bars] for name in bars[0]}


def _at(rows: Mapping[str, Floats], t: int, known: list[tuple[Pivot, dict[str, float]]]) -> dict[str, float]:
    out: dict[str, float] = {"version": float(len(known))}
    for side in ("high", "low"):
        mine = [one for one in known if one[0].side == side]
        pivot, extra = mine[-1] if mine else (None, {})
        out[f"{side}_level"] = pivot.level if pivot else NAN
        out[f"{side}_idx"] = float(rows["index"][pivot.bar]) if pivot else NAN
        out[f"{side}_version"] = float(len(mine))
        out[f"{side}_significance"] = extra.get("significance", NAN)
        out[f"{side}_is_major"] = extra.get("major", 0.0)
        now = pivot is not None and pivot.known == t
        out[f"{side}_accepted"] = float(now)
        out[f"{side}_replaced_pending"] = extra["replaced"] if now else 0.0
    last = known[-1][0] if known else None
    out["last_confirmed_pivot_idx"] = float(rows["index"][last.bar]) if last else NAN
    out["last_confirmed_pivot_type"] = {None: 0.0, "high": 1.0, "low": 2.0}[last.side if last else None]
    neighbours = [(a[0], b[0]) for a, b in pairwise(known) if a[0].side != b[0].side]
    out["pair_version"] = out["pair_anchor_hash"] = float(len(neighbours))
    pair = {one.side: one for one in neighbours[-1]} if neighbours else {}
    for side in ("high", "low"):
        out[f"pair_{side}_level"] = pair[side].level if pair else NAN
        out[f"pair_{side}_idx"] = float(rows["index"][pair[side].bar]) if pair else NAN
    out["pair_direction"] = 0.0 if not pair else 1.0 if neighbours[-1][1].side == "high" else 2.0
    return out


class Wave(NamedTuple):
    """The side of a wave's end, and how the end compares with the level of that side before it; None if there was none."""

    side: str
    higher: bool | None
    lower: bool | None


def trend(swing_rows: Mapping[str, Floats], history: int) -> dict[str, list[float]]:
    """Outputs of a trend over the columns of a swing."""
    waves: list[Wave] = []
    pending: tuple[str, float] | None = None
    previous: dict[str, float] = {}
    seen = {"high": NAN, "low": NAN}
    out = dict.fromkeys(("direction", "strength", "bars_in_trend", "wave_count", "last_wave_direction", "version"), 0.0)
    out |= dict.fromkeys(("last_hh", "last_hl", "last_lh", "last_ll"), 0.0)
    bars = []
    for t in range(len(swing_rows["high_idx"])):
        new = [
            (float(swing_rows[f"{side}_idx"][t]), side, float(swing_rows[f"{side}_level"][t]))
            for side in ("high", "low")
            if swing_rows[f"{side}_idx"][t] == swing_rows[f"{side}_idx"][t] != seen[side]
        ]
        before, classified = out["direction"], False
        for idx, side, level in sorted(new, key=lambda one: one[0]):
            seen[side] = idx
            if pending is None:
                pending = (side, level)
            elif pending[0] == side:
                if (level >= pending[1]) if side == "high" else (level <= pending[1]):
                    pending = (side, level)
            else:
                known = previous.get(side)
                wave = Wave(side, None if known is None else level > known, None if known is None else level < known)
                waves.append(wave)
                pending, classified = (side, level), True
                letter = "h" if side == "high" else "l"
                if known is not None:
                    out[f"last_h{letter}"], out[f"last_l{letter}"] = float(bool(wave.higher)), float(bool(wave.lower))
                out |= _classified(waves[-history:])
        previous |= {side: level for _, side, level in new}
        if not new:
            out["bars_in_trend"] += 1
        elif classified:
            changed = out["direction"] != before
            out["bars_in_trend"] = 0.0 if changed else out["bars_in_trend"] + 1
            out["version"] += changed
        bars.append(dict(out))
    return {name: [bar[name] for bar in bars] for name in bars[0]}


def _classified(waves: list[Wave]) -> dict[str, float]:
    newest = waves[-1]
    last = {"last_wave_direction": 1.0 if newest.side == "high" else 2.0}
    if len(waves) == 1:
        return {**last, "direction": 1.0 if newest.side == "high" else -1.0, "strength": 0.0, "wave_count": 1.0}
    backwards = waves[::-1]
    way = _way(backwards[0], backwards[1])
    if way == 0:
        return {**last, "direction": 0.0, "strength": 0.0, "wave_count": 0.0}
    count = 1
    for k in range(1, len(backwards) - 1, 2):
        if _way(backwards[k], backwards[k + 1]) != way:
            break
        count += 1
    return {**last, "direction": float(way), "strength": 2.0 if count >= 2 else 1.0, "wave_count": float(count)}


def _way(a: Wave, b: Wave) -> int:
    high, low = (a, b) if a.side == "high" else (b, a)
    hh, lh, hl, ll = bool(high.higher), bool(high.lower), bool(low.higher), bool(low.lower)
    rules = [(hh and hl, 1), (lh and ll, -1), (hh and not ll, 1), (lh and not hl, -1), (hl and not lh, 1), (ll and not hh, -1)]
    return next((way for holds, way in rules if holds), 0)


def market_structure(rows: Mapping[str, Floats], swing_rows: Mapping[str, Floats], by_close: bool) -> dict[str, list[float]]:
    """Outputs of a market structure. Every event is found again from the list of pivots known so far."""
    ups, downs = (rows["close"], rows["close"]) if by_close else (rows["high"], rows["low"])
    pivots: dict[str, list[tuple[float, float]]] = {"up": [], "down": []}
    consumed = {"up": -1.0, "down": -1.0}
    closed = {"up": False, "down": False}
    anchor: tuple[float, float] | None = None
    bias, version = 0, 0
    last = {"bos": (0.0, NAN, NAN), "choch": (0.0, NAN, NAN)}
    bars = []
    for t in range(len(ups)):
        for way, side in (("up", "high"), ("down", "low")):
            pivot = (float(swing_rows[f"{side}_level"][t]), float(swing_rows[f"{side}_idx"][t]))
            if pivot[1] == pivot[1] and (not pivots[way] or pivots[way][-1][1] != pivot[1]):
                pivots[way].append(pivot)
                closed[way] = closed[way] and pivot[1] <= consumed[way]
        level = {way: pivots[way][-1][0] if pivots[way] and not closed[way] else NAN for way in ("up", "down")}
        beyond = {"up": bool(ups[t] > level["up"]), "down": bool(downs[t] < level["down"])}
        event = ""
        against = "down" if bias == 1 else "up"
        price = {"up": ups[t], "down": downs[t]}
        if bias and anchor and (price[against] < anchor[0] if against == "down" else price[against] > anchor[0]):
            event, bias = "choch", -bias
            last["choch"] = (1.0 if against == "up" else 2.0, float(rows["index"][t]), anchor[0])
            consumed[against], closed[against], anchor = anchor[1], True, None
        else:
            ways = ("up", "down") if bias == 0 else (("up",) if bias == 1 else ("down",))
            broken = [one for one in ways if beyond[one]]
            if broken:
                way = broken[0]
                event, bias = "bos", 1 if way == "up" else -1
                last["bos"] = (1.0 if way == "up" else 2.0, float(rows["index"][t]), level[way])
                consumed[way], closed[way] = pivots[way][-1][1], True
                other = pivots["down" if way == "up" else "up"]
                anchor = other[-1] if other else anchor
        version += event != ""
        open_levels = {way: pivots[way][-1][0] if pivots[way] and not closed[way] else NAN for way in ("up", "down")}
        bar = {"bias": float(bias), "version": float(version)}
        bar |= {"break_level_high": open_levels["up"], "break_level_low": open_levels["down"]}
        for name in ("bos", "choch"):
            direction, idx, at = last[name]
            bar |= {f"{name}_this_bar": float(event == name), f"{name}_direction": direction}
            bar |= {f"last_{name}_idx": idx, f"last_{name}_level": at}
        bars.append(bar)
    return {name: [bar[name] for bar in bars] for name in bars[0]}
