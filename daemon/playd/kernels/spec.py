"""What is known about a kernel before it runs: parameters, inputs, outputs, first valid bars, sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Literal, TypeAlias, cast

from playd.kernels.compiled import Kernel, Row, compile_kernel

Scalar: TypeAlias = int | float | str
Params: TypeAlias = Mapping[str, Scalar]

Value: TypeAlias = Scalar | tuple[float, ...] | None
"""What a parameter may hold. None: an optional one that is not given. Indicators have scalars only."""

InputName: TypeAlias = Literal[
    "src",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "index",
    "time",
    "reference",
    "swing.high_accepted",
    "swing.low_accepted",
    "swing.pair_version",
    "swing.pair_direction",
]
"""
What a row is. `src`: the feature's source (default close). `index`: open time / bar length, an exact integer. `time`: open
time in epoch ms. `reference`: close of the reference symbol, missing where it has no bar. `swing.…`: output of the swing that
the parameter `anchor_structure` names.
"""


class ColumnType(StrEnum):
    """What the float64 values of a column stand for."""

    FLOAT = "FLOAT"
    INT = "INT"
    BOOL = "BOOL"
    ENUM = "ENUM"


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """
    One parameter of an indicator or of a structure detector.

    Attributes:
        kind: `int`, `float`, `bool`, `word` (one of `words`), `numbers` (a list of 1 to `most` distinct floats), `feature` or
            `structure` (the id of one, which no kernel ever sees).
        default: None if the parameter is required, or optional without a value.
        lo, hi: Allowed range, of each number of a list too; both ends included unless `above_lo`, which excludes `lo`.
        words: What a `word` may be; of a `float`, words that may stand in place of a number.
    """

    name: str
    kind: Literal["int", "float", "bool", "word", "numbers", "feature", "structure"]
    default: Value = None
    lo: float = -inf
    hi: float = inf
    above_lo: bool = False
    words: tuple[str, ...] = ()
    required: bool = False
    most: int = 0


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """
    One output column.

    Attributes:
        first: Index of the first valid bar, counted from the first valid bar of the inputs.
        gaps: True if the definition itself leaves bars missing at or after `first` (a zero divisor, the other side's line).
    """

    name: str
    first: Callable[[Params], int]
    type: ColumnType = ColumnType.FLOAT
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """
    One indicator of the catalog.

    Attributes:
        primary: Output meant by a bare id; None if a field must be named.
        fade: Bars after `first` until the seed has faded ("+w"), from the parameters and the bar length in ms.
        state_size: Length of the state array. Depends on the parameters only, never on the number of bars.
        lookback: How many bars before `lo` the kernel may read in its inputs.
        pack: Parameters (all of them, valid) to the kernel's `params` array.
        rising: Pairs of parameters of which the first must be less than the second.
        idle: Names of parameters that have no effect beside the others.
    """

    name: str
    params: tuple[ParamSpec, ...]
    inputs: tuple[InputName, ...]
    outputs: tuple[OutputSpec, ...]
    primary: str | None
    fade: Callable[[Params, int], int]
    state_size: Callable[[Params], int]
    lookback: Callable[[Params], int]
    pack: Callable[[Params], Row]
    recurrence: Kernel
    rising: tuple[tuple[str, str], ...] = field(default=())
    idle: Callable[[Params], tuple[str, ...]] = field(default=lambda params: ())

    @property
    def kernel(self) -> Kernel:
        """The compiled recurrence."""
        return compile_kernel(self.recurrence, len(self.inputs))

    def defaults(self) -> dict[str, Scalar]:
        """Every parameter that has a default."""
        return {param.name: cast(Scalar, param.default) for param in self.params if param.default is not None}

    def output_index(self, name: str) -> int:
        """The row of an output. Raises ValueError if there is none of that name."""
        return [output.name for output in self.outputs].index(name)

    def warmup(self, params: Params, step_ms: int, output: str | None = None) -> int:
        """Bars to load before the window so that `output` (default: the latest of all) is valid and its seed has faded."""
        firsts = [spec.first(params) for spec in self.outputs if output in (None, spec.name)]
        return max(firsts) + self.fade(params, step_ms)


def integer(params: Mapping[str, Value], name: str) -> int:
    """An integer parameter as int (an integral float counts as one)."""
    return int(cast(float, params[name]))


def length_param(name: str, default: int, lo: int = 1) -> ParamSpec:
    """A number of bars: `lo`…2000."""
    return ParamSpec(name, "int", default, lo, 2000)
