"""What conditions of a forged Play can name, with all that decides which operators fit."""

from dataclasses import dataclass
from typing import Final

from playd.core.timeframes import MINUTE_MS
from playd.kernels.spec import ColumnType
from playd.plays.names import BUILT_IN, MINUTE_PRICES

_REFERENCE: Final = "reference"
"""The only built-in that is no column by itself."""

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


def built_ins(exec_ms: int) -> list[Named]:
    """Columns that every Play has. Minute prices only where every close of the execution clock is a minute's."""
    absent = (_REFERENCE, *(MINUTE_PRICES if exec_ms != MINUTE_MS else ()))
    return [Named(name, "", ColumnType.FLOAT, exec_ms) for name in BUILT_IN if name not in absent]
