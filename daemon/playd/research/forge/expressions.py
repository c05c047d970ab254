"""Expressions of every form of the language: lists, `all`, `any`, `not`, setups, windows (play-language 4)."""

from collections import deque
from collections.abc import Callable
from typing import Final

from playd.core.timeframes import MINUTE_MS, NAME_OF_MS
from playd.plays.expressions import WINDOWS
from playd.research.forge.comparisons import ComparisonForge
from playd.research.forge.draw import Draw

_WINDOW_BARS: Final = 40
_MOST_CHILDREN: Final = 4


class ExpressionForge:
    """
    Writes expressions. What is in `first_windows` is used up before windows are drawn, so that each form appears somewhere.
    `setups` are those that expressions may use, by name.
    """

    def __init__(self, draw: Draw, comparisons: ComparisonForge, exec_ms: int, clocks: list[int]) -> None:
        self._draw = draw
        self._comparisons = comparisons
        self._exec_ms = exec_ms
        self._anchors = [step_ms for step_ms in clocks if step_ms >= exec_ms]
        self._setups_ready: list[str] = []
        self.first_windows: deque[str] = deque()
        self.setups: dict[str, object] = {}

    def action(self, depth: int) -> dict[str, object]:
        """An expression as a map, as actions have them; most are true now and then, whatever their columns say."""
        tree = self._once(depth)
        if self._draw.chance(0.6):
            return {"any": [tree, self._comparisons.lively()]}
        if self._draw.chance(0.3):
            return {"all": [tree, self._comparisons.lively()]}
        return tree if isinstance(tree, dict) else {"all": [tree]}

    def add_setup(self, depth: int) -> None:
        """One more setup, which later expressions use."""
        name = f"setup_{len(self.setups)}"
        self.setups[name] = self._expression(depth)
        self._setups_ready.append(name)

    def _once(self, depth: int) -> object:
        """An expression that uses what must still appear."""
        trees = [self._expression(depth)]
        trees += [self._window(0) for _ in range(len(self.first_windows))]
        trees += [{"setup": self._setups_ready.pop()} for _ in range(len(self._setups_ready))]
        while self._comparisons.waiting:
            trees.append(self._comparisons.condition())
        return trees[0] if len(trees) == 1 else {self._draw.one_of(("all", "any")): trees[: _MOST_CHILDREN + 1]}

    def _expression(self, depth: int) -> object:
        """An expression with at most so many levels above its conditions."""
        if depth <= 0 or self._draw.chance(0.15):
            return self._comparisons.condition()
        if self.setups and self._draw.chance(0.2):
            return {"setup": self._draw.one_of(list(self.setups))}
        makers: list[Callable[[int], object]] = [self._several, self._several, self._not, self._window, self._list]
        return self._draw.one_of(makers)(depth - 1)

    def _children(self, depth: int) -> list[object]:
        return [self._expression(depth) for _ in range(self._draw.integer(1, _MOST_CHILDREN))]

    def _several(self, depth: int) -> object:
        return {self._draw.one_of(("all", "any")): self._children(depth)}

    def _list(self, depth: int) -> object:
        return self._children(depth)

    def _not(self, depth: int) -> object:
        return {"not": self._expression(depth)}

    def _window(self, depth: int) -> object:
        form = self.first_windows.popleft() if self.first_windows else self._draw.one_of(tuple(WINDOWS))
        keys = WINDOWS[form].names
        bars = self._draw.integer(1, _WINDOW_BARS)
        body: dict[str, object] = {}
        if "bars" in keys:
            body["bars"] = bars
        if "duration" in keys:
            minutes = max(self._exec_ms // MINUTE_MS * bars, 1)
            body["duration"] = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
        if "min_true" in keys:
            body["min_true"] = self._draw.integer(1, bars)
        if "anchor_tf" in keys and self._draw.chance(0.3):
            body["anchor_tf"] = NAME_OF_MS[self._draw.one_of(self._anchors)]
        body["expr"] = self._expression(depth)
        return {form: body}
