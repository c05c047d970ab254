"""
A Program: what a Play computes, as a graph of kernels over columns of several clocks. Values only; `columns.Columns` runs it.

A column is a number: its place in `Program.columns`. Candle fields are columns without a node; every other column is one output
of one node. Equal computations are one node, whatever names they have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from playd.core.timeframes import NAME_OF_MS, bar_open_ms
from playd.kernels.compiled import Kernel, Load, Row
from playd.kernels.spec import ColumnType

PRICE_FIELDS: Final = ("open", "high", "low", "close", "volume")
REFERENCE_FIELDS: Final = tuple(f"reference.{name}" for name in PRICE_FIELDS)
"""Candle fields of the reference symbol, missing where it has no bar."""

MARKET_FIELDS: Final = ("mark", "funding_rate", "open_interest")
"""
What a venue says beside the candles of the base clock, at their close: the mark price, which is the last price where it is not
known; the rate of the next funding stamp and the open interest, missing where they are not known.
"""

DERIVED_FIELDS: Final = ("time", "close_time", "index")
"""Fields made from the open time: itself and the close time in epoch ms, and the bar index (open time / length), as float64."""

SIGNALS: Final = (
    *("exit_all", "exit_long", "exit_short", "entry_long", "entry_short"),
    *("stop_atr", "stop_level_long", "stop_level_short", "target_atr", "trailing_atr"),
    *("exit_long_pct", "exit_short_pct"),
    "funding_rate",
    "short_first",
)
"""
What decisions read whenever they are due: truths of the actions, the levels that risk refers to, and which share of a long or a
short its first true exit closes, where exits of that side close different ones; the funding rate that `funding_guard` looks at;
whether the first true entry is a short, where one stands before a long.
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """A timeframe of the Program."""

    step_ms: int

    @property
    def name(self) -> str:
        """The timeframe's name, or the length in ms for a base step that is no timeframe."""
        return NAME_OF_MS.get(self.step_ms, f"{self.step_ms}ms")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of a column stand for. `words`: of an ENUM, by their number; none if its text is free."""

    type: ColumnType
    words: tuple[str, ...] = ()


NUMBERS: Final = Meaning(ColumnType.FLOAT)


@dataclass(frozen=True, slots=True)
class FreeText:
    """How the text behind a number is made: `write` takes the values of `columns` at the number's bar."""

    columns: tuple[int, ...]
    write: Callable[[Sequence[float]], str]


@dataclass(frozen=True, slots=True)
class Column:
    """
    One series.

    Attributes:
        clock: Place in `Program.clocks`.
        name: Shortest name, for people; `Program.names` knows all.
        node: Place in `Program.nodes`, -1 for a candle field, whose name is then `field`.
        ready_ms: History from the first loaded bar until the first value can be there. For rules this is the last operand's.
        warmup_ms: History that should be loaded, so that seeds have faded.
        meaning: What its numbers stand for.
    """

    clock: int
    name: str
    node: int
    ready_ms: int
    warmup_ms: int
    field: str = ""
    meaning: Meaning = NUMBERS


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """
    One kernel at work.

    Attributes:
        kind: What it computes: indicator, operator or transform, by catalog name.
        load: Gives the kernel.
        inputs: Columns, all on `clock`, except for `asof`, whose first two are the source's.
        lookback: How many bars before the present one the kernel may read in its inputs.
        outputs: Its columns, in the order of the kernel's output rows.
    """

    clock: int
    kind: str
    load: Load
    inputs: tuple[int, ...]
    params: Row
    state_size: int
    lookback: int
    outputs: tuple[int, ...]

    @property
    def kernel(self) -> Kernel:
        """The machine code, which whoever asks for it waits for."""
        return self.load()


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """
    Attributes:
        clocks: Base clock first, the others in no particular order.
        exec_clock: Place of the execution clock.
        decision_clock: Place of the clock whose closes decisions are due at: the execution clock's, or the minute's if an
            action names the price of a minute.
        columns, nodes: Nodes are in execution order: a node's inputs come before it.
        names: Name to column: `close`, `id`, `id.field`, rule paths like `actions.entry_long.all[1]`, their operands `….lhs`,
            references in metadata (`actions.entry_long.metadata.<key>`).
        texts: Names of columns in metadata whose text is free, each with the way to it.
        signals: Word of `SIGNALS` to its column on the decision clock; absent when the Play does not have it.
        warmup_ms: How far before a window the history must start.
        anchor_step_ms: The first candle to load opens at a multiple of this.
    """

    clocks: tuple[Clock, ...]
    exec_clock: int
    decision_clock: int
    columns: tuple[Column, ...]
    nodes: tuple[Node, ...]
    names: Mapping[str, int]
    texts: Mapping[str, FreeText]
    signals: Mapping[str, int]
    warmup_ms: int
    anchor_step_ms: int

    @property
    def base_step_ms(self) -> int:
        """Length of the candles that come in."""
        return self.clocks[0].step_ms

    @property
    def reads_reference(self) -> bool:
        """Whether the candles that come in need those of the reference symbol beside them."""
        return any(column.field in REFERENCE_FIELDS for column in self.columns)

    @property
    def reads_market(self) -> tuple[str, ...]:
        """Which of `MARKET_FIELDS` it reads."""
        return tuple(name for name in MARKET_FIELDS if any(column.field == name for column in self.columns))

    @property
    def exec_step_ms(self) -> int:
        """Length of the execution clock's bars."""
        return self.clocks[self.exec_clock].step_ms

    @property
    def decision_step_ms(self) -> int:
        """Length of the decision clock's bars."""
        return self.clocks[self.decision_clock].step_ms

    def anchor_ms(self, start_ms: int) -> int:
        """Open time of the first candle to load for decisions from `start_ms` on: a bar of each clock they need opens there."""
        return bar_open_ms(start_ms - self.warmup_ms, self.anchor_step_ms)

    def readiness(self) -> dict[str, int]:
        """Name to the index of the first bar, on the column's own clock, that can have a value."""
        first: dict[str, int] = {}
        for name, column_id in self.names.items():
            column = self.columns[column_id]
            first[name] = max(0, -(-column.ready_ms // self.clocks[column.clock].step_ms) - 1)
        return first
