"""`actions` in both forms, with metadata, partial exits, cases and `else` (play-language 7.1)."""

from collections.abc import Sequence
from typing import Final

from playd.research.forge.columns import Named
from playd.research.forge.draw import Draw
from playd.research.forge.expressions import ExpressionForge
from playd.research.forge.money import Sides

_PERCENTS: Final = (100, 50, 33.3)


class RuleForge:
    """Writes the actions of one Play."""

    def __init__(self, draw: Draw, expressions: ExpressionForge, columns: Sequence[Named]) -> None:
        self._draw = draw
        self._expressions = expressions
        self._columns = columns
        self._percent = draw.one_of(_PERCENTS)

    def actions(self, sides: Sides, depth: int) -> object:
        """Entries of these sides, and exits where the exit mode takes them."""
        names = [f"entry_{side}" for side in sides.entered]
        exits = [f"exit_{side}" for side in sides.entered]
        if sides.exit_mode != "sl_tp_only":
            names += ["exit_all"] if self._draw.chance(0.3) else exits
        return self._mapping(names, depth) if self._draw.chance(0.7) else self._blocks(names, depth)

    def _mapping(self, names: Sequence[str], depth: int) -> dict[str, object]:
        return {name: {**self._expressions.action(depth), **self._beside(name)} for name in names}

    def _beside(self, name: str) -> dict[str, object]:
        beside: dict[str, object] = {}
        if name.startswith("exit") and self._draw.chance(0.3):
            beside["percent"] = self._draw.one_of(_PERCENTS)
        if self._draw.chance(0.3):
            beside["metadata"] = self._metadata()
        return beside

    def _blocks(self, names: Sequence[str], depth: int) -> list[object]:
        """A block per action; an `else` repeats the action of its block."""
        blocks: list[object] = []
        for name in names:
            cases = [
                {"when": self._expressions.action(depth), "emit": [self._item(name)]} for _ in range(self._draw.integer(1, 2))
            ]
            otherwise = {"else": {"emit": [self._item(name)]}} if self._draw.chance(0.2) else {}
            blocks.append({"id": f"on_{name}", "cases": cases, **otherwise})
        return blocks

    def _item(self, name: str) -> object:
        """One emit item. All exits of a Play in list form close the same share."""
        share = {"percent": self._percent} if name.startswith("exit") and self._percent != 100 else {}
        labels = {"metadata": self._metadata()} if self._draw.chance(0.3) else {}
        return {"action": name, **share, **labels} if share or labels or self._draw.chance(0.3) else name

    def _metadata(self) -> dict[str, object]:
        column = self._draw.one_of(self._columns)
        field = {"field": column.field} if column.field else {}
        seen = {"feature_id": column.id, **field, "offset": self._draw.integer(0, 5)}
        return {"tag": "forged", "seen": seen, "weight": self._draw.one_of((1, 0.5, True))}
