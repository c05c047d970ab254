"""
cmo: Chande momentum oscillator, −100…100.

g and l are Wilder means of the rises and the falls of x (`kernels.moves`). cmo = 100(g−l)/(g+l), 0 if nothing moved. A missing
value restarts the seeds. Equal to TA-Lib's CMO.
"""

import numpy as np

from playd.kernels.compiled import Row
from playd.kernels.moves import balance
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length"), 1.0])


SPEC = IndicatorSpec(
    name="cmo",
    params=(length_param("length", 14, lo=2),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: integer(params, "length")),),
    primary="value",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: 4,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=balance,
)
