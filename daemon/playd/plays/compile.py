"""From a checked Play to a Program: features, conditions, signals become nodes; equal ones become the same node."""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from playd.core.errors import PlayError
from playd.core.timeframes import MINUTE_MS, NAME_OF_MS
from playd.kernels.catalog import CATALOG
from playd.kernels.sources import SOURCES
from playd.kernels.spec import InputName
from playd.plays.blocks import BlockCompiler
from playd.plays.conditions import Ref
from playd.plays.evaluation import evaluation_of
from playd.plays.graph import Graph
from playd.plays.model import AtrDistance, AtrTrailing, Feature, LevelStop, Play
from playd.plays.names import MINUTE_PRICES, OF_THE_MARKET, REFERENCE_ID
from playd.plays.program import PRICE_FIELDS, Clock, FreeText, Meaning, Program
from playd.plays.rule_tree import action_rules
from playd.plays.steps import Steps, whole
from playd.plays.structure_nodes import StructureCompiler
from playd.plays.truths import TruthCompiler

_NO_PARAMS = np.empty(0)

_CLOSE_OF: Final = {REFERENCE_ID: f"{REFERENCE_ID}.close"}
"""What stands for a symbol alone: its close."""

_FIELD_OF: Final = {"last_price": "close", "mark_price": "mark"}
"""Candle fields of the minute clock, which is the base clock wherever there is one."""

_BASE: Final = 0
"""The place of the base clock."""


def compile_program(play: Play, base_step_ms: int, *, unreferenced: bool = False) -> Program:
    """`compile_steps`, all at once."""
    return whole(compile_steps(play, base_step_ms, unreferenced=unreferenced))


def compile_steps(play: Play, base_step_ms: int, *, unreferenced: bool = False) -> Steps[Program]:
    """
    In steps: the Program of `play` over candles of `base_step_ms`.

    Only what actions and risk refer to is computed; with `unreferenced` also every other feature and structure, for people to
    look at: decisions, warm-up and anchor are the same. Raises `PlayError` when bars of a clock are no whole number of candles.
    """
    steps = {play.timeframes.exec_ms, *(one.step_ms for one in play.features), *(one.step_ms for one in play.structures)}
    _refuse_unfit(play, steps, base_step_ms)
    compiler = _Compiler(play, base_step_ms)
    yield
    return (yield from compiler.program(unreferenced=unreferenced))


def _refuse_unfit(play: Play, steps: Iterable[int], base_step_ms: int) -> None:
    unfit = sorted(step for step in steps if step % base_step_ms)
    if unfit:
        wanted = ", ".join(NAME_OF_MS[step] for step in unfit)
        base = NAME_OF_MS.get(base_step_ms, f"{base_step_ms} ms")
        raise PlayError([f"{play.source}: found candles of {base}, expected candles from which bars of {wanted} can be made"])


