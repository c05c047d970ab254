"""Operands of conditions: references, numbers, arithmetic in list and mapping form."""

from typing import Final, cast, get_args

from playd.kernels.spec import ColumnType
from playd.plays.conditions import Arith, ArithOp, Number, Operand, Ref
from playd.plays.document import Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import Report, one_of
from playd.plays.names import OFFSET_BARS, Names
from playd.plays.reader import Key, Section, Table

ARITH_OPS: Final[tuple[str, ...]] = get_args(ArithOp)

REFERENCE: Final = Table(
    (
        Key("feature_id", "text", "id of a feature or built-in", required=True),
        Key("field", "text", "output; default the primary one"),
        Key("offset", "int", "bars back on the column's own clock", default=0, low=0, high=OFFSET_BARS, unit="bars"),
    )
)

_EXPECTED: Final = 'a reference ("id" or "id.field"), a number, or arithmetic ([a, "-", b])'


def is_arithmetic(item: Item) -> bool:
    """Whether a list is arithmetic in list form."""
    if not isinstance(item, Sequence) or len(item.items) != 3:
        return False
    middle = item.items[1]
    return isinstance(middle, Leaf) and middle.value in ARITH_OPS


def read_operand(item: Item, path: str, names: Names, report: Report) -> Operand | None:
    """An operand, or None with findings."""
    if isinstance(item, Leaf):
        return _leaf(item, path, names, report)
    if is_arithmetic(item):
        assert isinstance(item, Sequence)
        left, op, right = item.items
        assert isinstance(op, Leaf)
        return _arithmetic(str(op.value), (left, f"{path}[0]"), (right, f"{path}[2]"), path, names, report)
    if isinstance(item, Map):
        if item.get("feature_id") is not None:
            return _seen(read_reference(item, path, names, report), item, path, names, report)
        if len(item.entries) == 1 and item.entries[0].key in ARITH_OPS:
            sign, sides = item.entries[0].key, item.entries[0].value
            if isinstance(sides, Sequence) and len(sides.items) == 2:
                left, right = sides.items
                where = f"{path}.{sign}"
                return _arithmetic(sign, (left, f"{where}[0]"), (right, f"{where}[1]"), where, names, report)
            found = f"a list of {len(sides.items)}" if isinstance(sides, Sequence) else kind_of(sides)
            report.add("E401", sides.mark, f"{path}.{sign}", f"found {found}, expected a list of two operands")
            return None
    middle = item.items[1] if isinstance(item, Sequence) and len(item.items) == 3 else None
    if isinstance(middle, Leaf) and isinstance(middle.value, str) and not middle.value[:1].isalnum():
        report.add("E401", item.mark, path, f"found arithmetic with `{middle.value}`, expected {one_of(ARITH_OPS)}")
        return None
    found = f"a map with {one_of(item.keys)}" if isinstance(item, Map) and item.keys else kind_of(item)
    report.add("E401", item.mark, path, f"found {found}, expected {_EXPECTED}")
    return None


def _leaf(item: Leaf, path: str, names: Names, report: Report) -> Operand | None:
    value = item.value
    if item.reported:
        return None
    if isinstance(value, str):
        return _seen(names.resolve(value, 0, item.mark, path, report), item, path, names, report)
    if isinstance(value, bool) or value is None:
        report.add("E420", item.mark, path, f"found {kind_of(item)}, expected {_EXPECTED}")
        return None
    return Number(float(value))


def _seen(ref: Ref | None, item: Item, path: str, names: Names, report: Report) -> Ref | None:
    if ref is not None:
        names.warn_of_event(ref, item.mark, path, report)
    return ref


def read_reference(item: Map, path: str, names: Names, report: Report) -> Ref | None:
    """`{feature_id, field, offset}`. The id may carry the field after a dot when `field` is not written."""
    section = Section(item, REFERENCE, path, report, mark=item.mark)
    name, output, offset = section.text("feature_id"), section.text("field"), section.integer("offset")
    if not name:
        return None
    text = f"{name}.{output}" if output else name
    return names.resolve(text, offset, section.mark_of("field" if output else "feature_id"), path, report)


def _arithmetic(
    op: str, one: tuple[Item, str], other: tuple[Item, str], path: str, names: Names, report: Report
) -> Operand | None:
    """Arithmetic of two operands, each with the path that it stands under."""
    left, right = (read_operand(*side, names, report) for side in (one, other))
    if left is None or right is None:
        return None
    for (side, _), operand in zip((one, other), (left, right), strict=True):
        if type_of(operand, names) not in (ColumnType.FLOAT, ColumnType.INT):
            report.add("E420", side.mark, path, f"found a column that is no number beside `{op}`, expected FLOAT or INT")
    return Arith(cast(ArithOp, op), left, right)


def type_of(operand: Operand, names: Names) -> ColumnType:
    """Type of an operand: arithmetic is FLOAT, an integral literal counts as INT."""
    if isinstance(operand, Ref):
        return names.column(operand).type
    if isinstance(operand, Number) and operand.value == int(operand.value):
        return ColumnType.INT
    return ColumnType.FLOAT
