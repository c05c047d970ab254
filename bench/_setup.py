"""
Imported first by every benchmark: finds the repository, uses the kernel cache of this version of the code, and says on which
disk states and ledgers lie.
"""

import os
import sys
from pathlib import Path

from playd.world.kernel_cache import use_kernel_cache

REPO = Path(__file__).parents[1]

sys.path.insert(0, str(REPO))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a developer's setting that would compile our modules at each start
os.environ.setdefault("NUMBA_CACHE_DIR", str(REPO / ".cache" / "numba"))
use_kernel_cache()


def scratch() -> str:
    """Where directories of a run are made: below the repository, so that syncs reach its disk, unless TMPDIR names another."""
    named = os.environ.get("TMPDIR")
    if named:
        return named
    (REPO / ".cache").mkdir(exist_ok=True)
    return str(REPO / ".cache")
