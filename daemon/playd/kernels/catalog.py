"""Every indicator and operator by name. Compiling, checking, explaining and testing go by these tables."""

from typing import Final

from playd.kernels.indicators import adx, atr, bbands, donchian, ema, macd, rsi, sma, supertrend, vwap
from playd.kernels.operators import arithmetic, between, compare, cross, logic, membership, near, windows
from playd.kernels.operators.spec import OperatorSpec
from playd.kernels.spec import IndicatorSpec

CATALOG: Final[dict[str, IndicatorSpec]] = {
    module.SPEC.name: module.SPEC for module in (adx, atr, bbands, donchian, ema, macd, rsi, sma, supertrend, vwap)
}
"""Indicators by the name that Plays use."""

OPERATORS: Final[dict[str, OperatorSpec]] = {
    spec.name: spec
    for spec in (
        *compare.SPECS,
        between.SPEC,
        *near.SPECS,
        membership.SPEC,
        *cross.SPECS,
        *logic.SPECS,
        *arithmetic.SPECS,
        *windows.SPECS,
    )
}
"""Operators by the word or sign that Plays use."""
