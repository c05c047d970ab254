"""Every synthetic market of the language by its name."""

from typing import Final

from playd.market.patterns.liquidity import LIQUIDITY
from playd.market.patterns.path import Shape
from playd.market.patterns.ranges import RANGES
from playd.market.patterns.trends import TRENDS
from playd.market.patterns.turns import TURNS
from playd.market.patterns.volatility import VOLATILITY
from playd.plays.words import PATTERNS

_BY_FAMILY: Final[dict[str, Shape]] = {**TRENDS, **RANGES, **TURNS, **VOLATILITY, **LIQUIDITY}

SHAPES: Final[dict[str, Shape]] = {name: _BY_FAMILY[name] for name in PATTERNS}
"""Name of a pattern to its shape, in the order of the language."""
