"""Detectors with drawn parameters, and the detectors that they need."""

from collections.abc import Sequence
from typing import cast

from playd.core.timeframes import NAME_OF_MS
from playd.kernels.catalog import STRUCTURES
from playd.kernels.spec import Value
from playd.kernels.structures.spec import ATR, ATR_KEY, Settings, StructureSpec
from playd.research.forge.columns import Named
from playd.research.forge.draw import Draw
from playd.research.forge.features import FeatureForge


class StructureForge:
    """Collects the `structures` of one Play in `section`, and their outputs in `columns`."""

    def __init__(self, draw: Draw, exec_ms: int, clocks: Sequence[int], features: FeatureForge) -> None:
        self._draw = draw
        self._exec_ms = exec_ms
        self._clocks = clocks
        self._features = features
        self._of_kind: dict[tuple[str, int], str] = {}
        self.section: dict[str, list[object]] = {}
        self.columns: list[Named] = []

    def add(self, kind: str, step_ms: int | None = None) -> str:
        """One detector of that kind with all that it needs, on a drawn clock or the given one; its id."""
        spec = STRUCTURES[kind]
        step_ms = step_ms or (self._exec_ms if self._draw.chance(0.7) else self._draw.one_of(self._clocks))
        written = structure_params(self._draw, spec)
        settled = spec.settled(written)
        uses = self._uses(spec, settled, step_ms)
        atr_key = {ATR_KEY.name: self._atr(step_ms)} if ATR in spec.inputs and self._draw.chance(0.3) else {}
        id = f"{kind}_{len(self.columns)}"
        one: dict[str, object] = {"type": kind, "key": id}
        params = {name: list(value) if isinstance(value, tuple) else value for name, value in written.items()} | atr_key
        if params:
            one["params"] = params
        if uses:
            one["uses"] = uses[0] if len(uses) == 1 and self._draw.chance(0.5) else uses
        self.section.setdefault(NAME_OF_MS[step_ms] if step_ms != self._exec_ms else "exec", []).append(one)
        self._of_kind[kind, step_ms] = id
        for output in spec.outputs(settled):
            words = ("none",) if output.text is not None else output.words
            self.columns.append(Named(id, output.name, output.type, step_ms, words))
        return id

    def one_of_kind(self, kind: str, step_ms: int) -> str:
        """The id of the last detector of that kind on that clock, of a new one if there is none."""
        return self._of_kind.get((kind, step_ms)) or self.add(kind, step_ms)

    def _uses(self, spec: StructureSpec, settled: Settings, step_ms: int) -> list[str]:
        """Ids of what it reads, made now if there is none yet; what it can do without, in half of all cases."""
        wanted = [use.kind for use in spec.uses if use.needed(settled) or (not use.idle(settled) and self._draw.chance(0.5))]
        return [self.one_of_kind(kind, step_ms) for kind in wanted]

    def _atr(self, step_ms: int) -> str:
        return self._features.add(ATR, step_ms=step_ms)


def structure_params(draw: Draw, spec: StructureSpec) -> dict[str, Value]:
    """What a file may write for a detector: parameters that it complains of are left out, or added."""
    params = {param.name: param for param in spec.params if param.kind != "feature"}

    def value(name: str) -> Value:
        drawn = draw.param(params[name])
        return tuple(drawn) if isinstance(drawn, list) else cast(Value, drawn)

    written = {name: value(name) for name, param in params.items() if param.required or draw.chance(0.5)}
    for _ in params:
        for complaint in spec.check(written):
            if complaint.code == "E103":
                written[complaint.param] = value(complaint.param)
            elif complaint.code.startswith("E"):
                written.pop(complaint.param, None)
    return written
