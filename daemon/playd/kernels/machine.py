"""
How Numba makes machine code of recurrences, and keeps it on disk.

The only module of this package that imports Numba, and only what needs machine code imports it: reading, checking and showing a
Play does not.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from llvmlite import binding
from numba import njit, types

from playd.core.machine import Code, Kept, keep

ROW: Final = types.float64[::1]
TABLE: Final = types.float64[:, ::1]

_FLAGS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "_nrt": False}


class _CodeAlone(Code):
    """
    Machine code without the intermediate code beside it, which only a caller would want that is compiled: a kernel has none.
    Reading that takes longer than all the rest of a load. Numba looks in it for the name that Python calls, which stays.
    """

    def reduce(self, cres: Any) -> Any:
        """What is written to the disk."""
        library, *rest = super().reduce(cres)  # type: ignore[no-untyped-call]
        name, kind, (code, _) = library
        entry = binding.parse_assembly(f'define void @"{cres.fndesc.llvm_cpython_wrapper_name}"() {{ ret void }}')
        return ((name, kind, (code, entry.as_bitcode())), *rest)


class _KeptAlone(Kept):
    """Numba's cache of one kernel."""

    _impl_class = _CodeAlone


def inner(function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """A function that is compiled into its callers."""
    return njit(**_FLAGS, **options)(function)


def outer(recurrence: Callable[..., Any], signature: Any) -> Any:
    """The machine code of a function of one signature, from the disk cache if it is there. Raises what Numba does not take."""
    made: Any = njit(**_FLAGS)(recurrence)
    keep(made, _KeptAlone)
    made.compile(signature)
    made.disable_compile()
    return made


def kernel_signature(inputs: int) -> Any:
    """Of a kernel of that many rows."""
    rows: Any = types.UniTuple(ROW, inputs)  # type: ignore[no-untyped-call]
    return types.void(rows, ROW, ROW, TABLE, types.int64, types.int64)


def rollup_signature(rows: int) -> Any:
    """Of the rollup of candles with that many rows."""
    candles: Any = types.UniTuple(ROW, rows)  # type: ignore[no-untyped-call]
    return types.int64(candles, ROW, ROW, TABLE, types.int64, types.int64, types.int64)
