"""Every indicator and operator by name. Compiling, checking, explaining and testing go by these tables."""

from typing import Final

from playd.kernels.indicators import adx, atr, bbands, donchian, ema, macd, rsi, sma, supertrend, vwap
from playd.kernels.operators import compare
from playd.kernels.operators.spec import OperatorSpec
from playd.kernels.spec import IndicatorSpec

CATALOG: Final[dict[str, IndicatorSpec]] = {
    module.SPEC.name: module.SPEC for module in (adx, atr, bbands, donchian, ema, macd, rsi, sma, supertrend, vwap)
}
"""Indicators by the name that Plays use."""

OPERATORS: Final[dict[str, OperatorSpec]] = {spec.name: spec for spec in compare.SPECS}
"""Operators by the word or sign that Plays use."""
