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
from functools import cache, cached_property
from typing import Any, Final, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Row: TypeAlias = NDArray[np.float64]
"""One float64 series, 1-D."""

Table: TypeAlias = NDArray[np.float64]
"""Several float64 series of one clock, one per row."""

Kernel: TypeAlias = Callable[[Sequence[Row], Row, Row, Table, int, int], None]

Load: TypeAlias = Callable[[], Kernel]
"""Gives the machine code of a kernel: from the disk, or compiled when nobody has. Who only looks at a Play never calls it."""

MISSING: Final = np.nan

Function = TypeVar("Function", bound=Callable[..., Any])


class Part:
    """
    A function inside of recurrences: for Numba what its own compiled functions are, once one is compiled. Until then Numba is
    not imported, which takes longer than all else that a check of a Play does.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        """`options` are those of Numba beside the flags of all kernels."""
        self.py_func = function
        self.targetoptions = options
        self.__doc__ = function.__doc__

    @cached_property
    def machine(self) -> Any:
        """The function as Numba's."""
        from playd.kernels.machine import inner

        return inner(self.py_func, self.targetoptions)

    @property
    def _numba_type_(self) -> Any:
        """Numba asks a global of a recurrence for its type by this name."""
        return self.machine._numba_type_

    def __call__(self, *given: Any) -> Any:
        """As machine code."""
        return self.machine(*given)


def part(function: Function) -> Function:
    """Make a function usable inside recurrences. Pure arithmetic only."""
    return cast(Function, Part(function))


def inlined(function: Function) -> Function:
    """
    `part` for what runs at every bar: copied into its caller, because a call costs more than a few operations do. What it does
    rarely, such as a loop, belongs into a `part` of its own.
    """
    return cast(Function, Part(function, inline="always"))


@cache
def compile_kernel(recurrence: Kernel, inputs: int) -> Kernel:
    """
    The machine code of `recurrence` for `inputs` rows, from the disk cache if it is there.

    One signature, given beforehand: a call with anything else raises TypeError instead of silently compiling a variant.
    """
    from playd.kernels.machine import kernel_signature, outer

    return cast(Kernel, outer(recurrence, kernel_signature(inputs)))
