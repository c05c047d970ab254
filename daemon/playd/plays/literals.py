"""What `==`, `!=` and `in` compare with: integers, true and false, words, and references of one type."""

from typing import Final

from playd.kernels.spec import ColumnType
from playd.plays.conditions import Member, Number, Operand, Ref, Word
from playd.plays.document import Item, Leaf, Sequence, kind_of
from playd.plays.findings import Report, did_you_mean, nearest_name, one_of
from playd.plays.names import BUILT_IN, Names
from playd.plays.operands import read_operand, type_of
from playd.plays.reader import is_quoted_number

Paths = tuple[str, str]
"""Key paths of the left and the right side."""

_WANTED: Final = {
    ColumnType.INT: "an integer like the left side",
    ColumnType.BOOL: "true, false, 1 or 0",
    ColumnType.ENUM: "a word",
}

_DIRECTIONS: Final = {
    **dict.fromkeys(("bullish", "bull", "up", "long"), 1),
    **dict.fromkeys(("bearish", "bear", "down", "short"), -1),
    **dict.fromkeys(("none", "neutral", "flat"), 0),
}
_DIRECTION_FIELDS: Final = ("bias", "direction")


class LiteralReader:
    """Reads the right sides of equalities of one Play."""

    def __init__(self, names: Names, report: Report) -> None:
        self._names = names
        self._report = report

    def equal_to(self, left: Operand, op: str, left_item: Item, right_item: Item, paths: Paths) -> Operand | None:
        """The right side of `==` or `!=`, None with a finding when it does not fit the left one."""
        kind = type_of(left, self._names)
        if kind is ColumnType.FLOAT:
            text = f"found `{op}` on a FLOAT, which is never safely equal, expected `near_abs` with a tolerance, `>` or `<`"
            self._report.add("E421", left_item.mark, paths[0], text)
            return None
        if isinstance(right_item, Leaf) and not self._is_reference(right_item, kind):
            return self._literal(right_item, left, paths[1])
        if isinstance(right_item, Leaf) and self._is_no_name(right_item.value):
            text = (
                f"found `{right_item.value}`, which names nothing, expected {_WANTED[kind]}, or a reference to another {kind}"
            )
            quotes = "; true and false stand without quotes" if str(right_item.value).lower() in ("true", "false") else ""
            self._report.add("E410", right_item.mark, paths[1], text + (quotes or _meant_by(right_item.value, left)))
            return None
        right = read_operand(right_item, paths[1], self._names, self._report)
        if right is None:
            return None
        other = type_of(right, self._names)
        if other is not kind:
            text = f"found {with_article(other)} on the right of `{op}`, expected {with_article(kind)} like the left side"
            self._report.add("E420", right_item.mark, paths[1], text)
            return None
        if kind is ColumnType.ENUM and self._words(left) != self._words(right):
            text = f"found a reference to other words, expected one with {one_of(self._words(left))}"
            self._report.add("E420", right_item.mark, paths[1], text)
            return None
        if kind is ColumnType.ENUM and self._anchors(left) != self._anchors(right):
            text = f"found the anchors of another structure, expected those of `{self._anchors(left)}`"
            self._report.add("E420", right_item.mark, paths[1], text)
            return None
        return right

    def member(self, value: Operand, value_item: Item, item: Sequence, paths: Paths) -> Member | None:
        """`value in [literals]`, None with findings when a literal does not fit."""
        if type_of(value, self._names) is ColumnType.FLOAT:
            text = "found a FLOAT on the left of `in`, expected INT, BOOL or ENUM; use `between` or `near_abs`"
            self._report.add("E420", value_item.mark, paths[0], text)
            return None
        literals = [self._literal(one, value, paths[1]) for one in item.items]
        found = [literal for literal in literals if literal is not None]
        if len(found) != len(literals):
            return None
        words = tuple(literal.text for literal in found if isinstance(literal, Word))
        return Member(value, tuple(literal.value for literal in found), words)

    def _is_no_name(self, value: object) -> bool:
        """Whether text beside a number or a truth is a word, and no id is like it."""
        if not isinstance(value, str) or "." in value or is_quoted_number(value):
            return False
        known = (*self._names.features, *self._names.structures, *BUILT_IN)
        return value not in known and nearest_name(value, known) is None

    def _is_reference(self, item: Leaf, kind: ColumnType) -> bool:
        """Text is a word beside an ENUM unless it has a dot; beside anything else it is a reference."""
        return isinstance(item.value, str) and (kind is not ColumnType.ENUM or "." in item.value)

    def _literal(self, item: Item, left: Operand, path: str) -> Number | None:
        kind = type_of(left, self._names)
        value = item.value if isinstance(item, Leaf) else None
        if isinstance(item, Leaf) and item.reported:
            return None
        if kind is ColumnType.ENUM and isinstance(value, str):
            return self._word(item, value, left, path)
        if isinstance(value, int | float) and kind is not ColumnType.ENUM:
            fits = value in (0, 1) if kind is ColumnType.BOOL else not isinstance(value, bool) and value == int(value)
            if fits:
                return Number(float(value))
        wanted = f"one of {one_of(self._words(left))}" if kind is ColumnType.ENUM else _WANTED[kind]
        self._report.add("E420", item.mark, path, f"found {kind_of(item)}, expected {wanted}")
        return None

    def _word(self, item: Item, text: str, left: Operand, path: str) -> Word | None:
        words = self._words(left)
        word = text.lower()
        if word in words:
            return Word(float(words.index(word)), word)
        near = did_you_mean(text, words)
        self._report.add("E422", item.mark, path, f"found the unknown word `{text}`, expected {one_of(words)}{near}")
        return None

    def _words(self, operand: Operand) -> tuple[str, ...]:
        """Words of an ENUM column; one whose text is free has `none` alone."""
        return (self._names.column(operand).words if isinstance(operand, Ref) else ()) or ("none",)

    def _anchors(self, operand: Operand) -> str:
        return self._names.column(operand).anchors if isinstance(operand, Ref) else ""


def _meant_by(value: object, left: Operand) -> str:
    """The number that a word for a direction stands for, where the left side says one as a number."""
    meant = _DIRECTIONS.get(str(value).lower())
    of_direction = isinstance(left, Ref) and left.field.endswith(_DIRECTION_FIELDS)
    return f"; write {meant} for {value}" if meant is not None and of_direction else ""


def with_article(kind: ColumnType) -> str:
    """`a FLOAT`, `an ENUM`."""
    return f"{'a' if kind in (ColumnType.FLOAT, ColumnType.BOOL) else 'an'} {kind}"
