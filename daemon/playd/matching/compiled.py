"""How the inner functions of matching and decisions become machine code."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba.extending import register_jitable

Function = TypeVar("Function", bound=Callable[..., Any])


def part(function: Function) -> Function:
    """
    Make a function usable inside compiled functions, as part of whoever calls it.

    Unlike `njit`, which compiles a function once more for every constant that some caller passes, this compiles it once per
    machine type. Called from Python it is plain Python with the same arithmetic.
    """
    jitable: Any = register_jitable(function)
    return cast(Function, jitable)


def inlined(function: Function) -> Function:
    """`part` for the few functions that a backtest runs through at every bar: copied into the caller, without a call."""
    jitable: Any = register_jitable(inline="always")(function)
    return cast(Function, jitable)
