"""
What names mean: built-in columns, outputs of features and structures, their types and clocks.

Resolving a name marks it as used, so that what nothing uses can be named too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from playd.core.timeframes import MINUTE_MS, NAME_OF_MS
from playd.kernels.spec import ColumnType, IndicatorSpec
from playd.plays.conditions import Ref
from playd.plays.fields import FieldFinder, StructureNames
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.older_names import is_older_field, is_older_reference
from playd.plays.reader import QUOTED_NUMBER, is_quoted_number
from playd.plays.tables import PRICES

MINUTE_PRICES: Final = ("last_price", "mark_price")
"""Built-ins of the minute clock; naming one makes a condition a minute condition."""

OF_THE_MARKET: Final = ("funding_rate", "open_interest")
"""Built-ins that no candle holds: missing at every bar for which nobody says them."""

_SOME_BARS_BACK: Final = re.compile(r"([A-Za-z_]\w*)\[([0-9]+)\]\Z")
_OPTION_OF: Final = {"funding_rate": "--funding", "open_interest": "--open-interest"}

REFERENCE_ID: Final = "reference"
"""The built-in with fields: candles of the second symbol."""

BUILT_IN: Final = (*PRICES, *MINUTE_PRICES, *OF_THE_MARKET, "timestamp", REFERENCE_ID)
"""Ids that features and structures cannot have."""

OFFSET_BARS: Final = 5000
"""Longest look back of a reference."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    What is known of a named column: its type, the bar length of its clock, and for an ENUM its words by their number.

    `indicator`: the indicator or detector that makes it. `anchors`: for a word with free text, the structure whose anchors
    its numbers count. `event`: it says what happened on its bar alone.
    """

    type: ColumnType
    step_ms: int
    indicator: str = ""
    words: tuple[str, ...] = ()
    anchors: str = ""
    event: bool = False


ClockCheck = Callable[[int], None]
"""Adds the findings that depend on the bar length of the clock on which something is looked at."""


@dataclass(slots=True)
class Names:
    """
    Names of one Play. `features` maps id to indicator and clock; None stands for a feature or structure that is wrong itself.

    `reference`: the second symbol, empty without one. `sampled_ms`: bar length of the clock on which the expression being read
    is sampled, 0 for every evaluation. `clock_checks`: with the path of what they are about; they can only be made when all of
    the Play is read.
    """

    exec_ms: int
    reference: str = ""
    features: dict[str, tuple[IndicatorSpec, int] | None] = field(default_factory=dict)
    structures: dict[str, StructureNames | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sampled_ms: int = 0
    clock_checks: list[tuple[str, ClockCheck]] = field(default_factory=list)

    def resolve(self, text: str, offset: int, mark: Mark, path: str, report: Report) -> Ref | None:
        """
        The column that `id` or `id.field` names, with the field written out.

        Findings: E410 unknown id, E411 unknown field, E412 no primary output, E413 undeclared level or slot, E103 no second
        symbol; W302, W303 data that is not loaded.
        """
        name, _, output = text.partition(".")
        if name in self.structures:
            self.used.add(name)
            known = self.structures[name]
            found = FieldFinder(name, known, report).find(output, mark, path) if known is not None else None
            return Ref(name, found, offset) if found else None
        if name in self.features:
            self.used.add(name)
            return self._output(name, output, offset, mark, path, report)
        if name == REFERENCE_ID:
            return self._of_reference(output, offset, mark, path, report)
        if name in BUILT_IN:
            return self._built_in(name, output, offset, mark, path, report)
        self._refuse_unknown(name, text, mark, path, report)
        return None

    def _refuse_unknown(self, name: str, text: str, mark: Mark, path: str, report: Report) -> None:
        known = (*self.features, *self.structures, *BUILT_IN)
        columns = [f"{one}.{out.name}" for one, spec in self.features.items() if spec for out in spec[0].outputs]
        columns += [f"{one}.{out}" for one, structure in self.structures.items() if structure for out in structure.outputs]
        near = did_you_mean(text, (*known, *columns)) or did_you_mean(name, known)
        declared = f"a feature ({one_of(self.features)})" if self.features else "a feature (none is declared)"
        if self.structures:
            declared += f", a structure ({one_of(self.structures)})"
        back = _SOME_BARS_BACK.match(text)
        if back and back[1] in known:
            near = f"; write {{feature_id: {back[1]}, offset: {back[2]}}}"
        near = IMPORTABLE if is_older_reference(text) else QUOTED_NUMBER if is_quoted_number(text) else near
        text = f"found the unknown id `{name}`, expected {declared} or a built-in ({one_of(PRICES)}, …){near}"
        report.add("E410", mark, path, text)

    def _built_in(self, name: str, output: str, offset: int, mark: Mark, path: str, report: Report) -> Ref | None:
        if output:
            report.add("E411", mark, path, f"found the field `{output}`, expected none: `{name}` is a single column")
            return None
        if name in OF_THE_MARKET:
            text = (
                f"found `{name}`: a backtest knows it from a file beside its candles ({_OPTION_OF[name]}), else it is missing"
            )
            report.add("W303", mark, path, f"{text}, and what compares it is unknown")
        if name in MINUTE_PRICES:
            self.used.add(name)
        if name == "mark_price":
            text = "found `mark_price`: in a backtest without mark candles (--mark-candles) the last price is used"
            report.add("W302", mark, path, text)
        return Ref(name, "", offset)

    def _output(self, name: str, output: str, offset: int, mark: Mark, path: str, report: Report) -> Ref | None:
        known = self.features[name]
        if known is None:
            return None
        spec = known[0]
        outputs = [out.name for out in spec.outputs]
        if not output:
            if spec.primary is None:
                report.add(
                    "E412", mark, path, f"found `{name}` without a field, expected {one_of(f'{name}.{out}' for out in outputs)}"
                )
                return None
            return Ref(name, spec.primary, offset)
        if output not in outputs:
            near, older = did_you_mean(output, outputs), IMPORTABLE if is_older_field(spec.name, output) else ""
            report.add(
                "E411",
                mark,
                path,
                f"found the unknown field `{output}` of `{name}` ({spec.name}), expected {one_of(outputs)}{near}{older}",
            )
            return None
        return Ref(name, output, offset)

    def _of_reference(self, output: str, offset: int, mark: Mark, path: str, report: Report) -> Ref | None:
        fields = one_of(f"{REFERENCE_ID}.{name}" for name in PRICES)
        if output not in PRICES:
            found = f"the unknown field `{output}` of `{REFERENCE_ID}`" if output else f"`{REFERENCE_ID}` without a field"
            near = did_you_mean(output, PRICES) if output else ""
            report.add("E411" if output else "E412", mark, path, f"found {found}, expected {fields}{near}")
            return None
        return Ref(REFERENCE_ID, output, offset) if self.has_reference(f"{REFERENCE_ID}.{output}", mark, path, report) else None

    def has_reference(self, reader: str, mark: Mark, path: str, report: Report) -> bool:
        """Whether the Play has a second symbol, which `reader` reads and so uses; E103 if not."""
        self.used.add(REFERENCE_ID)
        if not self.reference:
            text = f"found `{reader}`, which reads a second symbol, expected a section that names it"
            report.add("E103", mark, path, f"{text}: `reference: {{symbol: BTCUSDT}}`")
        return bool(self.reference)

    def column(self, ref: Ref) -> Column:
        """Type and clock of a resolved reference."""
        structure = self.structures.get(ref.id)
        if structure is not None:
            output = structure.outputs[ref.field]
            anchors = structure.anchors_of(ref.id, ref.field)
            return Column(output.type, structure.step_ms, structure.spec.name, output.words, anchors, output.event)
        known = self.features.get(ref.id)
        if known is None:
            return Column(ColumnType.FLOAT, MINUTE_MS if ref.id in MINUTE_PRICES else self.exec_ms)
        spec, step_ms = known
        return Column(spec.outputs[spec.output_index(ref.field)].type, step_ms, spec.name)

    def warn_of_event(self, ref: Ref, mark: Mark, path: str, report: Report) -> None:
        """W310 for an event of a slower clock that is seen more often than once."""
        column, sampled_ms = self.column(ref), self.sampled_ms

        def check(clock_ms: int) -> None:
            if column.step_ms <= max(clock_ms, sampled_ms):
                return
            slow, fast = NAME_OF_MS[column.step_ms], NAME_OF_MS[clock_ms]
            text = f"found an event of {slow}, which stays true on {fast} until the next {slow} close"
            meant = f"write {{occurred_within: {{bars: 1, anchor_tf: {slow}, …}}}} where each is meant once"
            report.add("W310", mark, path, f"{text}; {meant}")

        if column.event:
            self.clock_checks.append((path, check))
