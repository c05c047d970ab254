"""
Gaps, blocks, breakers, derived zones, liquidity and premium in the most literal form: bar by bar, lists of what was found.

Written from the definitions alone. Candles are rows by name; `swing` and others are the outputs of what a detector uses. Every
function gives its outputs by name, one value per bar, missing as NaN.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

NAN = math.nan
Rows = Mapping[str, Any]
"""Series by name: lists or arrays."""

Columns = dict[str, list[float]]


@dataclass
class Candle:
    open: float
    high: float
    low: float
    close: float
    atr: float
    index: float

    @property
    def has_atr(self) -> bool:
        return not math.isnan(self.atr) and self.atr > 0


@dataclass
class Box:
    """A gap, a block or a breaker."""

    direction: int
    upper: float
    lower: float
    alive: bool = True
    fill: float = 0.0

    @property
    def middle(self) -> float:
        return (self.upper + self.lower) / 2


@dataclass
class Zone:
    lower: float
    upper: float
    identity: int
    index: float
    state: str = "active"
    age: int = -1
    touches: int = 0
    since_touch: float = NAN
    inside: bool = False


@dataclass
class Pool:
    level: float
    touches: int


def candles_of(rows: Rows) -> list[Candle]:
    atr = rows["atr"]
    fields = zip(rows["open"], rows["high"], rows["low"], rows["close"], atr, rows["index"], strict=True)
    return [Candle(*(float(value) for value in values)) for values in fields]


def table(bars: Sequence[Mapping[str, Any]]) -> Columns:
    columns: Columns = defaultdict(list)
    for bar in bars:
        for name, value in bar.items():
            columns[name].append(float(value))
    return dict(columns)


def body_and_wicks(bar: Candle) -> tuple[float, float]:
    if not bar.has_atr:
        return NAN, NAN
    body = abs(bar.close - bar.open)
    wicks = bar.high - max(bar.open, bar.close) + min(bar.open, bar.close) - bar.low
    return body / bar.atr, wicks / body if body > 0 else NAN


def displacement(rows: Rows, *, body_atr_min: float = 1.5, wick_ratio_max: float = 0.4) -> Columns:
    bars, found = [], []
    for bar in candles_of(rows):
        body, wick = body_and_wicks(bar)
        direction = 0
        if body >= body_atr_min and wick <= wick_ratio_max:
            direction = 1 if bar.close > bar.open else -1
            found.append((bar.index, direction))
        last_index, last_direction = found[-1] if found else (NAN, 0)
        bars.append(
            {
                "is_displacement": direction != 0,
                "direction": direction,
                "body_atr_ratio": body,
                "wick_ratio": wick,
                "last_idx": last_index,
                "last_direction": last_direction,
                "version": len(found),
            }
        )
    return table(bars)


def seen_boxes(boxes: Sequence[Box], new: Box | None, close: float) -> dict[str, Any]:
    row: dict[str, Any] = {
        "new_this_bar": new is not None,
        "new_direction": new.direction if new else 0,
        "new_upper": new.upper if new else NAN,
        "new_lower": new.lower if new else NAN,
    }
    for side, direction in (("bull", 1), ("bear", -1)):
        alive = [box for box in boxes if box.alive and box.direction == direction]
        nearest = min(alive, key=lambda box: abs(close - box.middle), default=None)  # of equals the first, which is the newest
        row[f"nearest_{side}_upper"] = nearest.upper if nearest else NAN
        row[f"nearest_{side}_lower"] = nearest.lower if nearest else NAN
        row[f"nearest_{side}_fill_pct"] = nearest.fill if nearest else NAN
        row[f"active_{side}_count"] = len(alive)
    return row


def fair_value_gap(rows: Rows, *, min_gap_atr: float = 0.0, max_active: int = 5) -> Columns:
    candles, gaps, bars, version = candles_of(rows), list[Box](), [], 0
    for t, bar in enumerate(candles):
        new = None
        if t >= 2:
            first = candles[t - 2]
            if bar.low > first.high:
                new = Box(1, bar.low, first.high)
            elif bar.high < first.low:
                new = Box(-1, first.low, bar.high)
        if new and min_gap_atr > 0 and not (bar.has_atr and new.upper - new.lower >= min_gap_atr * bar.atr):
            new = None
        if new:
            gaps.insert(0, new)
            version += 1
        mitigated = False
        for gap in [gap for gap in gaps if gap.alive]:
            size = gap.upper - gap.lower
            if gap.direction == 1 and bar.low <= gap.upper:
                gap.fill = max(gap.fill, min(1.0, (gap.upper - bar.low) / size))
            if gap.direction == -1 and bar.high >= gap.lower:
                gap.fill = max(gap.fill, min(1.0, (bar.high - gap.lower) / size))
            if gap.fill >= 0.5:
                mitigated, gap.alive = True, False
            if (gap.direction == 1 and bar.close < gap.lower) or (gap.direction == -1 and bar.close > gap.upper):
                gap.alive = False
        gaps = gaps[:max_active]
        bars.append(seen_boxes(gaps, new, bar.close) | {"any_mitigated_this_bar": mitigated, "version": version})
    return table(bars)


def meet(boxes: Sequence[Box], bar: Candle) -> tuple[bool, Box | None]:
    """Whether a box was mitigated, and the last one invalidated."""
    mitigated, failed = False, None
    for box in [box for box in boxes if box.alive]:
        if (box.direction == 1 and bar.close < box.lower) or (box.direction == -1 and bar.close > box.upper):
            box.alive, failed = False, box
        elif (box.direction == 1 and bar.low <= box.upper) or (box.direction == -1 and bar.high >= box.lower):
            box.alive, mitigated = False, True
    return mitigated, failed


def order_block(
    rows: Rows,
    trigger: Columns | None = None,
    *,
    use_body: bool = True,
    require_displacement: bool = True,
    body_atr_min: float = 1.5,
    wick_ratio_max: float = 0.4,
    max_active: int = 5,
    lookback: int = 3,
) -> Columns:
    candles, blocks, bars, version = candles_of(rows), list[Box](), [], 0
    own = displacement(rows, body_atr_min=body_atr_min, wick_ratio_max=wick_ratio_max)
    for t, bar in enumerate(candles):
        direction = int((trigger or own)["direction"][t])
        if not require_displacement:
            large = own["body_atr_ratio"][t] >= body_atr_min
            direction = (1 if bar.close > bar.open else -1) if large else 0
        new = None
        for earlier in reversed(candles[max(t - lookback - 2, 0) : t]) if direction else ():
            if (earlier.close - earlier.open) * direction < 0:
                edges = (earlier.open, earlier.close) if use_body else (earlier.high, earlier.low)
                new = Box(direction, max(edges), min(edges))
                break
        if new and new.upper == new.lower:
            new = None
        mitigated, failed = meet(blocks, bar)
        if new:
            blocks.insert(0, new)
            version += 1
        blocks = blocks[:max_active]
        bars.append(
            seen_boxes(blocks, new, bar.close)
            | {
                "any_mitigated_this_bar": mitigated,
                "any_invalidated_this_bar": failed is not None,
                "last_invalidated_direction": failed.direction if failed else 0,
                "last_invalidated_upper": failed.upper if failed else NAN,
                "last_invalidated_lower": failed.lower if failed else NAN,
                "version": version,
            }
        )
    return table(bars)


def breaker_block(rows: Rows, blocks: Rows, structure: Rows, *, max_active: int = 5) -> Columns:
    breakers, bars, version = list[Box](), [], 0
    for t, bar in enumerate(candles_of(rows)):
        mitigated, _ = meet(breakers, bar)
        new = None
        if blocks["any_invalidated_this_bar"][t] and structure["choch_this_bar"][t]:
            failed = int(blocks["last_invalidated_direction"][t])
            new = Box(-failed, blocks["last_invalidated_upper"][t], blocks["last_invalidated_lower"][t])
            breakers.insert(0, new)
            version += 1
        breakers = breakers[:max_active]
        bars.append(seen_boxes(breakers, new, bar.close) | {"any_mitigated_this_bar": mitigated, "version": version})
    return table(bars)


def premium_discount(rows: Rows, swing: Rows) -> Columns:
    bars, words = [], ["none"]
    for t, close in enumerate(rows["close"]):
        high, low = swing["pair_high_level"][t], swing["pair_low_level"][t]
        middle = premium = discount = depth = NAN
        word = "none"
        if not math.isnan(high) and high <= low:
            middle = premium = discount = low
            word, depth = "equilibrium", 0.5
        elif not math.isnan(high):
            middle, premium, discount = (low + part * (high - low) for part in (0.5, 0.75, 0.25))
            word = "premium" if close >= premium else "discount" if close <= discount else "equilibrium"
            depth = min(max((close - low) / (high - low), 0.0), 1.0)
        words.append(word)
        bars.append(
            {
                "equilibrium": middle,
                "premium_level": premium,
                "discount_level": discount,
                "zone": ["none", "premium", "discount", "equilibrium"].index(word),
                "depth_pct": depth,
                "version": sum(before != after for before, after in pairwise(words)),
            }
        )
    return table(bars)


def derived_zone(
    rows: Rows,
    swing: Rows,
    *,
    levels: Sequence[float],
    max_active: int,
    mode: str = "retracement",
    width_pct: float = 0.002,
    use_paired_source: bool = True,
    break_tolerance_pct: float = 0.001,
) -> Columns:
    zones, bars, seen = list[Zone](), [], 0
    prefix = "pair_" if use_paired_source else ""
    for t, bar in enumerate(candles_of(rows)):
        version, high, low, high_index, low_index = (
            swing[prefix + name][t] for name in ("version", "high_level", "low_level", "high_idx", "low_idx")
        )
        if version != seen and high > low:
            for ratio in levels:
                centre = high - ratio * (high - low) if mode == "retracement" else high + ratio * (high - low)
                words = ("derived_zone", int(version), int(high_index), int(low_index), round(ratio * 10**6), mode)
                digest = blake2b("|".join(map(str, words)).encode(), digest_size=4).digest()
                edges = centre * (1 - width_pct / 2), centre * (1 + width_pct / 2)
                zones.insert(0, Zone(*edges, identity=int.from_bytes(digest, "big"), index=bar.index))
        seen, zones = int(version), zones[:max_active]
        for zone in zones:
            zone.age += 1
            active = zone.state == "active"
            zone.inside = active and zone.lower <= bar.close <= zone.upper
            if zone.inside:
                zone.touches, zone.since_touch = zone.touches + 1, 0
            elif active:
                zone.since_touch += 1
            too_low = bar.close < zone.lower * (1 - break_tolerance_pct)
            too_high = bar.close > zone.upper * (1 + break_tolerance_pct)
            if active and zone.age > 0 and (too_low or too_high):
                zone.state = "broken"
        bars.append(seen_zones(zones, max_active) | {"source_version": version})
    return table(bars)


def seen_zones(zones: Sequence[Zone], max_active: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for n in range(max_active):
        zone = zones[n] if n < len(zones) else None
        slot = {
            "lower": zone.lower if zone else NAN,
            "upper": zone.upper if zone else NAN,
            "state": ["none", "active", "broken"].index(zone.state) if zone else 0,
            "anchor_idx": zone.index if zone else NAN,
            "age_bars": zone.age if zone else NAN,
            "touch_count": zone.touches if zone else 0,
            "last_touch_age": zone.since_touch if zone else NAN,
            "instance_id": zone.identity if zone else NAN,
            "touched_this_bar": zone.inside if zone else False,
            "inside": zone.inside if zone else False,
        }
        row |= {f"zone[{n}].{name}": value for name, value in slot.items()}
    active = [(n, zone) for n, zone in enumerate(zones) if zone.state == "active"]
    first, zone = active[0] if active else (NAN, None)
    return row | {
        "active_count": len(active),
        "any_active": bool(active),
        "any_touched": any(zone.inside for _, zone in active),
        "any_inside": any(zone.inside for _, zone in active),
        "first_active_lower": zone.lower if zone else NAN,
        "first_active_upper": zone.upper if zone else NAN,
        "first_active_idx": first,
        "newest_active_idx": first,
    }


def liquidity_zones(
    rows: Rows,
    swing: Rows,
    *,
    tolerance_atr: float = 0.3,
    sweep_atr: float = 0.1,
    min_touches: int = 2,
    max_active: int = 5,
    max_swing_history: int = 20,
) -> Columns:
    bars, version = [], 0
    pivots: dict[str, list[float]] = {"high": [], "low": []}
    pools: dict[str, list[Pool]] = {"high": [], "low": []}
    joined = {"high": 0.0, "low": 0.0}
    beyond: dict[str, Callable[[Candle, float], bool]] = {
        "high": lambda bar, level: bar.high > level + sweep_atr * bar.atr,
        "low": lambda bar, level: bar.low < level - sweep_atr * bar.atr,
    }
    for t, bar in enumerate(candles_of(rows)):
        made, swept = False, list[tuple[int, float]]()
        for side in ("high", "low") if bar.has_atr else ():
            if swing[f"{side}_version"][t] == joined[side]:
                continue
            joined[side] = swing[f"{side}_version"][t]
            pivot = swing[f"{side}_level"][t]
            pivots[side] = [*pivots[side], pivot][-max_swing_history:]
            cluster = [one for one in pivots[side] if abs(one - pivot) <= tolerance_atr * bar.atr]
            if len(cluster) < min_touches:
                continue
            level = sum(cluster) / len(cluster)
            same = [pool for pool in pools[side] if abs(pool.level - level) <= tolerance_atr * bar.atr]
            if same:
                same[0].level, same[0].touches = level, len(cluster)
            else:
                pools[side] = [*pools[side], Pool(level, len(cluster))][-max_active:]
                made, version = True, version + 1
        for side, sign in (("high", 1), ("low", -1)) if bar.has_atr else ():
            taken = [pool for pool in pools[side] if beyond[side](bar, pool.level)]
            pools[side] = [pool for pool in pools[side] if not beyond[side](bar, pool.level)]
            swept += [(sign, pool.level) for pool in taken]
        version += len(swept)
        nearest = {side: min(some, key=lambda pool: abs(bar.close - pool.level), default=None) for side, some in pools.items()}
        high, low = nearest["high"], nearest["low"]
        bars.append(
            {
                "new_zone_this_bar": made,
                "sweep_this_bar": bool(swept),
                "sweep_direction": swept[-1][0] if swept else 0,
                "swept_level": swept[-1][1] if swept else NAN,
                "nearest_high_level": high.level if high else NAN,
                "nearest_low_level": low.level if low else NAN,
                "nearest_high_touches": high.touches if high else 0,
                "nearest_low_touches": low.touches if low else 0,
                "version": version,
            }
        )
    return table(bars)
