"""
What is known about a structure detector before it runs.

A detector is a kernel of the convention in `kernels.compiled`, and three things more. It may read the outputs of other
structures on its clock. Its outputs may depend on its parameters (`level[0.618]`). And it carries values on: what is found
stays in its column until something newer is found, so that most outputs are never missing.

Words are stored as their place in `words`. The first word is the one that holds before anything happened, so that it is 0.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from playd.kernels.compiled import Kernel, Row, compile_kernel
from playd.kernels.spec import ColumnType, ParamSpec, Value

Settings: TypeAlias = Mapping[str, Value]
"""Every parameter of a structure with its value."""

Warmups: TypeAlias = Mapping[str, int]
"""Kinds of the structures that one uses, each with the bars that its own definition asks for."""

BIASES: Final = ("none", "bullish", "bearish")
NONE, BULLISH, BEARISH = 0.0, 1.0, 2.0
"""Places in `BIASES`."""

_OF_ONE_BAR: Final = ("_this_bar", "_accepted", "_replaced_pending", "is_displacement")

ATR: Final = "atr"
"""Name of the input that `atr_key` chooses."""

ATR_KEY: Final = ParamSpec("atr_key", "feature")
"""The parameter of every detector that reads `atr`."""


@dataclass(frozen=True, slots=True)
class Text:
    """
    How the text of a word output that is no fixed word is made, for people: its column holds a number that names the text.

    Attributes:
        reads: Outputs of the same structure, or `kind.output` of one it uses, at the same bar.
        write: The text from their values; called only when the column's number is not 0, which stands for `none`.
    """

    reads: tuple[str, ...]
    write: Callable[[Sequence[float]], str]


@dataclass(frozen=True, slots=True)
class Output:
    """
    One output column of a structure with its parameters settled.

    Attributes:
        first: Bars from the first bar of the clock to the earliest one that can have a value.
        steady: True if no bar from `first` on is missing; False for what only an event sets, or takes away.
        words: What the numbers of an ENUM stand for. Empty if `text` makes it.
        event: True for a flag that says what happened on this bar.
    """

    name: str
    type: ColumnType = ColumnType.FLOAT
    first: int = 0
    steady: bool = True
    words: tuple[str, ...] = ()
    text: Text | None = None
    event: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """
    A structure that a detector reads. From the parameters: `needed`, whether one must be named; `idle`, whether naming one has
    no effect.
    """

    kind: str
    needed: Callable[[Settings], bool] = lambda params: True
    idle: Callable[[Settings], bool] = lambda params: False


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with the parameters as a whole: a code of play-language 14, the parameter to point at, the text."""

    code: str
    param: str
    text: str


def _as_written(params: Settings) -> Settings:
    return params


def _no_complaint(written: Settings) -> tuple[Complaint, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class StructureSpec:
    """
    One detector of the catalog.

    Attributes:
        inputs: Rows in the order of the kernel: candle fields, `index`, `src` (the field that the parameter `source` names),
            `atr`, and outputs of used structures as `kind.output`. Those of a structure that is not used are any row.
        uses: Structures that it may read, in the order of their inputs.
        outputs: Parameters to output columns, in the order of the kernel's rows.
        fade: Bars to load beyond the warm-up of its inputs, from the parameters and the warm-ups of what it uses.
        state_size, lookback: As for indicators.
        pack: Parameters, and the kinds that are used, to the kernel's `params` array.
        settle: Fills in defaults that depend on other parameters.
        check: Complaints about parameters that contradict each other; it sees those written in the file alone.
    """

    name: str
    params: tuple[ParamSpec, ...]
    inputs: tuple[str, ...]
    outputs: Callable[[Settings], tuple[Output, ...]]
    fade: Callable[[Settings, Warmups], int]
    state_size: Callable[[Settings], int]
    pack: Callable[[Settings, Collection[str]], Row]
    recurrence: Kernel
    uses: tuple[Use, ...] = ()
    lookback: Callable[[Settings], int] = lambda params: 0
    settle: Callable[[Settings], Settings] = _as_written
    check: Callable[[Settings], tuple[Complaint, ...]] = _no_complaint

    @property
    def kernel(self) -> Kernel:
        """The compiled recurrence."""
        return compile_kernel(self.recurrence, len(self.inputs))

    def settled(self, written: Settings) -> Settings:
        """Every parameter: as written, or its default."""
        return self.settle({**{param.name: param.default for param in self.params}, **written})


def float_out(name: str, first: int = 0, *, steady: bool = False) -> Output:
    """A number. Levels are missing until something sets them, unless `steady`."""
    return Output(name, ColumnType.FLOAT, first, steady)


def index_out(name: str, first: int = 0) -> Output:
    """A bar index (open time / bar length), missing until something sets it."""
    return Output(name, ColumnType.INT, first, steady=False)


def count_out(name: str) -> Output:
    """An integer that is never missing: a count, a version, a direction."""
    return Output(name, ColumnType.INT)


def flag_out(name: str) -> Output:
    """True or false, never missing. The name tells what is true of one bar alone."""
    return Output(name, ColumnType.BOOL, event=name.endswith(_OF_ONE_BAR))


def word_out(name: str, words: tuple[str, ...] = BIASES) -> Output:
    """A word, never missing; the first of `words` before anything happened."""
    return Output(name, ColumnType.ENUM, words=words)


def number(params: Settings, name: str) -> float:
    """A parameter that is a number; a flag gives 0.0 or 1.0."""
    return float(cast(float, params[name]))


def numbers(params: Settings, name: str) -> tuple[float, ...]:
    """A parameter that is a list of numbers."""
    return cast(tuple[float, ...], params[name])


def level_name(ratio: float) -> str:
    """The field of a level: `level[0.618]`, `level[1]`, the number in its shortest form."""
    return f"level[{int(ratio) if ratio == int(ratio) else ratio!r}]"


def slot_name(slot: int, field: str) -> str:
    """The field of a slot: `zone[0].upper`."""
    return f"zone[{slot}].{field}"
