"""Every indicator, structure and operator by name. Compiling, checking, explaining and testing go by these tables."""

from typing import Final

from playd.kernels.indicators import (
    adx,
    alma,
    anchored_volume_profile,
    anchored_vwap,
    aroon,
    atr,
    bbands,
    cci,
    cmf,
    cmo,
    dema,
    dm,
    donchian,
    ema,
    fisher,
    kama,
    kc,
    kvo,
    linreg,
    macd,
    mfi,
    midprice,
    mom,
    natr,
    obv,
    ohlc4,
    ppo,
    psar,
    roc,
    rsi,
    session_levels,
    sma,
    squeeze,
    stoch,
    stochrsi,
    supertrend,
    tema,
    trima,
    trix,
    tsi,
    uo,
    volume_profile,
    vortex,
    vwap,
    willr,
    wma,
    zlma,
)
from playd.kernels.operators import arithmetic, between, compare, cross, logic, membership, near, windows
from playd.kernels.operators.spec import OperatorSpec
from playd.kernels.spec import IndicatorSpec
from playd.kernels.structures import (
    breaker_block,
    derived_zone,
    displacement,
    fair_value_gap,
    fibonacci,
    liquidity_zones,
    market_structure,
    order_block,
    premium_discount,
    rolling_window,
    swing,
    trend,
    zone,
)
from playd.kernels.structures.spec import StructureSpec

_INDICATORS: Final = (
    adx,
    alma,
    anchored_volume_profile,
    anchored_vwap,
    aroon,
    atr,
    bbands,
    cci,
    cmf,
    cmo,
    dema,
    dm,
    donchian,
    ema,
    fisher,
    kama,
    kc,
    kvo,
    linreg,
    macd,
    mfi,
    midprice,
    mom,
    natr,
    obv,
    ohlc4,
    ppo,
    psar,
    roc,
    rsi,
    session_levels,
    sma,
    squeeze,
    stoch,
    stochrsi,
    supertrend,
    tema,
    trima,
    trix,
    tsi,
    uo,
    volume_profile,
    vortex,
    vwap,
    willr,
    wma,
    zlma,
)

CATALOG: Final[dict[str, IndicatorSpec]] = {module.SPEC.name: module.SPEC for module in _INDICATORS}
"""Indicators by the name that Plays use."""

_STRUCTURES: Final = (
    rolling_window,
    swing,
    trend,
    market_structure,
    fibonacci,
    zone,
    displacement,
    fair_value_gap,
    order_block,
    derived_zone,
    liquidity_zones,
    premium_discount,
    breaker_block,
)
"""A detector stands behind those that it uses."""

STRUCTURES: Final[dict[str, StructureSpec]] = {module.SPEC.name: module.SPEC for module in _STRUCTURES}
"""Detectors by the name that Plays use."""

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
