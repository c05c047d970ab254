"""
Runs every benchmark beside this file, each in a process of its own: `python -m bench [NAME …]`.

A benchmark is a script that prints its figures, in a line for people and mostly a JSON line for programs. They depend on the
machine, so the machine is printed first. `bench/README.md` says what each one times.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

from bench import _setup  # isort: skip - before numba, which reads the place of its cache once

import numba
import numpy

HERE = _setup.REPO / "bench"


def machine() -> str:
    """What the figures belong to."""
    model = next((line.split(": ")[1] for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    versions = f"Python {platform.python_version()}, numba {numba.__version__}, numpy {numpy.__version__}"
    return f"{model}, {os.cpu_count()} cores · {versions}"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def main(names: list[str]) -> int:
    """Run all benchmarks or those named; 1 when one of them failed, 2 for a name that nobody has."""
    scripts = {path.stem: path for path in sorted(HERE.glob("*.py")) if not path.stem.startswith("_")}
    unknown = [name for name in names if name not in scripts]
    if unknown:
        print(f"no benchmark {unknown[0]}; there are: {', '.join(scripts)}", file=sys.stderr)
        return 2
    print(machine(), flush=True)
    failed = 0
    for name in names or scripts:
        print(f"\n== {name}", flush=True)
        failed |= subprocess.run([sys.executable, str(scripts[name])], check=False, cwd=HERE.parent).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
