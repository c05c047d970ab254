"""
The columns of a running Program: whole histories or one closed bar at a time, through the same kernels, with the same bits.

Nothing is ever changed in the past, and a value depends only on bars that closed at or before its own bar's close.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles
from playd.core.errors import Broken, StateError
from playd.kernels.asof import SOURCE_ROWS_USED
from playd.kernels.compiled import Row, Table
from playd.plays.candle_rows import AT_ONCE, BaseRows, CandleRows, SlowRows
from playd.plays.column_image import ColumnImage, packed, unpack
from playd.plays.graph import derived_fields
from playd.plays.keep import Keep, alignments, program_digest, reaches
from playd.plays.node_calls import BLOCK_BARS, BLOCK_ROOM, BlockCall, WholeCall, in_blocks
from playd.plays.program import PRICE_FIELDS, Program

_MORE: Final = 2
"""Growth factor of the room, so that growing costs little per bar."""

_LEAST_ROOM: Final = 16

NEVER: Final = 2**62
"""A number of bars that no columns ever hold."""


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

    With `keep`, rows are bounded: `trim` drops what nobody needs any more from the front, and numbers of rows count from the
    first that is left, on every clock on its own (`dropped`). The values are the same, and so are all that follow.
    """

    def __init__(self, program: Program, capacity: int, *, signals_only: bool = False, keep: Keep | None = None) -> None:
        self.program = program
        self.anchor_ms: int | None = None
        """Open of the first candle ever taken."""
        self._keep = keep
        self._trim_at = NEVER if keep is None else keep.base_bars + keep.spare_bars
        self._dropped = [0] * len(program.clocks)
        self._reaches, self._alignments = reaches(program), alignments(program)
        base_derived = set(derived_fields(program.columns, 0))
        if len(program.clocks) > 1:
            base_derived.add("time")
        self._base = BaseRows(
            program.base_step_ms,
            base_derived,
            max(capacity, 1),
            reference=program.reads_reference,
            market=program.reads_market,
        )
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

    def beside(self) -> "Columns":
        """Empty columns of the same Program that keep as much: to be filled while these are in use."""
        return Columns(self.program, 0, keep=self._keep)

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
        if self._keep is None:
            self._take(candles)
            return
        for start in range(0, len(candles), self._keep.spare_bars):
            if self.trim_due:
                self.trim()
            self._take(candles.places(start, start + self._keep.spare_bars))

    def _take(self, candles: Candles) -> None:
        lo = self._base.count
        if self.anchor_ms is None:
            self.anchor_ms = int(candles.open_time_ms[0])
        if self._keep is None and self._base.take_all(candles):
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
        if self.anchor_ms is None:
            self.anchor_ms = candle.open_time_ms
        lo = self._base.count
        before = self._decisions.count
        self._make_room(self._base, lo + 1)
        self._base.append_one(candle)
        for slow in self._slow:
            self._make_room(slow, slow.count + AT_ONCE)
        self._extend(lo)
        closed = self._decisions.count > before
        return closed and (candle.open_time_ms + self._base.step_ms) % self._decisions.step_ms == 0

    @property
    def nbytes(self) -> int:
        """Memory of all values, room for more bars with them; what several rows are views of is counted once."""
        rows = (row for clock in self._clocks for row in (*clock.raw(0), *clock.rows.values()))
        owners = (held.base if isinstance(held.base, np.ndarray) else held for held in (*self._tables, *rows))
        return sum({id(owner): owner.nbytes for owner in owners}.values())

    @property
    def trim_due(self) -> bool:
        """Whether so much has gathered at the front that dropping it is worth the copy of what stays."""
        return self._base.count >= self._trim_at

    def trim(self) -> None:
        """Drop from the front of every clock what is not kept; nothing without `keep`."""
        if self._keep is None or not self._base.count:
            return
        for clock, bars in enumerate([self._spare(clock, self._keep) for clock in range(len(self._clocks))]):
            if bars > 0:
                self._drop(clock, bars)
        self._trim_at = self._base.count + max(self._keep.spare_bars, self._base.count // 8)

    def dropped(self, clock: int) -> int:
        """How many bars of a clock were before the first that is left."""
        return self._dropped[clock]

    @property
    def explained_from(self) -> int:
        """The first row of the decision clock whose values were made of rows that are still there."""
        clock = self.program.decision_clock
        return min(self._reaches[clock], self._decisions.count) if self._dropped[clock] else 0

    def _spare(self, clock: int, keep: Keep) -> int:
        """Bars at the front of a clock that are not kept."""
        since_ms = int(self._base.open_time_ms[self._base.count - 1]) - (keep.base_bars - 1) * self._base.step_ms
        count = self._clocks[clock].count
        recent = count - int(np.searchsorted(self.close_times_ms(clock), since_ms, side="right"))
        return count - self._tail(clock, max(recent, keep.least_bars))

    def _tail(self, clock: int, bars: int) -> int:
        """How many of the newest rows of a clock its kernels, and explanations of the newest `bars`, read."""
        count = self._clocks[clock].count
        waiting = [count - int(self._states[i][SOURCE_ROWS_USED]) + 1 for i, source in self._alignments if source == clock]
        return min(max(bars + self._reaches[clock], *waiting, 0), count)

    def _drop(self, clock: int, bars: int) -> None:
        left = self._clocks[clock].count - bars
        self._clocks[clock].drop(bars)
        for stage in self._stages:
            if stage.clock == clock:
                stage.done -= bars
                for i in stage.nodes:
                    self._tables[i][:, :left] = self._tables[i][:, bars : bars + left]
        for i, source in self._alignments:
            if source == clock:
                self._states[i][SOURCE_ROWS_USED] -= bars
        self._dropped[clock] += bars

    def image(self, least_bars: int) -> ColumnImage:
        """
        What these columns go on from with the same bits: the state of every kernel, and the newest rows.

        Explanations reach `least_bars` of every clock behind the newest bar, and of course all that follow.
        """
        if self.anchor_ms is None:
            raise Broken("columns without a bar have no image")
        counts = [rows.count for rows in self._clocks]
        tails = [self._tail(clock, least_bars) for clock in range(len(counts))]
        states = [state.copy() for state in self._states]
        for i, source in self._alignments:
            states[i][SOURCE_ROWS_USED] -= counts[source] - tails[source]
        rows = self._memory([count - tail for count, tail in zip(counts, tails, strict=True)])
        return ColumnImage(
            program=program_digest(self.program),
            anchor_ms=self.anchor_ms,
            reference_ms=self._base.reference_ms,
            last_open_ms=int(self._base.open_time_ms[self._base.count - 1]),
            bars=tuple(gone + count for gone, count in zip(self._dropped, counts, strict=True)),
            rows=tuple(tails),
            body=packed([*states, *rows]),
        )

    def resume(self, image: ColumnImage) -> None:
        """Go on from an image, before the first candle. Raises `StateError` for one of another Program."""
        if image.program != program_digest(self.program) or self._base.count:
            raise StateError("an image of columns belongs to another Program, or comes too late")
        for rows, count in zip(self._clocks, image.rows, strict=True):
            self._make_room(rows, count)
        self._connect()
        for rows, count in zip(self._clocks, image.rows, strict=True):
            rows.count = count
        unpack(image.body, [*self._states, *self._memory([0] * len(image.rows))])
        for place, rows in enumerate(self._clocks):
            rows.fill_derived(0, self.open_times_ms(place))
        for stage in self._stages:
            stage.done = self._clocks[stage.clock].count
        self.anchor_ms, self._base.reference_ms = image.anchor_ms, image.reference_ms
        self._dropped = [bars - count for bars, count in zip(image.bars, image.rows, strict=True)]

    def _memory(self, firsts: Sequence[int]) -> list[NDArray[Any]]:
        """The arrays that hold the rows of every clock from its place in `firsts` on, and what rollups remember."""
        found: list[NDArray[Any]] = [state for slow in self._slow for state in slow.states]
        for rows, first in zip(self._clocks, firsts, strict=True):
            found += rows.raw(first)
        for stage in self._stages:
            first, count = firsts[stage.clock], self._clocks[stage.clock].count
            found += [self._tables[i][:, first:count] for i in stage.nodes]
        return found

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
        """Rows of the decision clock: its closed bars, those dropped left out."""
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

    def newest_bar(self) -> tuple[int, list[float]]:
        """
        Open time and open, high, low, close, volume of the last closed bar of the decision clock. Raises `IndexError` before
        the first.
        """
        rows, last = self._decisions.rows, self._decisions.count - 1
        if last < 0:
            raise IndexError("no bar of the decision clock has closed")
        opened_ms = self._base.open_time_ms[last] if self._decisions is self._base else rows["time"][last]
        return int(opened_ms), [rows[name].item(last) for name in PRICE_FIELDS]

    def open_times_ms(self, clock: int) -> NDArray[np.int64]:
        """Open times of the closed bars of a clock, by its place in `program.clocks`."""
        if clock == 0:
            return self._base.open_time_ms[: self._base.count]
        slow = self._clocks[clock]
        return slow.rows["time"][: slow.count].astype(np.int64)

    def candles_between(self, start_ms: int, end_ms: int | None) -> tuple[NDArray[np.int64], Row, Row, Row]:
        """Open times, highs, lows, closes of the base candles that open in `[start_ms, end_ms)`; None for all to the last."""
        times, rows = self.open_times_ms(0), self._base.rows
        lo = int(np.searchsorted(times, start_ms))
        part = slice(lo, len(times) if end_ms is None else max(lo, int(np.searchsorted(times, end_ms))))
        return times[part], rows["high"][part], rows["low"][part], rows["close"][part]

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
