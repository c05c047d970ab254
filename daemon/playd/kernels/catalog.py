"""Every indicator and operator by name. Compiling, checking, explaining and testing go by these tables."""

from typing import Final

from playd.kernels.indicators import ema
from playd.kernels.operators import compare
from playd.kernels.operators.spec import OperatorSpec
from playd.kernels.spec import IndicatorSpec

CATALOG: Final[dict[str, IndicatorSpec]] = {spec.name: spec for spec in (ema.SPEC,)}
"""Indicators by the name that Plays use."""

OPERATORS: Final[dict[str, OperatorSpec]] = {spec.name: spec for spec in compare.SPECS}
"""Operators by the word or sign that Plays use."""
