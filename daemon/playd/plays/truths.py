"""Conditions become columns of truth on one evaluation clock; whatever they name is seen as of that clock's closes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from playd.core.timeframes import NAME_OF_MS
from playd.kernels import duration
from playd.kernels.catalog import OPERATORS
from playd.plays.conditions import All, Between, Compare, Expr, Member, Not, Number, Operand, Ref, UseSetup, Window
from playd.plays.graph import Graph
from playd.plays.normal_form import window_key
from playd.plays.steps import Steps

_MS_PER_S = 1000.0

_TRUTHS_A_STEP: Final = 64
"""Conditions that are compiled in one step: about two milliseconds."""


class TruthCompiler:
    """Compiles the conditions that are looked at on one clock of the graph."""

    def __init__(
        self,
        graph: Graph,
        clock: int,
        setups: Mapping[str, tuple[str, Expr]],
        column: Callable[[Ref], int],
        names: dict[str, int],
    ) -> None:
        """
        `setups`: name to path and expression. `column` gives the column of a reference on its own clock, without its offset.
        `names` gets what is compiled under its path.
        """
        self._graph = graph
        self.clock = clock
        self._setups = setups
        self._column = column
        self._names = names
        self._compiled = 0

    def seen(self, ref: Ref) -> int:
        """The column of a reference as of this clock's closes. `timestamp` is the close itself, in epoch seconds."""
        if ref.id == "timestamp":
            close_time = self._graph.candle(self.clock, "close_time")
            column = self._operator("/", (close_time,), (None, _MS_PER_S), (), ref.id)
            self._names.setdefault(ref.id, column)
        else:
            column = self._column(ref)
        return self._graph.aligned(self._graph.shifted(column, ref.offset), self.clock)

    def truth(self, expr: Expr, path: str) -> Steps[int]:
        """The truth of an expression, known as `path`, in steps."""
        self._compiled += 1
        if self._compiled % _TRUTHS_A_STEP == 0:
            yield
        column = yield from self._truth(expr, path)
        self._names.setdefault(path, column)
        self._graph.rename(column, path)
        return column

    def combined(self, word: str, columns: Sequence[int], path: str) -> int:
        """`all`, `any` or `not` of columns of truth on this clock. All or any of one is that one: it needs no column."""
        if len(columns) == 1 and word != "not":
            return columns[0]
        return self._operator(word, columns, (), (), path)

    def closing(self, clock: int) -> int:
        """True at the closes of this clock that are those of `clock` too; unknown before the first of those."""
        here = self._graph.candle(self.clock, "close_time")
        last = self._graph.aligned(self._graph.candle(clock, "close_time"), self.clock)
        return self._operator("==", (last, here), (None, None), (), f"{self._graph.clocks[clock].name} closes")

    def at_closes(self, column: int, path: str) -> int:
        """A column of truth of a slower clock as this one sees it: true at that clock's own closes, and not until the next."""
        closing = self.closing(self._graph.columns[column].clock)
        return self.combined("all", (closing, self._graph.aligned(column, self.clock)), path)

    def _operator(
        self, name: str, columns: Sequence[int], operands: Sequence[float | None], extra: Sequence[float], path: str
    ) -> int:
        """
        One operator over `columns`, which stand for the operands that are None. `path` labels it.

        A number costs no column: any row of the clock takes its place.
        """
        spec = OPERATORS[name]
        any_row = columns[0] if columns else self._graph.candle(self.clock, "close")
        rest = iter(columns)
        inputs = [next(rest) if operand is None else any_row for operand in operands] if operands else list(columns)
        params = spec.pack(operands, extra)
        clock = self._graph.columns[inputs[0]].clock
        load, lookback = partial(spec.kernel, len(inputs)), spec.lookback(params)
        return self._graph.node(clock, name, load, inputs, params, spec.state_size, lookback, (0,), (lookback,), (path,))[0]

    def _operand(self, operand: Operand, path: str) -> int | float:
        """A column, or a number."""
        if isinstance(operand, Number):
            return operand.value
        if isinstance(operand, Ref):
            column = self.seen(operand)
        else:
            column = self._apply(operand.op, (operand.left, operand.right), (), path, (f"{path}[0]", f"{path}[2]"))
        self._names.setdefault(path, column)
        return column

    def _apply(self, op: str, operands: Sequence[Operand], extra: Sequence[float], path: str, paths: Sequence[str]) -> int:
        values = [self._operand(operand, where) for operand, where in zip(operands, paths, strict=True)]
        columns = [value for value in values if isinstance(value, int)]
        numbers = [None if isinstance(value, int) else value for value in values]
        return self._operator(op, columns, numbers, extra, path)

    def _truth(self, expr: Expr, path: str) -> Steps[int]:
        if isinstance(expr, Compare):
            extra = (expr.tolerance,) if expr.op.startswith("near") else ()
            return self._apply(expr.op, (expr.left, expr.right), extra, path, (f"{path}.lhs", f"{path}.rhs"))
        if isinstance(expr, Between):
            paths = (f"{path}.lhs", f"{path}.rhs.low", f"{path}.rhs.high")
            return self._apply("between", (expr.value, expr.low, expr.high), (), path, paths)
        if isinstance(expr, Member):
            return self._apply("in", (expr.value,), expr.values, path, (f"{path}.lhs",))
        if isinstance(expr, UseSetup):
            place, inner = self._setups[expr.name]
            return (yield from self.truth(inner, place))
        if isinstance(expr, Not):
            child = yield from self.truth(expr.child, f"{path}.not")
            return self._operator("not", (child,), (), (), path)
        if isinstance(expr, Window):
            return (yield from self._window(expr, path))
        word = "all" if isinstance(expr, All) else "any"
        children: list[int] = []
        for i, part in enumerate(expr.children):
            children.append((yield from self.truth(part, f"{path}.{word}[{i}]")))
        return self.combined(word, children, path)

    def _window(self, window: Window, path: str) -> Steps[int]:
        """A window counts closes of this clock, or of a slower one on which the truth is sampled."""
        child = yield from self.truth(window.child, f"{path}.{window_key(window)}.expr")
        if window.duration_ms:
            return self._span(window, child, path)
        extra = (window.bars, window.min_true) if window.kind == "count_true" else (window.bars,)
        if not window.anchor_ms or window.anchor_ms == self._graph.clocks[self.clock].step_ms:
            return self._operator(window.kind, (child,), (), extra, path)
        anchor = self._graph.clock(window.anchor_ms)
        sampled = self._graph.aligned(child, anchor, stale=False)
        counted = self._operator(window.kind, (sampled,), (), extra, f"{path}@{NAME_OF_MS[window.anchor_ms]}")
        return self._graph.aligned(counted, self.clock, stale=False)

    def _span(self, window: Window, child: int, path: str) -> int:
        """A window over a span of time."""
        step_ms = self._graph.clocks[self.clock].step_ms
        min_true = {"holds_for": duration.ALL, "occurred_within": 1, "count_true": window.min_true}[window.kind]
        params = duration.pack(window.duration_ms, step_ms, min_true)
        inputs = (child, self._graph.candle(self.clock, "close_time"))
        fade = duration.lookback(window.duration_ms, step_ms)
        kind = f"{window.kind}_duration"
        return self._graph.node(
            self.clock, kind, duration.kernel, inputs, params, duration.STATE_SIZE, fade, (0,), (fade,), (path,)
        )[0]
