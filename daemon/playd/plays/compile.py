"""From a checked Play to a Program: features, conditions, signals become nodes; equal ones become the same node."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from playd.core.errors import PlayError
from playd.core.timeframes import NAME_OF_MS
from playd.kernels import absent, duration
from playd.kernels.catalog import CATALOG, OPERATORS
from playd.kernels.sources import SOURCES
from playd.kernels.spec import InputName
from playd.plays.blocks import BlockCompiler
from playd.plays.conditions import All, Between, Compare, Expr, Member, Not, Number, Operand, Ref, UseSetup, Window
from playd.plays.graph import Graph
from playd.plays.model import AtrDistance, AtrTrailing, Feature, LevelStop, Play
from playd.plays.names import MINUTE_PRICES, NO_DATA
from playd.plays.normal_form import window_key
from playd.plays.program import PRICE_FIELDS, Clock, FreeText, Meaning, Program
from playd.plays.rule_tree import action_rules
from playd.plays.structure_nodes import StructureCompiler

_NO_PARAMS = np.empty(0)


def compile_program(play: Play, base_step_ms: int) -> Program:
    """
    The Program of `play` over candles of `base_step_ms`.

    Only what actions and risk refer to is computed. Raises `PlayError` when bars of a clock are no whole number of candles.
    """
    steps = {play.timeframes.exec_ms, *(one.step_ms for one in play.features), *(one.step_ms for one in play.structures)}
    unfit = sorted(step for step in steps if step % base_step_ms)
    if unfit:
        wanted = ", ".join(NAME_OF_MS[step] for step in unfit)
        base = NAME_OF_MS.get(base_step_ms, f"{base_step_ms} ms")
        raise PlayError([f"{play.source}: found candles of {base}, expected candles from which bars of {wanted} can be made"])
    return _Compiler(play, base_step_ms).program()


class _Compiler:
    def __init__(self, play: Play, base_step_ms: int) -> None:
        self._play = play
        self._graph = Graph([Clock(base_step_ms)])
        self._exec = self._graph.clock(play.timeframes.exec_ms)
        self._features = {feature.id: feature for feature in play.features}
        self._setups = dict(play.setups)
        self._structures = StructureCompiler(self._graph, play.structures, self._column, self._name)
        self._names: dict[str, int] = {}
        self._texts: dict[str, FreeText] = {}

    def program(self) -> Program:
        """Compile everything that decisions read."""
        for name in PRICE_FIELDS:
            self._names[name] = self._graph.candle(self._exec, name)
        signals = self._truths() | self._levels()
        prices = [self._names[name] for name in PRICE_FIELDS]
        # Metadata must not change a decision: neither warm-up nor anchor know of what only it refers to.
        anchor_step_ms = math.lcm(*(clock.step_ms for clock in self._graph.clocks))
        columns, nodes, new = self._graph.ordered((*signals.values(), *prices, *self._metadata()))
        return Program(
            clocks=tuple(self._graph.clocks),
            exec_clock=self._exec,
            columns=columns,
            nodes=nodes,
            names={name: new[one] for name, one in self._names.items() if one in new},
            texts={name: FreeText(tuple(new[one] for one in text.columns), text.write) for name, text in self._texts.items()},
            signals={name: new[one] for name, one in signals.items()},
            warmup_ms=max((columns[new[one]].warmup_ms for one in signals.values()), default=0),
            anchor_step_ms=anchor_step_ms,
        )

    def _truths(self) -> dict[str, int]:
        """Columns of the actions, and of the shares that exits close."""
        blocks = BlockCompiler(self._graph, self._expr, lambda name, inputs, path: self._operator(name, inputs, (), (), path))
        signals = blocks.signals(self._play.actions, shorts_count=self._play.policy.allows_short)
        actions = {emit.action for emit in self._play.emits}
        return {name: self._name(f"actions.{name}", one) if name in actions else one for name, one in signals.items()}

    def _levels(self) -> dict[str, int]:
        """Columns that risk refers to, on the execution clock."""
        risk, levels = self._play.risk, dict[str, Ref]()
        if isinstance(risk.stop, AtrDistance):
            levels["stop_atr"] = risk.stop.atr
        if isinstance(risk.stop, LevelStop):
            levels |= {"stop_level_long": risk.stop.long} if risk.stop.long else {}
            levels |= {"stop_level_short": risk.stop.short} if risk.stop.short else {}
        if isinstance(risk.target, AtrDistance):
            levels["target_atr"] = risk.target.atr
        if isinstance(risk.trailing, AtrTrailing):
            levels["trailing_atr"] = risk.trailing.atr
        return {name: self._seen_from_exec(ref) for name, ref in levels.items()}

    def _metadata(self) -> list[int]:
        """Columns that metadata refers to, each known under the path of its key."""
        found: dict[str, int] = {}
        for rule in action_rules(self._play):
            for emission in rule.emissions:
                refs = {f"{emission.notes}.{key}": value for key, value in emission.metadata if isinstance(value, Ref)}
                found |= {path: self._seen_from_exec(ref) for path, ref in refs.items()}
                self._find_texts(refs)
        self._names |= found
        return [*found.values(), *(column for text in self._texts.values() for column in text.columns)]

    def _find_texts(self, refs: Mapping[str, Ref]) -> None:
        """Columns from which free texts are written when somebody reads them."""
        for path, ref in refs.items():
            found = self._structures.text_of(ref)
            if found is not None:
                text, reads = found
                self._texts[path] = FreeText(tuple(self._seen_from_exec(one) for one in reads), text.write)

    def _name(self, name: str, column: int) -> int:
        """Make a column known under a name."""
        self._names.setdefault(name, column)
        self._graph.rename(column, name)
        return column

    def _seen_from_exec(self, ref: Ref) -> int:
        return self._graph.aligned(self._graph.shifted(self._column(ref), ref.offset), self._exec)

    def _column(self, ref: Ref) -> int:
        """The column of a reference on its own clock, without its offset."""
        feature = self._features.get(ref.id)
        if feature is not None:
            return self._outputs(feature)[ref.field]
        if ref.id in self._structures:
            return self._structures.outputs(ref.id)[ref.field]
        if ref.id == "timestamp":
            close_time = self._graph.candle(self._exec, "close_time")
            return self._name(ref.id, self._operator("/", (close_time,), (None, 1000.0), (), ref.id))
        if ref.id in NO_DATA:
            return self._name(ref.id, self._absent(ref.id))
        field = "close" if ref.id in MINUTE_PRICES else ref.id
        return self._name(ref.id, self._graph.candle(self._exec, field))

    def _absent(self, name: str) -> int:
        """The column of a series that is not loaded."""
        any_row, params = self._graph.candle(self._exec, "close"), np.array([float(NO_DATA.index(name))])
        kernel, size = absent.kernel(), absent.STATE_SIZE
        return self._graph.node(self._exec, absent.KIND, kernel, (any_row,), params, size, 0, (0,), (0,), (name,))[0]

    def _outputs(self, feature: Feature) -> dict[str, int]:
        """Columns of a feature by output name."""
        spec, params = CATALOG[feature.indicator], dict(feature.params)
        clock = self._graph.clock(feature.step_ms)
        columns = self._graph.node(
            clock,
            feature.indicator,
            spec.kernel,
            [self._input(feature, clock, name) for name in spec.inputs],
            spec.pack(params),
            spec.state_size(params),
            spec.lookback(params),
            [output.first(params) for output in spec.outputs],
            [spec.fade(params, feature.step_ms)] * len(spec.outputs),
            [f"{feature.id}.{output.name}" for output in spec.outputs],
            meanings=[Meaning(output.type) for output in spec.outputs],
        )
        outputs = {output.name: column for output, column in zip(spec.outputs, columns, strict=True)}
        for name, column in outputs.items():
            self._name(f"{feature.id}.{name}", column)
        if spec.primary is not None:
            self._names.setdefault(feature.id, outputs[spec.primary])
        return outputs

    def _input(self, feature: Feature, clock: int, name: InputName) -> int:
        _, _, of_swing = name.partition(".")
        if of_swing:
            swing = feature.swing
            # One that starts at the first bar has no swing: any row does, because the kernel does not look at it.
            return self._structures.outputs(swing)[of_swing] if swing is not None else self._graph.candle(clock, "close")
        if name != "src":
            return self._graph.candle(clock, name)
        source = feature.source
        if isinstance(source, Ref):
            return self._column(source)
        assert source is not None
        spec = SOURCES.get(source)
        if spec is None:
            return self._graph.candle(clock, source)
        inputs = [self._graph.candle(clock, one) for one in spec.inputs]
        return self._graph.node(clock, source, spec.kernel, inputs, _NO_PARAMS, 0, 0, (0,), (0,), (source,))[0]

    def _operator(
        self, name: str, columns: Sequence[int], operands: Sequence[float | None], extra: Sequence[float], path: str
    ) -> int:
        """
        One operator over `columns`, which stand for the operands that are None. `path` labels it.

        A number costs no column: any row of the clock takes its place.
        """
        spec = OPERATORS[name]
        any_row = columns[0] if columns else self._graph.candle(self._exec, "close")
        rest = iter(columns)
        inputs = [next(rest) if operand is None else any_row for operand in operands] if operands else list(columns)
        params = spec.pack(operands, extra)
        clock = self._graph.columns[inputs[0]].clock
        kernel, lookback = spec.kernel(len(inputs)), spec.lookback(params)
        return self._graph.node(clock, name, kernel, inputs, params, spec.state_size, lookback, (0,), (lookback,), (path,))[0]

    def _operand(self, operand: Operand, path: str) -> int | float:
        """A column on the execution clock, or a number."""
        if isinstance(operand, Number):
            return operand.value
        if isinstance(operand, Ref):
            column = self._seen_from_exec(operand)
        else:
            column = self._apply(operand.op, (operand.left, operand.right), (), path, (f"{path}[0]", f"{path}[2]"))
        self._names.setdefault(path, column)
        return column

    def _apply(self, op: str, operands: Sequence[Operand], extra: Sequence[float], path: str, paths: Sequence[str]) -> int:
        values = [self._operand(operand, where) for operand, where in zip(operands, paths, strict=True)]
        columns = [value for value in values if isinstance(value, int)]
        numbers = [None if isinstance(value, int) else value for value in values]
        return self._operator(op, columns, numbers, extra, path)

    def _expr(self, expr: Expr, path: str) -> int:
        """The truth of an expression on the execution clock, known as `path`."""
        return self._name(path, self._truth(expr, path))

    def _truth(self, expr: Expr, path: str) -> int:
        if isinstance(expr, Compare):
            extra = (expr.tolerance,) if expr.op.startswith("near") else ()
            return self._apply(expr.op, (expr.left, expr.right), extra, path, (f"{path}.lhs", f"{path}.rhs"))
        if isinstance(expr, Between):
            paths = (f"{path}.lhs", f"{path}.rhs.low", f"{path}.rhs.high")
            return self._apply("between", (expr.value, expr.low, expr.high), (), path, paths)
        if isinstance(expr, Member):
            return self._apply("in", (expr.value,), expr.values, path, (f"{path}.lhs",))
        if isinstance(expr, UseSetup):
            return self._expr(self._setups[expr.name], f"setups.{expr.name}")
        if isinstance(expr, Not):
            return self._operator("not", (self._expr(expr.child, f"{path}.not"),), (), (), path)
        if isinstance(expr, Window):
            return self._window(expr, path)
        word = "all" if isinstance(expr, All) else "any"
        children = [self._expr(child, f"{path}.{word}[{i}]") for i, child in enumerate(expr.children)]
        # All or any of one is that one: it needs no column of its own.
        return children[0] if len(children) == 1 else self._operator(word, children, (), (), path)

    def _window(self, window: Window, path: str) -> int:
        """A window counts closes of the execution clock, or of a slower one on which the truth is sampled."""
        child = self._expr(window.child, f"{path}.{window_key(window)}.expr")
        if window.duration_ms:
            return self._span(window, child, path)
        extra = (window.bars, window.min_true) if window.kind == "count_true" else (window.bars,)
        if not window.anchor_ms or window.anchor_ms == self._play.timeframes.exec_ms:
            return self._operator(window.kind, (child,), (), extra, path)
        anchor = self._graph.clock(window.anchor_ms)
        sampled = self._graph.aligned(child, anchor, stale=False)
        counted = self._operator(window.kind, (sampled,), (), extra, f"{path}@{NAME_OF_MS[window.anchor_ms]}")
        return self._graph.aligned(counted, self._exec, stale=False)

    def _span(self, window: Window, child: int, path: str) -> int:
        """A window over a span of time on the execution clock."""
        step_ms = self._play.timeframes.exec_ms
        min_true = {"holds_for": duration.ALL, "occurred_within": 1, "count_true": window.min_true}[window.kind]
        params = duration.pack(window.duration_ms, step_ms, min_true)
        inputs = (child, self._graph.candle(self._exec, "close_time"))
        fade = duration.lookback(window.duration_ms, step_ms)
        kind = f"{window.kind}_duration"
        return self._graph.node(
            self._exec, kind, duration.kernel(), inputs, params, duration.STATE_SIZE, fade, (0,), (fade,), (path,)
        )[0]
