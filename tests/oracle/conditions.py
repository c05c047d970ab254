"""Conditions of a Play over plain columns, in three-valued logic: True, False, None for unknown."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import indicators as ta

TIMEFRAME_MIN = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "12h": 720,
    "D": 1440,
}
Truth = bool | None


@dataclass
class Clock:
    """Closed bars of one timeframe."""

    step_ms: int
    closes_ms: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]


def roll_up(base: list[tuple[int, float, float, float, float, float]], base_ms: int, step_ms: int) -> Clock:
    """Bars of `step_ms` from base candles without gaps; an unfinished last bar is left out."""
    groups: dict[int, list[tuple[int, float, float, float, float, float]]] = {}
    for candle in base:
        groups.setdefault(candle[0] // step_ms * step_ms, []).append(candle)
    end = base[-1][0] + base_ms
    bars = [(start + step_ms, rows) for start, rows in groups.items() if start + step_ms <= end]
    return Clock(
        step_ms,
        [close for close, _ in bars],
        [rows[0][1] for _, rows in bars],
        [max(r[2] for r in rows) for _, rows in bars],
        [min(r[3] for r in rows) for _, rows in bars],
        [rows[-1][4] for _, rows in bars],
        [sum(r[5] for r in rows) for _, rows in bars],
    )


@dataclass
class Evaluator:
    """Columns of one Play and the truth of its conditions at each bar of the clock `tf`, at first the execution clock."""

    play: dict[str, Any]
    base: list[tuple[int, float, float, float, float, float]]
    base_ms: int
    clocks: dict[str, Clock] = field(default_factory=dict)
    columns: dict[str, tuple[str, list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frames = self.play["timeframes"]
        self.exec_tf = self.tf = frames[frames["exec"]]
        self._clock(self.exec_tf)
        for key in ("last_price", "mark_price"):
            self.columns[key] = ("1m", self._clock("1m").close)
        for key in ("open", "high", "low", "close", "volume"):
            self.columns[key] = (self.exec_tf, getattr(self.clocks[self.exec_tf], key))
        for name, spec in self.play.get("features", {}).items():
            self._feature(name, spec)

    def _clock(self, tf: str) -> Clock:
        if tf not in self.clocks:
            self.clocks[tf] = roll_up(self.base, self.base_ms, TIMEFRAME_MIN[tf] * 60_000)
        return self.clocks[tf]

    def _feature(self, name: str, spec: dict[str, Any]) -> None:
        tf = spec.get("tf", self.exec_tf)
        tf = self.exec_tf if tf == "exec" else self.play["timeframes"].get(tf, tf)
        clock, p = self._clock(tf), spec.get("params", {})
        source = spec.get("source", "close")
        x = getattr(clock, source) if source in ("open", "high", "low", "close", "volume") else self.columns[source][1]
        kind = spec["indicator"]
        out: dict[str, list[float]]
        if kind == "ema":
            out = {"value": ta.ema(x, p.get("length", 20))}
        elif kind == "sma":
            out = {"value": ta.sma(x, p.get("length", 20))}
        elif kind == "rsi":
            out = {"value": ta.rsi(x, p.get("length", 14))}
        elif kind == "atr":
            out = {"value": ta.atr(clock.high, clock.low, clock.close, p.get("length", 14))}
        elif kind == "bbands":
            out = ta.bbands(x, p.get("length", 20), p.get("std", 2.0))
        elif kind == "donchian":
            out = ta.donchian(clock.high, clock.low, p.get("lower_length", 20), p.get("upper_length", 20))
        elif kind == "macd":
            out = ta.macd(x, p.get("fast", 12), p.get("slow", 26), p.get("signal", 9))
        elif kind == "supertrend":
            out = ta.supertrend(clock.high, clock.low, clock.close, p.get("length", 10), p.get("multiplier", 3.0))
        else:
            raise ValueError(f"the oracle has no {kind}")
        primary = {"bbands": "middle", "donchian": "middle", "macd": "macd", "supertrend": "trend"}.get(kind, "value")
        for output, values in out.items():
            self.columns[f"{name}.{output}"] = (tf, values)
        self.columns[name] = (tf, out[primary])

    def index(self, tf: str, now_ms: int) -> int:
        """The bar of a clock that closes at this time, -1 if there is none. The clock is `tf` from now on."""
        self.tf = tf
        at = bisect_right(self.clocks[tf].closes_ms, now_ms) - 1
        return at if at >= 0 and self.clocks[tf].closes_ms[at] == now_ms else -1

    def clock_of(self, node: Any) -> str:
        """3.3: every minute if a condition, setups included, names the price of a minute."""
        return "1m" if self._names_minute(node) else self.exec_tf

    def _names_minute(self, node: Any) -> bool:
        if isinstance(node, list):
            return any(self._names_minute(child) for child in node)
        if isinstance(node, dict):
            inner = [self.play["setups"][node["setup"]]] if "setup" in node else []
            return any(self._names_minute(child) for child in [*node.values(), *inner])
        return node in ("last_price", "mark_price")

    def value(self, operand: Any, i: int) -> float:
        """Value of an operand at bar `i` of the clock `tf`; NaN when missing."""
        if isinstance(operand, int | float):
            return float(operand)
        if isinstance(operand, str):
            return self._column(operand, 0, i)
        if isinstance(operand, list):
            return self._arithmetic(operand[1], operand[0], operand[2], i)
        if "feature_id" in operand:
            name = operand["feature_id"] + ("." + operand["field"] if "field" in operand else "")
            return self._column(name, operand.get("offset", 0), i)
        (op, (left, right)) = next(iter(operand.items()))
        return self._arithmetic(op, left, right, i)

    def _arithmetic(self, op: str, left: Any, right: Any, i: int) -> float:
        a, b = self.value(left, i), self.value(right, i)
        if op in "/%" and b == 0:
            return math.nan
        return {"+": a + b, "-": a - b, "*": a * b}[op] if op in "+-*" else (a / b if op == "/" else a - b * math.floor(a / b))

    def _column(self, name: str, offset: int, i: int) -> float:
        tf, values = self.columns[name]
        clock = self.clocks[tf]
        now = self.clocks[self.tf].closes_ms[i]
        at = bisect_right(clock.closes_ms, now) - 1
        if at < 0 or clock.closes_ms[at] <= now - 2 * clock.step_ms or at - offset < 0:
            return math.nan
        return values[at - offset]

    def truth(self, node: Any, i: int) -> Truth:
        """Truth of an expression at bar `i` of the clock `tf`."""
        if isinstance(node, list):
            if len(node) in (3, 4) and isinstance(node[1], str) and node[1] in _OPERATORS:
                return self._compare(node[0], node[1], node[2], node[3] if len(node) == 4 else None, i)
            return _all([self.truth(child, i) for child in node])
        (key, body) = next(iter(node.items()))
        if "lhs" in node:
            return self._compare(node["lhs"], node["op"], node["rhs"], node.get("tolerance"), i)
        if key == "all":
            return _all([self.truth(child, i) for child in body])
        if key == "any":
            return _any([self.truth(child, i) for child in body])
        if key == "not":
            inner = self.truth(body, i)
            return None if inner is None else not inner
        if key == "setup":
            return self.truth(self.play["setups"][body], i)
        bars = body["bars"] if "bars" in body else -(-_minutes(body["duration"]) // TIMEFRAME_MIN[self.tf])
        key = key.removesuffix("_duration")
        past = [self.truth(body["expr"], j) if j >= 0 else None for j in self._looked_at(body.get("anchor_tf"), bars, i)]
        if key == "holds_for":
            return _all(past)
        if key == "occurred_within":
            return _any(past)
        if key == "count_true":
            yes, open_ = past.count(True), past.count(None)
            return True if yes >= body["min_true"] else (False if yes + open_ < body["min_true"] else None)
        raise ValueError(f"the oracle has no {key}")

    def _looked_at(self, anchor: str | None, bars: int, i: int) -> list[int]:
        """4.7: the last bars of the clock `tf`, or those at the last closes of an anchor; -1 for what lies before the first."""
        if anchor is None or anchor == self.tf:
            return list(range(i - bars + 1, i + 1))
        closes, anchors = self.clocks[self.tf].closes_ms, self._clock(self.play["timeframes"].get(anchor, anchor)).closes_ms
        last = bisect_right(anchors, closes[i]) - 1
        return [bisect_right(closes, anchors[k]) - 1 if k >= 0 else -1 for k in range(last - bars + 1, last + 1)]

    def _compare(self, left: Any, op: str, right: Any, tolerance: float | None, i: int) -> Truth:
        if op == "between":
            low, high = right if isinstance(right, list) else (right["low"], right["high"])
            a, lo, hi = self.value(left, i), self.value(low, i), self.value(high, i)
            return None if any(map(math.isnan, (a, lo, hi))) else lo <= a <= hi
        if op == "in":
            a = self.value(left, i)
            return None if math.isnan(a) else a in right
        a, b = self.value(left, i), self.value(right, i)
        if math.isnan(a) or math.isnan(b):
            return None
        if op in ("cross_above", "cross_below"):
            if i == 0:
                return None
            pa, pb = self.value(left, i - 1), self.value(right, i - 1)
            if math.isnan(pa) or math.isnan(pb):
                return None
            return (pa <= pb and a > b) if op == "cross_above" else (pa >= pb and a < b)
        if op == "near_abs":
            return abs(a - b) <= (tolerance or 0)
        if op == "near_pct":
            return None if b == 0 else abs(a - b) <= abs(b) * (tolerance or 0) / 100
        return {">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b, "==": a == b, "!=": a != b}[op]


_OPERATORS = {">", ">=", "<", "<=", "==", "!=", "between", "in", "cross_above", "cross_below", "near_abs", "near_pct"}


def _minutes(span: str) -> int:
    return int(span[:-1]) * {"m": 1, "h": 60, "d": 1440}[span[-1]]


def _all(values: list[Truth]) -> Truth:
    return False if False in values else (None if None in values else True)


def _any(values: list[Truth]) -> Truth:
    return True if True in values else (None if None in values else False)
