"""One condition: list and long form, operators, tolerance, ranges, literals, and whether the types fit."""

import re
from typing import Final, cast

from playd.kernels.spec import ColumnType
from playd.plays.conditions import Between, Compare, CompareOp, Member, Number, Operand
from playd.plays.document import Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, nearest_name, one_of
from playd.plays.hints import hint
from playd.plays.literals import LiteralReader, with_article
from playd.plays.names import Names
from playd.plays.older_names import GROUPS, LABELS
from playd.plays.operands import is_arithmetic, read_operand, type_of
from playd.plays.reader import Key, Section, Table

ORDER_OPS: Final = (">", ">=", "<", "<=", "cross_above", "cross_below")
EQUALITY_OPS: Final = ("==", "!=")
NEAR_OPS: Final = ("near_abs", "near_pct")
ALL_OPS: Final = (*ORDER_OPS, *EQUALITY_OPS, *NEAR_OPS, "between", "in")

OLDER_OPS: Final = {
    **{"gt": ">", "lt": "<", "gte": ">=", "lte": "<=", "eq": "==", "ne": "!=", "neq": "!="},
    **{"crosses_above": "cross_above", "crosses_below": "cross_below"},
}
"""Operators of older files to those of now; an import rewrites them."""

_OTHER_OPS: Final = {
    **dict.fromkeys(("crossover", "cross_over", "crosses_over", "crosses", "crossup"), "cross_above"),
    **dict.fromkeys(("crossunder", "cross_under", "crosses_under", "crossdown"), "cross_below"),
    **dict.fromkeys(("=", "===", "is", "equals"), "=="),
    **dict.fromkeys(("<>", "is_not", "not", "≠"), "!="),
    **{"≥": ">=", "≤": "<="},
}
"""What other languages call them."""

_CURLY: Final = "“”„‘’«»"

_WRITTEN_OUT: Final = re.compile(
    rf"\s*(\S+)\s+({'|'.join(re.escape(op) for op in sorted(ALL_OPS, key=len, reverse=True))})\s+(\S+)\s*\Z"
)

_OR: Final = r"\s(?:or|\|\|?)\s"
_JOINED: Final = re.compile(rf"\s(?:and|&&?)\s|{_OR}", re.IGNORECASE)

LONG_FORM: Final = Table(
    (
        Key("lhs", "any", "left operand", required=True),
        Key("op", "word", "operator", required=True, words=ALL_OPS),
        Key("rhs", "any", "right operand, range or list of literals", required=True),
        Key("tolerance", "number", "of near_abs and near_pct", low=0),
    )
)

RANGE: Final = Table(
    (
        Key("low", "any", "lower operand", required=True),
        Key("high", "any", "upper operand", required=True),
    )
)

_NUMERIC: Final = (ColumnType.FLOAT, ColumnType.INT)
_TOLERANCE: Final = Key("tolerance", "number", "of near_abs and near_pct", low=0)

Comparison = Compare | Between | Member


def is_condition(item: Item) -> bool:
    """Whether a list is one condition: its second element is a word, which no list of expressions can hold."""
    return (
        isinstance(item, Sequence)
        and len(item.items) >= 2
        and isinstance(item.items[1], Leaf)
        and isinstance(item.items[1].value, str)
        and not is_arithmetic(item)
        and not as_list_form(item.items[1].value)
    )


def as_list_form(text: str) -> str:
    """Conditions that were written as one text, all joined by the same word, in their list form; empty for any other text."""
    parts = [_WRITTEN_OUT.match(part) for part in _JOINED.split(text)]
    written = [f'[{part[1]}, "{part[2]}", {part[3]}]' for part in parts if part]
    alternatives = len(re.findall(_OR, text, re.IGNORECASE))
    if len(written) < len(parts) or 0 < alternatives < len(parts) - 1:
        return ""
    return written[0] if len(written) == 1 else f"{{{'any' if alternatives else 'all'}: [{', '.join(written)}]}}"


