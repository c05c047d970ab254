"""
The kernel convention, and the one place that turns a recurrence into machine code.

    kernel(inputs, params, state, outputs, lo, hi) -> None

* `inputs`: homogeneous tuple of 1-D float64 rows, one per declared input, read up to `hi`. They may live anywhere; nothing is
  copied. Rows are C-contiguous and writable (other layouts are another machine code, and are refused).
* `params`: float64, made by the spec's `pack`. Never written.
* `state`: float64, zeros before the first bar, of the size that the spec declares. All that a kernel remembers is here, so a
  copy of it is a snapshot.
* `outputs`: C-contiguous float64 table, one row per declared output. Only `outputs[:, lo:hi]` is written.
* A bar index `t` only addresses rows. It never has a meaning: rows may be moved to other positions between two calls, as long
  as the `lookback` bars before `lo` move along.
* Missing is NaN. An infinity never leaves a kernel: it becomes missing.

Nothing in a kernel makes an array: it borrows those that it is given and takes views of them, which the caller keeps alive
until it returns. Machine code is therefore made without counting references, which at every view and every call would cost more
than the arithmetic.

Recurrences are plain Python functions, compiled on first use and cached on disk. Numba's cache notices changes in the file of
the recurrence only. Helpers that several recurrences share may live in a file of their own all the same, because the folder of
the cache is named after the whole of the code (`world.kernel_cache`).
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

Row: TypeAlias = NDArray[np.float64]
"""One float64 series, 1-D."""

Table: TypeAlias = NDArray[np.float64]
"""Several float64 series of one clock, one per row."""

Kernel: TypeAlias = Callable[[Sequence[Row], Row, Row, Table, int, int], None]

MISSING: Final = np.nan

Function = TypeVar("Function", bound=Callable[..., Any])

_ROW: Final = types.float64[::1]
_TABLE: Final = types.float64[:, ::1]


_FLAGS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def part(function: Function) -> Function:
    """Make a function usable inside recurrences. Pure arithmetic only."""
    compiled: Any = njit(**_FLAGS)(function)
    return cast(Function, compiled)


def inlined(function: Function) -> Function:
    """
    `part` for what runs at every bar: copied into its caller, because a call costs more than a few operations do. What it does
    rarely, such as a loop, belongs into a `part` of its own.
    """
    compiled: Any = njit(**_FLAGS, inline="always")(function)
    return cast(Function, compiled)


@cache
def compile_kernel(recurrence: Kernel, inputs: int) -> Kernel:
    """
    The machine code of `recurrence` for `inputs` rows, from the disk cache if it is there.

    One signature, given beforehand: a call with anything else raises TypeError instead of silently compiling a variant.
    """
    rows: Any = types.UniTuple(_ROW, inputs)  # type: ignore[no-untyped-call]
    signature = types.void(rows, _ROW, _ROW, _TABLE, types.int64, types.int64)
    return cast(Kernel, compiled(recurrence, signature))


def compiled(recurrence: Callable[..., Any], signature: Any) -> Any:
    """The machine code of a function of one signature, from the disk cache if it is there. Raises what Numba does not take."""
    return njit(signature, cache=True, **_FLAGS)(recurrence)
