"""Machine code that the disk has is loaded by a process that is not made ready to compile, and works there."""

import json
import subprocess
import sys

from playd.core.units import DOWN, to_units
from playd.kernels.catalog import CATALOG

LOADED = """
import json, sys
import numpy as np
from playd.core.units import DOWN, to_units
from playd.kernels.catalog import CATALOG

spec, rows, found = CATALOG["sma"], tuple(np.array(row) for row in ([1.0, 2.0, 6.0], [0.0, 1.0, 2.0])), np.empty((1, 3))
spec.kernel(rows, spec.pack({"length": 2}), np.zeros(3), found, 0, 3)
print(json.dumps([found[0, 1:].tolist(), to_units(10.259, 1, 100, DOWN), "numba.np.linalg" in sys.modules]))
"""


def test_loading_machine_code_makes_nothing_ready_to_compile() -> None:
    """Numba would import all that it can compile, as a third of a second and many megabytes of every process."""
    assert CATALOG["sma"].kernel is not None  # on the disk now, whoever ran before
    assert to_units(10.259, 1, 100, DOWN) == 1025
    done = subprocess.run([sys.executable, "-W", "error", "-c", LOADED], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[1.5, 4.0], 1025, False]
