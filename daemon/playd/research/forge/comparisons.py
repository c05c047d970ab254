"""Conditions with operands of every spelling, each operator where its types allow it (play-language 4.2 to 4.4)."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from playd.kernels.spec import ColumnType
from playd.plays.comparisons import ALL_OPS, EQUALITY_OPS, NEAR_OPS
from playd.plays.operands import ARITH_OPS
from playd.research.forge.columns import NUMERIC, Named
from playd.research.forge.draw import Draw

_LITERALS: Final = (-1, 0, 0.5, 1, 20, 30, 50, 70, 80, 100, 48_000, 50_000, 51_500.5)
_OF_DISCRETE: Final = (*EQUALITY_OPS, "in")
_MOST_VARIABLES: Final = 4


def fits(op: str, type: ColumnType) -> bool:
    """Whether an operator takes a column of that type on its left side."""
    return type is not ColumnType.FLOAT if op in _OF_DISCRETE else type in NUMERIC


class ComparisonForge:
    """
    Writes conditions about the given columns.

    Columns in `first_columns` and operators in `first_ops` are used up before anything is drawn, so that each appears
    somewhere. Some numbers become variables, which `variables` collects.
    """

    def __init__(self, draw: Draw, columns: Sequence[Named]) -> None:
        self._draw = draw
        self._columns = columns
        self._numeric = [column for column in columns if column.type in NUMERIC]
        self.first_columns: deque[Named] = deque()
        self.first_ops: deque[str] = deque()
        self.first_arithmetic: deque[str] = deque()
        self.variables: dict[str, object] = {}

    @property
    def waiting(self) -> bool:
        """Whether something must still appear."""
        return bool(self.first_columns or self.first_ops or self.first_arithmetic)

    def lively(self) -> object:
        """A condition that is true often enough to trade on, whatever the columns."""
        op = self._draw.one_of((">", "<", "cross_above", "cross_below"))
        return ["close", op, {"feature_id": "close", "offset": self._draw.integer(2, 9)}]

    def condition(self) -> object:
        """One condition in list form or long form."""
        left, op = self._left_and_op()
        right, tolerance = self._right(op, left), self._draw.one_of((0, 0.1, 0.5, 25))
        lhs = self._arithmetic(1) if op not in _OF_DISCRETE and self.first_arithmetic else self._reference(left)
        if self._draw.chance(0.7):
            return [lhs, op, right, *([tolerance] if op in NEAR_OPS else [])]
        return {"lhs": lhs, "op": op, "rhs": right, **({"tolerance": tolerance} if op in NEAR_OPS else {})}

    def _left_and_op(self) -> tuple[Named, str]:
        if self.first_ops:
            op = self.first_ops.popleft()
            waiting = next((column for column in self.first_columns if fits(op, column.type)), None)
            if waiting is not None:
                self.first_columns.remove(waiting)
            able = [column for column in self._columns if fits(op, column.type)]
            if waiting or able:
                return waiting or self._draw.one_of(able), op
        left = self.first_columns.popleft() if self.first_columns else self._draw.one_of(self._columns)
        return left, self._draw.one_of([op for op in ALL_OPS if fits(op, left.type)])

    def _right(self, op: str, left: Named) -> object:
        if op == "between":
            return self._range()
        if op == "in":
            return [self._literal_of(left) for _ in range(self._draw.integer(1, 3))]
        return self._literal_of(left) if op in EQUALITY_OPS else self._operand(1)

    def _range(self) -> object:
        if self._draw.chance(0.5):
            low, high = sorted((self._draw.one_of(_LITERALS), self._draw.one_of(_LITERALS)))
            ends: tuple[object, object] = (low, high)
        else:
            ends = (self._operand(1), self._reference(self._draw.one_of(self._numeric)))
        return list(ends) if self._draw.chance(0.5) else {"low": ends[0], "high": ends[1]}

    def _literal_of(self, column: Named) -> object:
        """A literal that a discrete column can equal."""
        if column.type is ColumnType.BOOL:
            return self._draw.one_of((True, False, 1, 0))
        if column.type is ColumnType.ENUM:
            word = self._draw.one_of(column.words)
            return word.upper() if self._draw.chance(0.1) else word
        return self._draw.integer(-1, 3)

    def _operand(self, depth: int) -> object:
        if self.first_arithmetic or (depth > 0 and self._draw.chance(0.25)):
            return self._arithmetic(depth - 1)
        return self._number() if self._draw.chance(0.4) else self._reference(self._draw.one_of(self._numeric))

    def _number(self) -> object:
        number = self._draw.one_of(_LITERALS)
        if len(self.variables) < _MOST_VARIABLES and self._draw.chance(0.2):
            name = f"level_{len(self.variables)}"
            self.variables[name] = number
            return f"${name}"
        return number

    def _arithmetic(self, depth: int) -> object:
        sign = self.first_arithmetic.popleft() if self.first_arithmetic else self._draw.one_of(ARITH_OPS)
        left = self._reference(self._draw.one_of(self._numeric))
        right = self._operand(depth)
        return [left, sign, right] if self._draw.chance(0.5) else {sign: [left, right]}

    def _reference(self, column: Named) -> object:
        """The column, or what it was some bars ago."""
        if self._draw.chance(0.2):
            field = {"field": column.field} if column.field else {}
            offset = {"offset": self._draw.integer(0, 12)} if self._draw.chance(0.8) else {}
            return {"feature_id": column.id, **field, **offset}
        return column.id if column.primary and self._draw.chance(0.5) else column.text
