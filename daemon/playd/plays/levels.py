"""Stop and target maps by their type."""

from typing import Final, cast

from playd.kernels.spec import ColumnType
from playd.plays.conditions import Ref
from playd.plays.document import Item, Leaf, Map, kind_of
from playd.plays.findings import Mark, Report, did_you_mean, one_of
from playd.plays.model import (
    AtrDistance,
    AtrTrailing,
    Basis,
    LevelStop,
    PercentDistance,
    PercentTrailing,
    PointsDistance,
    RewardRisk,
    Stop,
    Target,
)
from playd.plays.names import Names
from playd.plays.operands import read_reference
from playd.plays.reader import Section, Table
from playd.plays.risk_tables import STOPS, TARGETS

_OTHER_KINDS: Final = {
    **dict.fromkeys(("pct", "percentage"), "percent"),
    **dict.fromkeys(("points", "price", "usdt"), "fixed_points"),
    **dict.fromkeys(("rr", "r_multiple", "risk_reward"), "rr_ratio"),
}
"""What other libraries call a kind of level."""


def says_none(item: Item) -> bool:
    """Whether a stop or target is the word `none`."""
    return isinstance(item, Leaf) and item.value == "none"


class LevelReader:
    """Reads the level maps of one Play."""

    def __init__(self, names: Names, report: Report) -> None:
        self._names = names
        self._report = report

    def stop(self, parent: Section, name: str) -> tuple[Stop | None, AtrTrailing | PercentTrailing | None]:
        """The stop of `parent[name]`, and the trailing that the two trailing types bring along."""
        opened = self._open(parent, name, STOPS)
        if opened is None:
            return None, None
        kind, section = opened
        if kind == "percent":
            return PercentDistance(section.number("value"), cast(Basis, section.text("basis"))), None
        if kind == "fixed_points":
            return PointsDistance(section.number("value")), None
        if kind == "structure":
            return self._level(section), None
        if kind == "trailing_pct":
            percent = section.number("trail_pct")
            return PercentDistance(percent, "price"), PercentTrailing(percent, section.number("activation_pct"))
        atr, multiple = self.atr(section), section.number("value")
        if atr is None:
            return None, None
        if kind == "trailing_atr":
            return AtrDistance(multiple, atr), AtrTrailing(atr, multiple, section.number("activation_pct"))
        return AtrDistance(multiple, atr, section.number("buffer_pct")), None

    def target(self, parent: Section, name: str) -> Target | None:
        """The target of `parent[name]`."""
        opened = self._open(parent, name, TARGETS)
        if opened is None:
            return None
        kind, section = opened
        if kind == "percent":
            return PercentDistance(section.number("value"), cast(Basis, section.text("basis")))
        if kind == "fixed_points":
            return PointsDistance(section.number("value"))
        if kind == "rr_ratio":
            return RewardRisk(section.number("value"))
        atr = self.atr(section)
        return AtrDistance(section.number("value"), atr) if atr else None

    def _open(self, parent: Section, name: str, tables: dict[str, Table]) -> tuple[str, Section] | None:
        item, path = parent.item(name), parent.path_of(name)
        if item is None or says_none(item):
            return None
        if not isinstance(item, Map):
            if not (isinstance(item, Leaf) and item.reported):
                percent = f"{name}_pct"
                meant = f"; write `{percent}: …` for a percentage" if percent in parent.names else ""
                if isinstance(item, Leaf) and str(item.value).lower() in ("none", "no", "null", "false"):
                    meant = "; did you mean `none`?"
                self._report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a map with `type`, or none{meant}")
            return None
        type_item = item.get("type")
        kind = type_item.value if isinstance(type_item, Leaf) else None
        if type_item is None:
            self._report.add("E103", item.mark, f"{path}.type", f"found no key `type`, expected {one_of(tables)}")
            return None
        if not isinstance(kind, str) or kind not in tables:
            near = did_you_mean(_OTHER_KINDS.get(kind, kind), tables) if isinstance(kind, str) else ""
            text = f"found {kind_of(type_item)}, expected {one_of(tables)}{near}"
            self._report.add("E105", type_item.mark, f"{path}.type", text)
            return None
        return kind, Section(item, tables[kind], path, self._report, mark=item.mark)

    def _level(self, section: Section) -> LevelStop | None:
        sides: dict[str, Ref | None] = {"long": None, "short": None}
        for side in sides:
            item = section.item(side)
            if item is not None:
                sides[side] = self._level_of(item, section.path_of(side))
        if not section.has("long") and not section.has("short"):
            text = "found neither `long` nor `short`, expected a reference for each side that is used"
            self._report.add("E103", section.mark, section.path, text)
            return None
        return LevelStop(sides["long"], sides["short"], section.number("buffer_pct"))

    def atr(self, section: Section) -> Ref | None:
        """The column that `atr_feature_id` names; it must hold FLOAT numbers."""
        word = section.text("atr_feature_id")
        return self._number_column(word, section, "atr_feature_id") if word else None

    def _level_of(self, item: Item, path: str) -> Ref | None:
        """A reference in either form that holds prices."""
        if isinstance(item, Map):
            return self._as_number(read_reference(item, path, self._names, self._report), item.mark, path)
        word = item.value if isinstance(item, Leaf) else None
        if isinstance(word, str):
            return self._as_number(self._names.resolve(word, 0, item.mark, path, self._report), item.mark, path)
        if not (isinstance(item, Leaf) and item.reported):
            self._report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a reference like swing.low_level")
        return None

    def _number_column(self, word: str, section: Section, key: str) -> Ref | None:
        mark, path = section.mark_of(key), section.path_of(key)
        return self._as_number(self._names.resolve(word, 0, mark, path, self._report), mark, path)

    def _as_number(self, ref: Ref | None, mark: Mark, path: str) -> Ref | None:
        """E420 for a column that holds no FLOAT numbers."""
        if ref is not None and self._names.column(ref).type is not ColumnType.FLOAT:
            self._report.add("E420", mark, path, f"found `{ref.column}`, which is no FLOAT column, expected FLOAT")
        return ref