class _Compiler:
    def __init__(self, play: Play, base_step_ms: int) -> None:
        self._play = play
        self._graph = Graph([Clock(base_step_ms)])
        self._exec = self._graph.clock(play.timeframes.exec_ms)
        self._clocks = evaluation_of(play)
        _refuse_unfit(play, (self._clocks.decision_ms,), base_step_ms)
        self._features = {feature.id: feature for feature in play.features}
        self._structures = StructureCompiler(self._graph, play.structures, self._column, self._name)
        self._names: dict[str, int] = {}
        self._texts: dict[str, FreeText] = {}
        steps = sorted({*self._clocks.blocks_ms, self._clocks.decision_ms})
        self._truths = {step_ms: self._truths_at(step_ms) for step_ms in steps}
        self._decisions = self._truths[self._clocks.decision_ms]

    def _truths_at(self, step_ms: int) -> TruthCompiler:
        setups = {name: (self._clocks.path_of_setup(name, step_ms), expr) for name, expr in self._play.setups}
        return TruthCompiler(self._graph, self._graph.clock(step_ms), setups, self._column, self._names)

    def program(self, *, unreferenced: bool) -> Steps[Program]:
        """Compile everything that decisions read, and what they do not if that is wanted."""
        for name in PRICE_FIELDS:
            self._names[name] = self._graph.candle(self._exec, name)
        signals = (yield from self._actions()) | self._levels()
        prices = [self._names[name] for name in PRICE_FIELDS]
        # Metadata must not change a decision: neither warm-up nor anchor know of what only it refers to.
        anchor_step_ms = math.lcm(*(clock.step_ms for clock in self._graph.clocks))
        yield
        extra = [*self._metadata(), *(self._everything() if unreferenced else ())]
        yield
        columns, nodes, new = yield from self._graph.ordered((*signals.values(), *prices, *extra))
        yield
        return Program(
            clocks=tuple(self._graph.clocks),
            exec_clock=self._exec,
            decision_clock=self._graph.clock(self._clocks.decision_ms),
            columns=columns,
            nodes=nodes,
            names={name: new[one] for name, one in self._names.items() if one in new},
            texts={name: FreeText(tuple(new[one] for one in text.columns), text.write) for name, text in self._texts.items()},
            signals={name: new[one] for name, one in signals.items()},
            warmup_ms=max((columns[new[one]].warmup_ms for one in signals.values()), default=0),
            anchor_step_ms=anchor_step_ms,
        )

    def _actions(self) -> Steps[dict[str, int]]:
        """Columns of the actions, and of the shares that exits close."""
        truths = [self._truths[step_ms] for step_ms in self._clocks.blocks_ms]
        blocks = BlockCompiler(self._graph, self._exec, self._decisions, self._names)
        signals = yield from blocks.signals(self._play.actions, truths)
        actions = {emit.action for emit in self._play.emits}
        return {name: self._name(f"actions.{name}", one) if name in actions else one for name, one in signals.items()}

    def _levels(self) -> dict[str, int]:
        """Columns that risk and the position policy refer to, as of the decisions."""
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
        if self._play.policy.funding_guard is not None:
            levels["funding_rate"] = Ref("funding_rate")
        return {name: self._decisions.seen(ref) for name, ref in levels.items()}

    def _metadata(self) -> list[int]:
        """Columns that metadata refers to, each known under the path of its key."""
        found: dict[str, int] = {}
        for rule in action_rules(self._play):
            for emission in rule.emissions:
                refs = {f"{emission.notes}.{key}": value for key, value in emission.metadata if isinstance(value, Ref)}
                found |= {path: self._decisions.seen(ref) for path, ref in refs.items()}
                self._find_texts(refs)
        self._names |= found
        return [*found.values(), *(column for text in self._texts.values() for column in text.columns)]

    def _everything(self) -> list[int]:
        """Columns of all features and structures."""
        features = [column for one in self._play.features for column in self._outputs(one).values()]
        return features + [column for one in self._play.structures for column in self._structures.outputs(one.id).values()]

    def _find_texts(self, refs: Mapping[str, Ref]) -> None:
        """Columns from which free texts are written when somebody reads them."""
        for path, ref in refs.items():
            found = self._structures.text_of(ref)
            if found is not None:
                text, reads = found
                self._texts[path] = FreeText(tuple(self._decisions.seen(one) for one in reads), text.write)

    def _name(self, name: str, column: int) -> int:
        """Make a column known under a name."""
        self._names.setdefault(name, column)
        self._graph.rename(column, name)
        return column

    def _column(self, ref: Ref) -> int:
        """The column of a reference on its own clock, without its offset."""
        feature = self._features.get(ref.id)
        if feature is not None:
            return self._outputs(feature)[ref.field]
        if ref.id in self._structures:
            return self._structures.outputs(ref.id)[ref.field]
        if ref.id in OF_THE_MARKET:
            return self._name(ref.id, self._graph.aligned(self._graph.candle(_BASE, ref.id), self._exec))
        if ref.id in MINUTE_PRICES:
            _refuse_unfit(self._play, (MINUTE_MS,), self._graph.clocks[0].step_ms)
            return self._name(ref.id, self._graph.candle(self._graph.clock(MINUTE_MS), _FIELD_OF[ref.id]))
        return self._name(ref.column, self._graph.candle(self._exec, ref.column))

    def _outputs(self, feature: Feature) -> dict[str, int]:
        """Columns of a feature by output name."""
        spec, params = CATALOG[feature.indicator], dict(feature.params)
        clock = self._graph.clock(feature.step_ms)
        columns = self._graph.node(
            clock,
            feature.indicator,
            lambda: spec.kernel,
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
            return self._graph.candle(clock, _CLOSE_OF.get(name, name))
        source = feature.source
        if isinstance(source, Ref):
            return self._column(source)
        assert source is not None
        spec = SOURCES.get(source)
        if spec is None:
            return self._graph.candle(clock, _CLOSE_OF.get(source, source))
        inputs = [self._graph.candle(clock, one) for one in spec.inputs]
        return self._graph.node(clock, source, lambda: spec.kernel, inputs, _NO_PARAMS, 0, 0, (0,), (0,), (source,))[0]
