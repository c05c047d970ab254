"""Structures as nodes of the graph, each after those that it reads."""

from collections.abc import Callable, Mapping, Sequence

from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.kernels.spec import IndicatorSpec
from playd.kernels.structures.spec import ATR, Settings, Text
from playd.plays.conditions import Ref
from playd.plays.graph import Graph
from playd.plays.model import Structure
from playd.plays.program import Meaning


class StructureCompiler:
    """Columns of the structures of one Play."""

    def __init__(
        self, graph: Graph, structures: Sequence[Structure], column: Callable[[Ref], int], name: Callable[[str, int], int]
    ) -> None:
        """`column` gives the column of a feature on its own clock, `name` makes one known under a name."""
        self._graph = graph
        self._structures = {one.id: one for one in structures}
        self._column = column
        self._name = name
        self._outputs: dict[str, dict[str, int]] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._structures

    def outputs(self, id: str) -> dict[str, int]:
        """Columns of a structure by output name, known as `id.name`."""
        if id not in self._outputs:
            self._outputs[id] = self._compiled(id)
        return self._outputs[id]

    def _compiled(self, id: str) -> dict[str, int]:
        structure = self._structures[id]
        spec, params, uses = STRUCTURES[structure.kind], dict(structure.params), dict(structure.uses)
        outputs = spec.outputs(params)
        columns = self._graph.node(
            self._graph.clock(structure.step_ms),
            spec.name,
            lambda: spec.kernel,
            [self._input(structure, params, uses, row) for row in spec.inputs],
            spec.pack(params, uses),
            spec.state_size(params),
            spec.lookback(params),
            [output.first for output in outputs],
            [self._fade(structure) - output.first for output in outputs],
            [f"{id}.{output.name}" for output in outputs],
            meanings=[Meaning(output.type, output.words) for output in outputs],
            waits=False,
        )
        return {output.name: self._name(f"{id}.{output.name}", one) for output, one in zip(outputs, columns, strict=True)}

    def text_of(self, ref: Ref) -> tuple[Text, tuple[Ref, ...]] | None:
        """How the text of a word with free text is made, and the columns that say it; None for any other column."""
        structure = self._structures.get(ref.id)
        if structure is None:
            return None
        outputs = STRUCTURES[structure.kind].outputs(dict(structure.params))
        text = next(output.text for output in outputs if output.name == ref.field)
        if text is None:
            return None
        uses = dict(structure.uses)
        names = [name.rpartition(".") for name in text.reads]
        return text, tuple(Ref(uses[kind] if kind else ref.id, field, ref.offset) for kind, _, field in names)

    def _input(self, structure: Structure, params: Settings, uses: Mapping[str, str], row: str) -> int:
        clock = self._graph.clock(structure.step_ms)
        kind, _, field = row.partition(".")
        if field:
            # A structure that is not used is any row: the kernel does not look at it.
            return self.outputs(uses[kind])[field] if kind in uses else self._graph.candle(clock, "close")
        if row == ATR:
            return self._column(structure.atr) if structure.atr else self._built_in_atr(clock)
        return self._graph.candle(clock, str(params["source"]) if row == "src" else row)

    def _built_in_atr(self, clock: int) -> int:
        spec: IndicatorSpec = CATALOG[ATR]
        params, step_ms = spec.defaults(), self._graph.clocks[clock].step_ms
        inputs = [self._graph.candle(clock, name) for name in spec.inputs]
        firsts, fades = [spec.outputs[0].first(params)], [spec.fade(params, step_ms)]
        size, label = spec.state_size(params), f"atr({params['length']})"
        return self._graph.node(clock, ATR, lambda: spec.kernel, inputs, spec.pack(params), size, 0, firsts, fades, [label])[0]

    def _warmup(self, structure: Structure) -> int:
        """Bars that the structure's own definition asks for, its ATR apart."""
        used = [self._warmup(self._structures[id]) for _, id in structure.uses]
        return max(used, default=0) + self._fade(structure)

    def _fade(self, structure: Structure) -> int:
        used = {kind: self._warmup(self._structures[id]) for kind, id in structure.uses}
        return STRUCTURES[structure.kind].fade(dict(structure.params), used)
