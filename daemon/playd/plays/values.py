"""Values of columns as what they stand for: numbers, integers, true and false, words, texts."""

import math

from playd.kernels.spec import ColumnType
from playd.plays.columns import Columns
from playd.plays.model import Scalar

_NO_TEXT = "none"


def value_at(columns: Columns, name: str, row: int) -> Scalar | None:
    """
    What a named column says at a row of its clock; None where it is missing.

    A free text needs its name in `Program.texts`, which those in metadata have; elsewhere it is the number that stands for it.
    """
    value = float(columns.column(name)[row])
    if math.isnan(value):
        return None
    program = columns.program
    meaning = program.columns[program.names[name]].meaning
    match meaning.type:
        case ColumnType.INT:
            return int(value)
        case ColumnType.BOOL:
            return bool(value)
        case ColumnType.ENUM if meaning.words:
            return meaning.words[int(value)]
        case ColumnType.ENUM if name in program.texts:
            text = program.texts[name]
            return text.write([float(columns.row(one)[row]) for one in text.columns]) if value else _NO_TEXT
        case _:
            return value