class ComparisonReader:
    """Reads conditions of one Play."""

    def __init__(self, names: Names, report: Report) -> None:
        self._names = names
        self._report = report
        self._literals = LiteralReader(names, report)

    def from_list(self, item: Sequence, path: str) -> Comparison | None:
        """`[left, op, right]` or `[left, near, right, tolerance]`."""
        op_item = item.items[1]
        assert isinstance(op_item, Leaf)
        op = self._operator(op_item, path)
        if op is None:
            return None
        wanted = 4 if op in NEAR_OPS else 3
        if len(item.items) != wanted:
            form = {"between": "[left, between, [low, high]]", "in": "[left, in, [one, other, …]]"}.get(op, "[left, op, right]")
            form = "[left, op, right, tolerance]" if wanted == 4 else form
            more = "; each condition is a list of its own" if len(item.items) > 4 else ""
            found = f"found a condition of {len(item.items)} elements with `{op}`, expected {form}{more}"
            self._add("E401", item.mark, path, found)
            return None
        tolerance = self._read_tolerance(item.items[3], path) if wanted == 4 else 0.0
        return self._condition(item.items[0], op, item.items[2], tolerance, item.mark, (f"{path}[0]", f"{path}[2]"))

    def from_map(self, item: Map, path: str) -> Comparison | None:
        """`{lhs, op, rhs, tolerance}`."""
        strange = self._refuse_strange(item, path)
        if any(nearest_name(key, (name,)) for key in strange for name in LONG_FORM.names if name not in item.keys):
            return None  # one of its own keys is misspelt, and named as that
        own = Map(tuple(entry for entry in item if entry.key not in strange), item.mark)
        section = Section(own, LONG_FORM, path, self._report, mark=item.mark)
        left, op_item, right = section.item("lhs"), section.item("op"), section.item("rhs")
        if left is None or right is None or op_item is None:
            return None
        if not isinstance(op_item, Leaf):
            self._add("E105", op_item.mark, path, f"found {kind_of(op_item)} as operator, expected {one_of(ALL_OPS)}")
            return None
        op = self._operator(op_item, path)
        if op is None:
            return None
        tolerance = 0.0
        if op in NEAR_OPS:
            if not section.has("tolerance"):
                self._add(
                    "E103", item.mark, f"{path}.tolerance", f"found no tolerance, expected a number at least 0 with `{op}`"
                )
                return None
            tolerance = section.optional_number("tolerance") or 0.0
        elif section.has("tolerance"):
            self._add(
                "E104", section.mark_of("tolerance"), f"{path}.tolerance", f"found a tolerance, expected none with `{op}`"
            )
        return self._condition(left, op, right, tolerance, item.mark, (f"{path}.lhs", f"{path}.rhs"))

    def _refuse_strange(self, item: Map, path: str) -> list[str]:
        """E401 for every key that does not belong to a long condition; returns them."""
        strange = [entry for entry in item if entry.key not in LONG_FORM.names]
        for entry in strange:
            near = did_you_mean(entry.key, LONG_FORM.names)
            older = IMPORTABLE if entry.key in (*LABELS, *GROUPS) else ""
            text = f"found the key `{entry.key}` in a condition, expected {one_of(LONG_FORM.names)}{near}{older}"
            self._add("E401", entry.mark, f"{path}.{entry.key}", text)
        return [entry.key for entry in strange]

    def _operator(self, item: Leaf, path: str) -> str | None:
        word = item.value
        if item.reported:
            return None
        if word in ALL_OPS:
            return str(word)
        if isinstance(word, str) and word.lower() in OLDER_OPS:
            self._add("E901", item.mark, path, f"found the older spelling `{word}`, expected `{OLDER_OPS[word.lower()]}`")
            return None
        plain = str(word).strip(_CURLY)
        near = did_you_mean(_OTHER_OPS.get(plain.lower(), plain), ALL_OPS)
        near += "; quotes are plain ones" if plain != word else ""
        self._add("E105", item.mark, path, f"found the unknown operator `{word}`, expected {one_of(ALL_OPS)}{near}")
        return None

    def _read_tolerance(self, item: Item, path: str) -> float:
        value = item.value if isinstance(item, Leaf) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            if not (isinstance(item, Leaf) and item.reported):
                self._add("E420", item.mark, f"{path}[3]", f"found {kind_of(item)} as tolerance, expected a number at least 0")
            return 0.0
        if not _TOLERANCE.holds(value):
            self._add("E106", item.mark, f"{path}[3]", f"found the tolerance `{value}`, expected {_TOLERANCE.range_text}")
        return float(value)

    def _condition(
        self, left_item: Item, op: str, right_item: Item, tolerance: float, mark: Mark, paths: tuple[str, str]
    ) -> Comparison | None:
        left = read_operand(left_item, paths[0], self._names, self._report)
        if op == "between":
            return self._between(left, left_item, right_item, paths)
        if op == "in":
            return self._member(left, left_item, right_item, paths)
        if op in EQUALITY_OPS:
            if left is None:
                return None
            right = self._literals.equal_to(left, op, left_item, right_item, paths)
        else:
            right = read_operand(right_item, paths[1], self._names, self._report)
            for operand, item, path in ((left, left_item, paths[0]), (right, right_item, paths[1])):
                self._expect_numeric(operand, item, op, path)
        if left is None or right is None:
            return None
        condition = Compare(cast(CompareOp, op), left, right, tolerance)
        warning = hint(condition, self._names)
        if warning:
            self._add(warning[0], mark, paths[0], warning[1])
        return condition

    def _between(self, value: Operand | None, value_item: Item, item: Item, paths: tuple[str, str]) -> Between | None:
        if isinstance(item, Map):
            section = Section(item, RANGE, paths[1], self._report, mark=item.mark)
            low_item, high_item = section.item("low"), section.item("high")
        elif isinstance(item, Sequence) and len(item.items) == 2:
            low_item, high_item = item.items
        else:
            self._add("E401", item.mark, paths[1], f"found {kind_of(item)}, expected a range: [low, high] or {{low, high}}")
            return None
        if low_item is None or high_item is None:
            return None
        low = read_operand(low_item, f"{paths[1]}.low", self._names, self._report)
        high = read_operand(high_item, f"{paths[1]}.high", self._names, self._report)
        if value is None or low is None or high is None:
            return None
        for operand, operand_item in ((value, value_item), (low, low_item), (high, high_item)):
            self._expect_numeric(operand, operand_item, "between", paths[0])
        if isinstance(low, Number) and isinstance(high, Number) and low.value > high.value:
            self._add("E430", item.mark, paths[1], f"found the range {low.value:g}…{high.value:g}, expected low ≤ high")
        return Between(value, low, high)

    def _member(self, value: Operand | None, value_item: Item, item: Item, paths: tuple[str, str]) -> Member | None:
        if not isinstance(item, Sequence):
            self._add("E401", item.mark, paths[1], f"found {kind_of(item)}, expected a list of literals")
            return None
        if not item.items:
            self._add("E402", item.mark, paths[1], "found an empty list, expected at least one literal")
            return None
        return self._literals.member(value, value_item, item, paths) if value is not None else None

    def _expect_numeric(self, operand: Operand | None, item: Item, op: str, path: str) -> None:
        kind = type_of(operand, self._names) if operand is not None else ColumnType.FLOAT
        if kind not in _NUMERIC:
            meant = "; write `== true`" if kind is ColumnType.BOOL else "; write `==` and a word"
            self._add("E420", item.mark, path, f"found {with_article(kind)} with `{op}`, expected INT or FLOAT{meant}")

    def _add(self, code: str, mark: Mark, path: str, text: str) -> None:
        self._report.add(code, mark, path, text)
