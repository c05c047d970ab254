"""
Planted bugs: `python -m tests.planted.plant [--write] [ID …]` puts each bug of `bugs.toml` into a copy of the package, one at a
time, and runs over it the tests that should find it, then those of the order path. `make planted-bugs` does it for all.

A bug that no test catches is a promise that nobody keeps. The table of results is `RESULTS.md`, written with `--write`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "daemon" / "playd"
LIST = Path(__file__).with_name("bugs.toml")
RESULTS = Path(__file__).with_name("RESULTS.md")
SUITE = (
    "tests/unit/orders",
    "tests/unit/guardian",
    "tests/laws/test_order_machine.py",
    "tests/laws/test_cover_machine.py",
    "tests/laws/test_share_machine.py",
    "tests/laws/test_halt_machine.py",
    "tests/simulation",
)
"""What every bug meets; nothing here compiles a kernel or starts a process."""

WITHIN_S = 1800
"""Of all tests that a bug meets, one after the other; on a busy machine."""
_FAILED = re.compile(r"^FAILED (\S+)", re.M)
_HEAD = """# Planted bugs

Each is one change of the package, put into a copy of it; named is the first test that failed over it.
`make planted-bugs` does it again for the list in `bugs.toml`. A change that turned out to change nothing is not in the list.

| bug | what is wrong then | caught by |
|---|---|---|
"""


@dataclass(frozen=True)
class Bug:
    """`old`, which stands once in the file `file` of the package, becomes `new`. `look` is where it should be found."""

    id: str
    look: str
    what: str
    file: str
    old: str
    new: str

    def plant(self, package: Path) -> None:
        """Change the copy. Raises `ValueError` when the code has moved on."""
        path = package / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"{LIST.name}: {self.id}: found {text.count(self.old)} times in {self.file}, once expected: {self.old!r}"
            )
        path.write_text(text.replace(self.old, self.new))


def bugs() -> list[Bug]:
    """The list."""
    return [Bug(**row) for row in tomllib.loads(LIST.read_text())["bug"]]


def caught_by(bug: Bug | None) -> str:
    """The first test that fails over the bug, or over the package as it is; empty when none does."""
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        package = Path(name) / "playd"
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        if bug is not None:
            bug.plant(package)
        return (first_failing(Path(name), (bug.look,)) if bug is not None else "") or first_failing(Path(name), SUITE)


def first_failing(packages: Path, tests: Sequence[str]) -> str:
    """The first test that fails with the package that lies in `packages`; empty when none does."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *tests]
    variables = {**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    found = _FAILED.search(done.stdout)
    return found[1] if found else ""


def main(arguments: list[str]) -> int:
    """Plant all bugs or those named; 0 when each was caught, 1 when one was not, 2 when the tests fail without them."""
    wanted = [each for each in arguments if not each.startswith("-")]
    planted = [bug for bug in bugs() if not wanted or bug.id in wanted]
    if failing := caught_by(None):
        print(f"{failing} fails without any bug: nothing can be said about planted ones", file=sys.stderr)
        return 2
    rows, missed = [], 0
    for bug in planted:
        began_s = time.monotonic()
        test = caught_by(bug)
        missed += not test
        print(f"{bug.id}: {test or 'NOT CAUGHT'} ({time.monotonic() - began_s:.0f} s)", flush=True)
        rows.append(f"| {bug.id} | {bug.what} | {f'`{test}`' if test else '**nobody**'} |")
    if "--write" in arguments:
        RESULTS.write_text(_HEAD + "\n".join(rows) + "\n")
    print(f"{len(planted) - missed} of {len(planted)} planted bugs were caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
