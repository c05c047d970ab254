"""Indicators with drawn parameters, clocks and sources."""

from collections.abc import Callable, Sequence
from typing import Final, cast

from playd.core.timeframes import NAME_OF_MS
from playd.kernels.catalog import CATALOG
from playd.kernels.spec import IndicatorSpec, Scalar
from playd.plays.names import REFERENCE_ID
from playd.plays.tables import DERIVED_PRICES, PRICES
from playd.research.forge.columns import NUMERIC, Named
from playd.research.forge.draw import Draw

_NEEDS_NO_STRUCTURE: Final = "manual"
"""The word of a parameter with which an anchored indicator starts at the first bar."""


class FeatureForge:
    """
    Collects the `features` of one Play in `section`, and their outputs in `columns`.

    `structure` gives the id of a structure of a kind on a clock, for indicators that read one; set before the first of them.
    """

    def __init__(self, draw: Draw, exec_ms: int, clocks: Sequence[int], *, two_symbols: bool) -> None:
        self._draw = draw
        self._second = [REFERENCE_ID] if two_symbols else []
        self._exec_ms = exec_ms
        self._clocks = clocks
        self.structure: Callable[[str, int], str]
        self.section: dict[str, object] = {}
        self.columns: list[Named] = []

    def add(self, name: str, *, step_ms: int | None = None, id: str = "") -> str:
        """One feature of that indicator on a drawn clock or the given one; its id."""
        spec = CATALOG[name]
        step_ms = step_ms or (self._exec_ms if self._draw.chance(0.6) else self._draw.one_of(self._clocks))
        id = id or f"{name}_{len(self.section)}"
        feature: dict[str, object] = {"indicator": name}
        params = self._params(spec) | self._anchors(spec, step_ms)
        if params.get("anchor_source") == _NEEDS_NO_STRUCTURE:
            del params["anchor_structure"]
        if params:
            feature["params"] = params
        if step_ms != self._exec_ms or self._draw.chance(0.2):
            feature["tf"] = NAME_OF_MS[step_ms]
        if "src" in spec.inputs and self._draw.chance(0.4):
            feature["source"] = self._source(step_ms)
        self.section[id] = feature
        self.columns += [
            Named(id, output.name, output.type, step_ms, primary=output.name == spec.primary) for output in spec.outputs
        ]
        return id

    def kind(self, id: str) -> object:
        """The indicator of a feature."""
        feature = self.section[id]
        assert isinstance(feature, dict)
        return feature["indicator"]

    def _params(self, spec: IndicatorSpec) -> dict[str, object]:
        own = [param for param in spec.params if param.kind not in ("feature", "structure")]
        drawn = {param.name: self._draw.param(param) for param in own if param.required or self._draw.chance(0.8)}
        for less, more in spec.rising:
            if less in drawn or more in drawn:
                values = [drawn.get(name, spec.defaults()[name]) for name in (less, more)]
                low, high = sorted(int(value) for value in values if isinstance(value, int))
                drawn[less], drawn[more] = low, max(high, low + 1)
        for name in spec.idle(spec.defaults() | cast(dict[str, Scalar], drawn)):
            drawn.pop(name, None)
        return drawn

    def _anchors(self, spec: IndicatorSpec, step_ms: int) -> dict[str, object]:
        """Structures whose outputs the indicator reads, each under the parameter that names it."""
        names = [param.name for param in spec.params if param.kind == "structure"]
        kinds = sorted({name.partition(".")[0] for name in spec.inputs if "." in name})
        return {name: self.structure(kind, step_ms) for name, kind in zip(names, kinds, strict=True)}

    def _source(self, step_ms: int) -> str:
        """A price, or an output of an earlier feature on the same clock."""
        earlier = [column.text for column in self.columns if column.step_ms == step_ms and column.type in NUMERIC]
        return self._draw.one_of([*PRICES, *DERIVED_PRICES, *self._second, *earlier])
