"""
spread: c − β·r with c = ln close, r = ln reference close, in log units; β a number, or `ols`: the slope of the least-squares
line of c on r over the last `length` bars, this one included (play-language 5.5). How the slope slides is in `kernels.pairs`.
"""

from collections.abc import Sequence
from math import log

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.pairs import BETA, OLS, SLOPE_STATE, beta_row, slope, slope_bars
from playd.kernels.sliding import RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, length_param


def spread(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: close, reference, index. Params: β, bars that it is found over (0: it is given). State: that of `slope`."""
    close, reference, index, value = inputs[0], inputs[1], inputs[2], outputs[0]
    beta, length = params[0], int(params[1])
    for t in range(lo, hi):
        if length > 0:
            beta = slope(close, reference, t, length, int(index[t]) % RESUM_BARS == 0, state)
        apart = log(close[t]) - beta * log(reference[t])
        value[t] = apart if apart - apart == 0.0 else MISSING


def _idle(params: Params) -> tuple[str, ...]:
    """A β that is given needs no bars."""
    return () if params["beta"] == OLS else ("length",)


SPEC = IndicatorSpec(
    name="spread",
    params=(BETA, length_param("length", 100, lo=2)),
    inputs=("close", "reference", "index"),
    outputs=(OutputSpec("value", slope_bars, gaps=True),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: SLOPE_STATE,
    lookback=lambda params: slope_bars(params) + 1,
    pack=beta_row,
    recurrence=spread,
    idle=_idle,
)
