"""One forged Play: all sections together, as canonical text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from playd.core.errors import Broken
from playd.core.timeframes import TIMEFRAME_MS
from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.kernels.structures.spec import ATR
from playd.plays.comparisons import ALL_OPS
from playd.plays.document import read_document
from playd.plays.expressions import WINDOWS
from playd.plays.findings import Report
from playd.plays.formatting import format_play
from playd.plays.load import VERSION, check_play
from playd.plays.names import REFERENCE_ID
from playd.plays.operands import ARITH_OPS
from playd.plays.risk_tables import SIZING, STOPS, TARGETS
from playd.plays.tables import POLICY, ROLES
from playd.plays.words import PATTERNS
from playd.research.forge.columns import Named, built_ins
from playd.research.forge.comparisons import ComparisonForge
from playd.research.forge.draw import Draw
from playd.research.forge.expressions import ExpressionForge
from playd.research.forge.features import FeatureForge
from playd.research.forge.money import MoneyForge, Sides
from playd.research.forge.rules import RuleForge
from playd.research.forge.structures import StructureForge

_EXECUTION: Final = ("1m", "3m", "5m", "15m", "30m", "1h")
"""Execution clocks: fast enough for a market of a few thousand minutes."""

_TWO_SYMBOLS: Final = 0.2
"""How often a Play that need not reads a second symbol."""

_COLUMNS_USED: Final = 6
"""Columns that a Play is made to compare, beside those it happens to."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of the language are forged richly; the others appear as far as those need them."""

    indicators: bool = True
    structures: bool = True
    operators: bool = True


def forge_play(seed: int, number: int, parts: Parts = Parts()) -> str:
    """
    The text of Play `number` of a seed; the same for the same numbers and the same catalogs. Neither is negative.

    Play after play takes the next indicator, detector, operator, window, stop, target and sizing of the catalogs, so that as
    many Plays as the longest of them has entries use everything. Raises `Broken` if the checker refuses what was forged.
    """
    name, document = f"forge-{seed}-{number}", forge_document(seed, number, parts)
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    play, report = check_play(text, name)
    root = read_document(text, Report(name))
    if play is None or root is None:
        raise Broken(f"forged an invalid Play: {'; '.join(report.lines('E'))}")
    return format_play(text, root)


def forge_document(seed: int, number: int, parts: Parts = Parts()) -> dict[str, object]:
    """The same Play as the JSON-able tree that its file holds, not checked."""
    return _Forge(seed, number, parts).document(f"forge-{seed}-{number}")


