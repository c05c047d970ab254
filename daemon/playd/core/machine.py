"""
How a function becomes machine code that is kept on the disk.

Numba keeps machine code itself, but before it looks whether there is any it makes itself ready to compile: a third of a second
and many megabytes in every process, for what most processes never do. Whoever does compile is made ready by the compiler, so
here the look comes first. What is loaded needs nothing else: it was linked with all that it calls, and counts no references.
"""

import pickle
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

from numba import njit
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, UserProvidedCacheLocator
from numba.core.serialize import dumps

Function = TypeVar("Function", bound=Callable[..., Any])

_BROKEN: Final = (
    OSError,
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    LookupError,
    AttributeError,
    ImportError,
    TypeError,
    RuntimeError,
)
"""What reading a file raises that a power cut or a full disk left behind."""


class _ThisVersion(UserProvidedCacheLocator):
    """
    The folder of this version, or none.

    Where that cannot be written, Numba would go to folders of its own, where code is as fresh as one source file: after an
    upgrade of what is compiled into it the old machine code would decide.
    """

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """The folder that was given, whether or not it can be written: then nothing is kept."""
        return cls(py_func, py_file) if config.CACHE_DIR else None  # type: ignore[attr-defined]


class Code(CompileResultCacheImpl):
    """What is kept of one function, and where."""

    _locator_classes = (_ThisVersion,)  # type: ignore[assignment]


class _Files(IndexDataCacheFile):
    """
    Numba's files of one function, each of which says whose code it holds, with a checksum.

    Processes that compile at the same time may choose one name for two signatures, and a power cut leaves files half written.
    """

    def save(self, key: Any, data: Any) -> None:
        """Writes what `load` reads."""
        code = dumps(data)  # type: ignore[no-untyped-call]
        super().save(key, (key, zlib.crc32(code), code))  # type: ignore[no-untyped-call]

    def load(self, key: Any) -> Any:
        """What was saved for this key, None if it was not or something else stands in its place. Raises what is `_BROKEN`."""
        found = super().load(key)  # type: ignore[no-untyped-call]
        if found is None:
            return None
        owner, checksum, code = found
        return pickle.loads(code) if owner == key and zlib.crc32(code) == checksum else None


class Kept(FunctionCache):
    """Numba's cache of one function, asked without making ready to compile. What it cannot read or write it does without."""

    _impl_class = Code

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self.cache_path, self._impl.filename_base, stamp)  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What Numba's own does behind that, None where a file is broken."""
        load = self._load_overload  # outside, because a Numba without it is no broken file
        try:
            return load(sig, target_context)  # type: ignore[no-untyped-call]
        except _BROKEN:
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what is compiled if the disk takes it."""
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def keep(compiled: Any, cache: type[Kept]) -> None:
    """Let a function of Numba's look on the disk before it compiles, if there is a folder to look in."""
    if config.CACHE_DIR:  # type: ignore[attr-defined]
        compiled._cache = cache(compiled.py_func)


def kept(function: Function) -> Function:
    """
    Compile a function at its first call for each combination of types, unless the disk has it.

    It may borrow arrays, which its caller holds until it returns, but make none: machine code that counts references to them
    would need what is not made ready here, and in a backtest cost more than the decisions.
    """
    compiled: Any = njit(_nrt=False)(function)  # type: ignore[call-overload]
    keep(compiled, Kept)
    return cast(Function, compiled)
