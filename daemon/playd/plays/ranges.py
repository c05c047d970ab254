"""Which numbers a column, a literal or arithmetic can have: intervals, for finding conditions that cannot be true."""

import math
from dataclasses import dataclass
from typing import Final

from playd.kernels.spec import ColumnType
from playd.plays.conditions import Arith, Number, Operand, Ref
from playd.plays.names import MINUTE_PRICES, REFERENCE_ID, Names
from playd.plays.tables import PRICES

_INF: Final = math.inf


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from `low` to `high`, each end included unless it is open."""

    low: float = -_INF
    high: float = _INF
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        """Whether no number lies in it."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def below(self, other: "Interval") -> bool:
        """Whether every number is less than every number of `other`."""
        return self.high < other.low or (self.high == other.low and (self.high_open or other.low_open))

    def not_above(self, other: "Interval") -> bool:
        """Whether every number is at most every number of `other`."""
        return self.high <= other.low

    def meet(self, other: "Interval") -> "Interval":
        """Numbers in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Interval(low, high, low_open, not closed)

    def __str__(self) -> str:
        """`0…100`, `above 0`, `at most 5`, `7`, or `any number`."""
        if self.low == self.high:
            return f"{self.low:g}"
        if math.isinf(self.low) and math.isinf(self.high):
            return "any number"
        if math.isinf(self.high):
            return f"{'above' if self.low_open else 'at least'} {self.low:g}"
        if math.isinf(self.low):
            return f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return f"{self.low:g}…{self.high:g}"


ANYTHING: Final = Interval()
_PERCENT: Final = Interval(0, 100)
_BOTH_WAYS: Final = Interval(-100, 100)
_SIGN: Final = Interval(-1, 1)
_FLAG: Final = Interval(0, 1)
_POSITIVE: Final = Interval(0, low_open=True)
_NOT_NEGATIVE: Final = Interval(0)
_THIS_CENTURY: Final = Interval(0, 4_102_444_800)
"""Epoch seconds: who compares them with milliseconds waits for the year 50000."""

INDICATOR_RANGES: Final[dict[tuple[str, str], Interval]] = {
    **{(name, "value"): _PERCENT for name in ("rsi", "mfi", "uo")},
    **{(name, field): _PERCENT for name in ("stoch", "stochrsi") for field in ("k", "d")},
    **{("adx", field): _PERCENT for field in ("adx", "dmp", "dmn", "adxr")},
    **{("aroon", field): _PERCENT for field in ("up", "down")},
    ("aroon", "osc"): _BOTH_WAYS,
    ("cmo", "value"): _BOTH_WAYS,
    **{("tsi", field): _BOTH_WAYS for field in ("tsi", "signal")},
    ("willr", "value"): Interval(-100, 0),
    ("cmf", "value"): _SIGN,
    **{(name, "value"): _NOT_NEGATIVE for name in ("atr", "natr")},
    ("ratio", "value"): _POSITIVE,
    ("supertrend", "direction"): _SIGN,
    **{("psar", field): interval for field, interval in (("direction", _SIGN), ("reversal", _FLAG), ("af", _FLAG))},
    **{("squeeze", field): _FLAG for field in ("on", "off", "no_sqz")},
    **{("vortex", field): _NOT_NEGATIVE for field in ("vip", "vim")},
    **{
        (name, field): _FLAG
        for name in ("volume_profile", "anchored_volume_profile")
        for field in ("above_poc", "in_value_area")
    },
    **{("dm", field): _NOT_NEGATIVE for field in ("dmp", "dmn")},
}
"""What the outputs of indicators can be, whatever their input; those that are not here can be anything."""

DETECTOR_RANGES: Final[dict[str, Interval]] = {
    **dict.fromkeys(("direction", "bias", "new_direction", "last_direction", "sweep_direction"), _SIGN),
    **dict.fromkeys(("last_invalidated_direction", "anchor_trend_direction"), _SIGN),
    "strength": Interval(0, 2),
    **dict.fromkeys(("depth_pct", "nearest_bull_fill_pct", "nearest_bear_fill_pct"), _FLAG),
    **dict.fromkeys(("version", "active_count", "active_bull_count", "active_bear_count", "wave_count"), _NOT_NEGATIVE),
    "bars_in_trend": _NOT_NEGATIVE,
}
"""What the numbers of structures can be, by field: a name means the same in all of them."""


def range_of(operand: Operand, names: Names) -> Interval:
    """Every number that the operand can have."""
    if isinstance(operand, Number):
        return Interval(operand.value, operand.value)
    if isinstance(operand, Arith):
        return _arithmetic(operand.op, range_of(operand.left, names), range_of(operand.right, names))
    return _column_range(operand, names)


def _column_range(ref: Ref, names: Names) -> Interval:
    if not ref.field or ref.id == REFERENCE_ID:
        name = ref.field or ref.id
        if name == "volume":
            return _NOT_NEGATIVE
        if name == "timestamp":
            return _THIS_CENTURY
        return _POSITIVE if name in (*PRICES, *MINUTE_PRICES) else ANYTHING
    column = names.column(ref)
    if column.type is ColumnType.BOOL:
        return _FLAG
    if column.type is ColumnType.ENUM:
        return Interval(0, len(column.words) - 1) if column.words else _NOT_NEGATIVE
    if ref.id in names.structures:
        return DETECTOR_RANGES.get(ref.field, ANYTHING)
    return INDICATOR_RANGES.get((column.indicator, ref.field), ANYTHING)


def _arithmetic(op: str, left: Interval, right: Interval) -> Interval:
    """Interval arithmetic; ends stay open where one of both is."""
    if op == "+":
        opens = (left.low_open or right.low_open, left.high_open or right.high_open)
        return Interval(left.low + right.low, left.high + right.high, *opens)
    if op == "-":
        return _arithmetic("+", left, Interval(-right.high, -right.low, right.high_open, right.low_open))
    if op == "*":
        corners = [_product(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
        return Interval(min(corners), max(corners))
    if op == "/" and left.low == left.high and right.low == right.high and right.low:
        return Interval(left.low / right.low, left.low / right.low)
    if op == "/" and (right.low > 0 or right.high < 0):
        corners = [_quotient(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
        return Interval(min(corners), max(corners))
    if op == "/" and left.low >= 0 and right.low >= 0:
        return _NOT_NEGATIVE
    if op == "%" and right.low == right.high and right.low > 0:
        return Interval(0, right.low, high_open=True)
    return ANYTHING


def _product(a: float, b: float) -> float:
    return 0.0 if 0 in (a, b) else a * b


def _quotient(a: float, b: float) -> float:
    return 0.0 if math.isinf(b) else a / b
