"""
The columns of a running Program: whole histories or one closed bar at a time, through the same kernels, with the same bits.

Nothing is ever changed in the past, and a value depends only on bars that closed at or before its own bar's close.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles
from playd.kernels.compiled import Row, Table
from playd.plays.candle_rows import AT_ONCE, BaseRows, CandleRows, SlowRows
from playd.plays.graph import derived_fields
from playd.plays.node_calls import BLOCK_BARS, BLOCK_ROOM, BlockCall, WholeCall, in_blocks
from playd.plays.program import Program

_MORE: Final = 2
"""Growth factor of the room, so that growing costs little per bar."""

_LEAST_ROOM: Final = 16


class _Stage:
    """Nodes of one clock that run one after the other, and how many bars they have done."""

    def __init__(self, clock: int, nodes: list[int]) -> None:
        self.clock = clock
        self.nodes = nodes
        self.done = 0
        self.calls: list[WholeCall | BlockCall] = []


class Columns:
    """
    Every column of one Program over one series of base candles.

    `capacity` is the number of base candles to make room for; more are taken, at the price of a copy. Arrays returned are
    views, read only by convention, and valid until the next call that extends.

    With `signals_only`, what is only on the way to the signals is forgotten block by block: most of the memory of a long
    history is never touched. The values are the same.
    """

    def __init__(self, program: Program, capacity: int, *, signals_only: bool = False) -> None:
        self.program = program
        base_derived = set(derived_fields(program.columns, 0))
        if len(program.clocks) > 1:
            base_derived.add("time")
        self._base = BaseRows(program.base_step_ms, base_derived, max(capacity, 1), reference=program.reads_reference)
        self._slow = [
            SlowRows(clock.step_ms, derived_fields(program.columns, i), self._base, reference=program.reads_reference)
            for i, clock in enumerate(program.clocks)
            if i > 0
        ]
        self._clocks: list[CandleRows] = [self._base, *self._slow]
        self._tables: list[Table] = [np.empty((0, 0))] * len(program.nodes)
        self._states = [np.zeros(node.state_size) for node in program.nodes]
        self._stages = _stages(program)
        self._in_blocks, self._forgotten = frozenset[int](), frozenset[int]()
        if signals_only:
            self._in_blocks, self._forgotten = in_blocks(program, [stage.nodes for stage in self._stages])
        self._decisions = self._clocks[program.decision_clock]
        self._rows: list[Row] = []
        self._rows_stale = True

    def extend_many(self, candles: Candles) -> None:
        """
        Take closed base candles, oldest first, later than all before.

        Raises `ValueError` for candles of another step or out of order, or without the reference symbol's when it is read.
        """
        if not len(candles):
            return
        if candles.step_ms != self.program.base_step_ms:
            raise ValueError(f"candles of {candles.step_ms} ms, expected {self.program.base_step_ms} ms")
        self._check_next(int(candles.open_time_ms[0]))
        if not bool((candles.open_time_ms[1:] > candles.open_time_ms[:-1]).all()):
            raise ValueError("candles are not in rising order of time")
        lo = self._base.count
        if self._base.take_all(candles):
            self._rows_stale = True
        else:
            self._make_room(self._base, lo + len(candles))
            self._base.append_many(candles)
        for slow in self._slow:
            self._make_room(slow, slow.count + slow.most_from(lo, self._base.count))
        self._extend(lo)

    def extend_one(self, candle: Candle) -> bool:
        """
        Take one closed base candle, later than all before.

        True when it closed a bar of the decision clock, so that a decision is due at its close. A bar that is only now found
        closed, because its last candle is missing, extends the columns and is not a decision.
        Raises `ValueError` for a candle that is not later than the last one.
        """
        self._check_next(candle.open_time_ms)
        lo = self._base.count
        before = self._decisions.count
        self._make_room(self._base, lo + 1)
        self._base.append_one(candle)
        for slow in self._slow:
            self._make_room(slow, slow.count + AT_ONCE)
        self._extend(lo)
        closed = self._decisions.count > before
        return closed and (candle.open_time_ms + self._base.step_ms) % self._decisions.step_ms == 0

    def _check_next(self, open_time_ms: int) -> None:
        count = self._base.count
        if count and open_time_ms <= self._base.open_time_ms[count - 1]:
            raise ValueError(f"candle at {open_time_ms} is not later than the last one at {self._base.open_time_ms[count - 1]}")

    def _extend(self, lo: int) -> None:
        if self._rows_stale:
            self._connect()
        for slow in self._slow:
            slow.extend(lo, self._base.count)
        for stage in self._stages:
            start, end = stage.done, self._clocks[stage.clock].count
            while start < end:
                stop = min(start + BLOCK_BARS, end)
                for call in stage.calls:
                    call.run(start, stop)
                start = stop
            stage.done = end

    def _make_room(self, rows: CandleRows, count: int) -> None:
        if count > rows.capacity:
            rows.grow(max(count, _MORE * rows.capacity, _LEAST_ROOM))
            self._rows_stale = True

    def _connect(self) -> None:
        """Give every node its table and its input rows, moving what is there into new room if it has grown."""
        for slow in self._slow:
            slow.see_base()
        nodes = self.program.nodes
        for stage in self._stages:
            self._make_tables(stage)
        self._rows = [
            self._tables[column.node][nodes[column.node].outputs.index(number)]
            if column.node >= 0
            else self._clocks[column.clock].rows[column.field]
            for number, column in enumerate(self.program.columns)
        ]
        for stage in self._stages:
            stage.calls = [self._call(i) for i in stage.nodes]
        self._rows_stale = False

    def _make_tables(self, stage: _Stage) -> None:
        """Room for the outputs of a stage, in one piece: memory that is new costs least when it is asked for at once."""
        nodes, capacity = self.program.nodes, self._clocks[stage.clock].capacity
        kept = [i for i in stage.nodes if i not in self._forgotten and self._tables[i].shape[1] != capacity]
        room = np.empty((sum(len(nodes[i].outputs) for i in kept), capacity))
        for i in kept:
            table, room = np.split(room, [len(nodes[i].outputs)])
            if stage.done:
                table[:, : stage.done] = self._tables[i][:, : stage.done]
            self._tables[i] = table
        for i in stage.nodes:
            if i in self._forgotten and not self._tables[i].size:
                self._tables[i] = np.empty((len(nodes[i].outputs), BLOCK_ROOM))

    def _call(self, i: int) -> WholeCall | BlockCall:
        node, columns = self.program.nodes[i], self.program.columns
        inputs = tuple(self._rows[one] for one in node.inputs)
        if i not in self._in_blocks:
            return WholeCall(node.kernel, inputs, node.params, self._states[i], self._tables[i])
        passing = tuple(columns[one].node in self._forgotten for one in node.inputs)
        return BlockCall(node.kernel, inputs, passing, node.params, self._states[i], self._tables[i], i in self._forgotten)

    @property
    def decision_count(self) -> int:
        """Closed bars of the decision clock so far."""
        return self._decisions.count

    def column(self, name: str) -> Row:
        """The values of a named column, one per closed bar of its clock. Raises `KeyError` for a name that is not there."""
        return self.row(self.program.names[name])

    def row(self, column: int) -> Row:
        """The values of a column by number. Raises `KeyError` for one that is not kept."""
        if self.program.columns[column].node in self._forgotten:
            raise KeyError(f"{self.program.columns[column].name} is not kept")
        if self._rows_stale:
            self._connect()
        return self._rows[column][: self._clocks[self.program.columns[column].clock].count]

    def signal(self, name: str) -> Row | None:
        """Row of a signal on the decision clock (words of `program.SIGNALS`), None when the Play does not have it."""
        column = self.program.signals.get(name)
        return None if column is None else self.row(column)

    def last_signals(self) -> dict[str, float]:
        """Signals that the Play has, at the last closed bar of the decision clock."""
        signals = self.program.signals
        return dict(zip(signals, self.last_values(signals.values(), self.program.decision_clock), strict=True))

    def last_values(self, columns: Iterable[int], clock: int) -> list[float]:
        """Values of columns of one clock, by number, at its last closed bar; missing before the first."""
        if self._rows_stale:
            self._connect()
        rows, last = self._rows, self._clocks[clock].count - 1
        return [rows[column].item(last) for column in columns] if last >= 0 else [np.nan for _ in columns]

    def open_times_ms(self, clock: int) -> NDArray[np.int64]:
        """Open times of the closed bars of a clock, by its place in `program.clocks`."""
        if clock == 0:
            return self._base.open_time_ms[: self._base.count]
        slow = self._clocks[clock]
        return slow.rows["time"][: slow.count].astype(np.int64)

    @property
    def reference_ms(self) -> int | None:
        """Open time of the first candle of the reference symbol; None before it, and for a Program that reads none."""
        return self._base.reference_ms

    def close_times_ms(self, clock: int) -> NDArray[np.int64]:
        """Close times of the closed bars of a clock."""
        return self.open_times_ms(clock) + self.program.clocks[clock].step_ms


def _stages(program: Program) -> list[_Stage]:
    stages: list[_Stage] = []
    for i, node in enumerate(program.nodes):
        if not stages or stages[-1].clock != node.clock:
            stages.append(_Stage(node.clock, []))
        stages[-1].nodes.append(i)
    return stages
