"""
An image of columns: what a Program goes on from with the same bits, without the candles before it. Pure.

The head says what it is of, the body is every array one after the other, as little-endian 8-byte numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from playd.core.canonical import Json
from playd.core.errors import StateError

_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class ColumnImage:
    """
    Attributes:
        program: `keep.program_digest` of the Program.
        anchor_ms: Open of the first candle that its columns were ever given.
        reference_ms: Open of the first candle of the reference symbol, None without one.
        last_open_ms: Open of the last candle.
        bars: Of each clock, how many bars there were ever.
        rows: Of each clock, how many of the newest are in the body.
        body: The arrays.
    """

    program: str
    anchor_ms: int
    reference_ms: int | None
    last_open_ms: int
    bars: tuple[int, ...]
    rows: tuple[int, ...]
    body: bytes

    def head(self) -> dict[str, Json]:
        """Everything but the body, JSON-able."""
        return {
            "program": self.program,
            "anchor_ms": self.anchor_ms,
            "reference_ms": self.reference_ms,
            "last_open_ms": self.last_open_ms,
            "bars": [*self.bars],
            "rows": [*self.rows],
        }

    @classmethod
    def of(cls, head: dict[str, Any], body: bytes) -> "ColumnImage":
        """The image that `head` was made of. Raises `StateError` for a head of another shape."""
        try:
            bars, rows = tuple(int(one) for one in head["bars"]), tuple(int(one) for one in head["rows"])
            reference_ms = None if head["reference_ms"] is None else int(head["reference_ms"])
            return cls(str(head["program"]), int(head["anchor_ms"]), reference_ms, int(head["last_open_ms"]), bars, rows, body)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"an image of columns without a usable head: {error!r}") from error


def packed(arrays: Iterable[NDArray[Any]]) -> bytes:
    """The bytes of arrays of 8-byte numbers, each in C order."""
    return b"".join(one.astype(one.dtype.newbyteorder("<"), copy=False).tobytes() for one in arrays)


def unpack(body: bytes, arrays: list[NDArray[Any]]) -> None:
    """Fill arrays with what `packed` made of equal ones. Raises `StateError` when the body is not of their size."""
    expected = sum(one.size for one in arrays) * _BYTES
    if len(body) != expected:
        raise StateError(f"an image of columns with {len(body)} bytes of values, expected {expected}")
    place = 0
    for one in arrays:
        values = np.frombuffer(body, one.dtype.newbyteorder("<"), one.size, place)
        one[...] = values.reshape(one.shape)
        place += one.size * _BYTES
