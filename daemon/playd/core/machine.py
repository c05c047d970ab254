"""
How a function becomes machine code that is kept on the disk.

Numba keeps machine code itself, but before it looks whether there is any it makes itself ready to compile: a third of a second
and many megabytes in every process, for what most processes never do. Whoever does compile is made ready by the compiler, so
here the look comes first. What is loaded needs nothing else: it was linked with all that it calls, and counts no references.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])


class Kept(FunctionCache):
    """Numba's cache of one function, asked without making ready to compile."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What Numba's own does behind that."""
        return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]


def kept(function: Function) -> Function:
    """
    Compile a function at its first call for each combination of types, unless the disk has it.

    It may borrow arrays, which its caller holds until it returns, but make none: machine code that counts references to them
    would need what is not made ready here, and in a backtest cost more than the decisions.
    """
    compiled: Any = njit(_nrt=False)(function)  # type: ignore[call-overload]
    compiled._cache = Kept(function)  # type: ignore[no-untyped-call]
    return cast(Function, compiled)