class _Forge:
    def __init__(self, seed: int, number: int, parts: Parts) -> None:
        self._draw = draw = Draw(seed, number)
        self._number = number
        self._parts = parts
        self._frames = self._timeframes()
        self._exec_ms = TIMEFRAME_MS[self._frames[self._frames["exec"]]]
        self._clocks = sorted({self._exec_ms, *(TIMEFRAME_MS[self._frames[role]] for role in ROLES)})
        self._two_symbols = _reads_two(self._turn(list(CATALOG))) or draw.chance(_TWO_SYMBOLS)
        self._features = FeatureForge(draw, self._exec_ms, self._clocks, two_symbols=self._two_symbols)
        self._structures = StructureForge(draw, self._exec_ms, self._clocks, self._features)
        self._features.structure = self._structures.one_of_kind

    def document(self, name: str) -> dict[str, object]:
        """The file as a tree."""
        self._add_columns()
        columns = self._columns()
        expressions, comparisons = self._expression_forge(columns)
        sides = Sides(self._turn(POLICY.key("mode").words), self._draw.one_of(POLICY.key("exit_mode").words))
        money = MoneyForge(self._draw, sides, columns, self._atr)
        depth = self._draw.integer(2, 3) if self._parts.operators else 1
        for _ in range(self._draw.integer(0, 2) if self._parts.operators else 0):
            expressions.add_setup(depth - 1)
        actions = RuleForge(self._draw, expressions, columns).actions(sides, depth)
        risk = self._risk(money, sides)
        return {
            "version": VERSION,
            "name": name,
            "description": "forged",
            "tags": ["forged"],
            "symbol": "BTCUSDT",
            **({"reference": {"symbol": "ETHUSDT"}} if self._two_symbols else {}),
            "timeframes": self._frames,
            "account": money.account(has_risk=bool(risk)),
            **money.overrides(),
            **self._present("variables", comparisons.variables),
            **self._present("features", self._features.section),
            **self._present("structures", self._structures.section),
            **self._present("setups", expressions.setups),
            "actions": actions,
            "position_policy": money.policy(),
            **risk,
            **money.entry(),
            "validation": {"pattern": self._turn(PATTERNS), "seed": self._number, "bars": 300},
        }

    @staticmethod
    def _present(name: str, section: object) -> dict[str, object]:
        return {name: section} if section else {}

    def _turn(self, choices: Sequence[str]) -> str:
        """Every choice once in as many Plays."""
        return choices[self._number % len(choices)]

    def _timeframes(self) -> dict[str, str]:
        """Three roles that do not fall, of which one, mostly the fastest, is the execution clock."""
        names = list(TIMEFRAME_MS)
        exec_name = self._draw.one_of(_EXECUTION)
        role = self._draw.one_of((ROLES[0], ROLES[0], *ROLES))
        place, at = ROLES.index(role), names.index(exec_name)
        faster = sorted(self._draw.integer(0, at) for _ in ROLES[:place])
        slower = sorted(self._draw.integer(at, len(names) - 1) for _ in ROLES[place + 1 :])
        return {**{role: names[i] for role, i in zip(ROLES, [*faster, at, *slower], strict=True)}, "exec": role}

    def _add_columns(self) -> None:
        if self._parts.indicators:
            others = [kind for kind in CATALOG if self._two_symbols or not _reads_two(kind)]
            for kind in (self._turn(list(CATALOG)), *self._draw.some(others, 0, 4)):
                self._features.add(kind)
        if self._parts.structures:
            for kind in (self._turn(list(STRUCTURES)), *self._draw.some(list(STRUCTURES), 0, 2)):
                self._structures.add(kind)

    def _columns(self) -> list[Named]:
        return [*built_ins(self._exec_ms, two_symbols=self._two_symbols), *self._features.columns, *self._structures.columns]

    def _atr(self) -> str:
        """A feature that is an ATR: an earlier one, or one more."""
        made = [column.id for column in self._features.columns if self._features.kind(column.id) == ATR]
        return self._draw.one_of(made) if made and self._draw.chance(0.5) else self._features.add(ATR)

    def _expression_forge(self, columns: list[Named]) -> tuple[ExpressionForge, ComparisonForge]:
        comparisons = ComparisonForge(self._draw, columns)
        own = [column for column in columns if column.field]
        comparisons.first_columns.extend(self._draw.some(own, _COLUMNS_USED, _COLUMNS_USED))
        expressions = ExpressionForge(self._draw, comparisons, self._exec_ms, self._clocks)
        if self._parts.operators:
            comparisons.first_ops.append(self._turn(ALL_OPS))
            comparisons.first_arithmetic.append(self._turn(ARITH_OPS))
            expressions.first_windows.append(self._turn(tuple(WINDOWS)))
        return expressions, comparisons

    def _risk(self, money: MoneyForge, sides: Sides) -> dict[str, object]:
        """A stop and a target for every exit mode that needs them; now and then no risk map at all."""
        needed = sides.exit_mode == "sl_tp_only"
        if not needed and self._draw.chance(0.1):
            return {}
        stops, targets = (*STOPS, "none"), (*TARGETS, "none")
        stop, target = self._turn(stops), self._turn(targets)
        stop = "percent" if needed and stop == "none" else stop
        target = "percent" if needed and target == "none" else target
        return money.risk(stop, target, self._turn((*SIZING.key("model").words, "shorthand")))


def _reads_two(indicator: str) -> bool:
    return REFERENCE_ID in CATALOG[indicator].inputs
