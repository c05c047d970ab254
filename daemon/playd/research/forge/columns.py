"""What conditions of a forged Play can name, with all that decides which operators fit."""

from dataclasses import dataclass
from typing import Final

from playd.kernels.spec import ColumnType
from playd.plays.names import BUILT_IN, REFERENCE_ID
from playd.plays.tables import PRICES

NUMERIC: Final = (ColumnType.FLOAT, ColumnType.INT)


@dataclass(frozen=True, slots=True)
class Named:
    """
    A column: `id` alone, or `id` with `field`. `words` are those that an ENUM can be compared with. `primary`: its id alone
    means it.
    """

    id: str
    field: str
    type: ColumnType
    step_ms: int
    words: tuple[str, ...] = ()
    primary: bool = False

    @property
    def text(self) -> str:
        """As a reference."""
        return f"{self.id}.{self.field}" if self.field else self.id


def built_ins(exec_ms: int, *, two_symbols: bool) -> list[Named]:
    """Columns that every Play has, and those of a second symbol."""
    known = [Named(name, "", ColumnType.FLOAT, exec_ms) for name in BUILT_IN if name != REFERENCE_ID]
    return known + [Named(REFERENCE_ID, name, ColumnType.FLOAT, exec_ms) for name in PRICES if two_symbols]
