"""
What names mean: built-in columns, outputs of features, their types and clocks (play-language 4.3).

Resolving a name marks it as used, so that what nothing uses can be named too.
"""

from dataclasses import dataclass, field
from typing import Final

from playd.core.timeframes import MINUTE_MS
from playd.kernels.spec import ColumnType, IndicatorSpec
from playd.plays.conditions import Ref
from playd.plays.findings import Mark, Report, did_you_mean, one_of
from playd.plays.tables import PRICES

MINUTE_PRICES: Final = ("last_price", "mark_price")
"""Built-ins of the minute clock; naming one makes a condition a minute condition."""

_NO_DATA: Final = ("funding_rate", "open_interest")
BUILT_IN: Final = (*PRICES, *MINUTE_PRICES, *_NO_DATA, "timestamp", "reference")
"""Ids that features and structures cannot have."""

OFFSET_BARS: Final = 5000
"""Longest look back of a reference."""


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a named column: its type, the bar length of its clock, and for an ENUM its words by their number."""

    type: ColumnType
    step_ms: int
    indicator: str = ""
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class Names:
    """Names of one Play. `features` maps id to indicator and clock; None stands for a feature that is wrong itself."""

    exec_ms: int
    features: dict[str, tuple[IndicatorSpec, int] | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def resolve(self, text: str, offset: int, mark: Mark, path: str, report: Report) -> Ref | None:
        """
        The column that `id` or `id.field` names, with the field written out.

        Findings: E410 unknown id, E411 unknown field, E412 no primary output, E902 column without data in this version.
        """
        name, _, output = text.partition(".")
        if name in self.features:
            self.used.add(name)
            return self._output(name, output, offset, mark, path, report)
        if name == "reference":
            self._refuse(text, "a reference symbol", mark, path, report)
            return None
        if name in BUILT_IN:
            return self._built_in(name, output, offset, mark, path, report)
        known = (*self.features, *BUILT_IN)
        columns = [f"{one}.{out.name}" for one, spec in self.features.items() if spec for out in spec[0].outputs]
        near = did_you_mean(text, (*known, *columns)) or did_you_mean(name, known)
        declared = f"a feature ({one_of(self.features)})" if self.features else "a feature (none is declared)"
        report.add(
            "E410", mark, path, f"found the unknown id `{name}`, expected {declared} or a built-in ({one_of(PRICES)}, …){near}"
        )
        return None

    def _built_in(self, name: str, output: str, offset: int, mark: Mark, path: str, report: Report) -> Ref | None:
        if output:
            report.add("E411", mark, path, f"found the field `{output}`, expected none: `{name}` is a single column")
            return None
        if name in _NO_DATA:
            self._refuse(name, "a column that is always missing without its data", mark, path, report)
            return None
        if name in MINUTE_PRICES:
            if self.exec_ms != MINUTE_MS:
                self._refuse(name, "a minute condition on a slower execution clock", mark, path, report)
                return None
            if name == "mark_price":
                report.add("W302", mark, path, "found `mark_price`: no mark candles are loaded, the last price is used")
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
            near = did_you_mean(output, outputs)
            report.add(
                "E411",
                mark,
                path,
                f"found the unknown field `{output}` of `{name}` ({spec.name}), expected {one_of(outputs)}{near}",
            )
            return None
        return Ref(name, output, offset)

    @staticmethod
    def _refuse(name: str, what: str, mark: Mark, path: str, report: Report) -> None:
        report.add("E902", mark, path, f"found `{name}`, {what}, which is not available in this version")

    def column(self, ref: Ref) -> Column:
        """Type and clock of a resolved reference."""
        known = self.features.get(ref.id)
        if known is None:
            return Column(ColumnType.FLOAT, self.exec_ms)
        spec, step_ms = known
        return Column(spec.outputs[spec.output_index(ref.field)].type, step_ms, spec.name)
