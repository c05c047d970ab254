"""
Where compiled kernels are kept: one folder per version of the code they are made of.

Numba looks at the file of a compiled function only, not at the files of what is compiled into it. After an upgrade that
touched a callee alone it would go on running the old machine code, and a Play would decide by rules that are no longer in the
source. So the folder's name is a digest over all packages that hold compiled code, and the interpreter.
"""

import hashlib
import os
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

_COMPILED: Final = ("core", "kernels", "matching", "engine", "research")
"""Packages whose functions become machine code, or lend constants to it; `tests/tidy` holds that `plays` is neither."""

_HEART: Final = (*_COMPILED, "plays")
_VARIABLE: Final = "NUMBA_CACHE_DIR"


def use_kernel_cache() -> None:
    """
    Point Numba at the folder of this version, below `NUMBA_CACHE_DIR` or the user's cache folder, if there is one.

    Must run before anything imports numba, which reads the variable once. Calling it again changes nothing.
    """
    folder = _version(_COMPILED)
    try:
        base = Path(os.environ.get(_VARIABLE) or _user_cache() / "playd" / "numba")
    except RuntimeError:  # a user without a home
        return
    if base.name != folder:
        os.environ[_VARIABLE] = str(base / folder)


@cache
def code_version() -> str:
    """
    What computes: the functional heart as it was at the first call, the interpreter, and the libraries that make its code.

    To be asked when a process starts: an upgrade may replace the files of a running one.
    """
    return "-".join((_version(_HEART), version("numba"), version("numpy")))


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _version(folders: tuple[str, ...]) -> str:
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(sys.version.encode())
    for folder in folders:
        for source in sorted((package / folder).rglob("*.py")):
            digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]
