"""What holds for every test: one cache of compiled kernels, the loop of a coroutine, patient property tests, little garbage."""

import gc
import inspect
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from playd.world.kernel_cache import use_kernel_cache

# Under `python -O` an assert is left out. Those of test modules are rewritten by pytest, those of what tests share only when it
# is told: a helper that sees nothing wrong would make a test that holds nothing.
_HERE = Path(__file__).parent
pytest.register_assert_rewrite(
    *sorted(
        ".".join(("tests", *path.relative_to(_HERE).with_suffix("").parts))
        for path in _HERE.rglob("*.py")
        if not path.name.startswith(("test_", "__", "conftest"))
    )
)

# Before any kernel is imported: Numba reads it once. The Makefile sets the same.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".cache" / "numba"))
use_kernel_cache()

# Tests start hundreds of processes, and each would translate the whole package anew where nothing may be kept of it.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# For every daemon that a test starts: a port of its own, and no 64 MiB in each of many state directories.
os.environ.setdefault("PLAYD_HTTP__LISTEN", "127.0.0.1:0")
os.environ.setdefault("PLAYD_DAEMON__BALLAST", "false")

# A first example may compile a kernel, which says nothing about the property. Everybody tries the same examples, so that a red
# run is red again; `--hypothesis-profile search` draws others and prints how to repeat a failure.
hypothesis.settings.register_profile("playd", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile("playd")

# Modules, syntax trees and compiled kernels are millions of objects that live to the end. Python's own rhythm looks at all of
# them again and again, which costs a seventh of the suite.
gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a test of processes waits for starts, ends and closes of bars half of its time."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """
    Before the workers of the whole suite begin, two processes compile every kernel from both ends.

    Otherwise each worker, and each daemon that a test starts, compiles what another one is compiling at that very moment.
    """
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        command = [sys.executable, "-m", "playd.cli.compile_kernels"]
        both = [subprocess.Popen([*command, end]) for end in ("--forwards", "--backwards")]
        if any([each.wait() for each in both]):
            pytest.exit("the kernels do not compile", 1)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine runs in virtual time; one that is marked `anyio` on the loop that the daemon runs on."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or pyfuncitem.get_closest_marker("anyio") is not None:
        return None
    from tests.virtual_time import in_virtual_time  # not above: what was imported before is not rewritten

    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    in_virtual_time(lambda: pyfuncitem.obj(**given))
    return True


def pytest_collection_finish() -> None:
    """What was imported is never looked at again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Libraries that count what is left of them at the end find everything given back."""
    gc.unfreeze()


@pytest.fixture
def old_objects_left_alone() -> None:
    """For tests that collect garbage: what is alive before is not looked at, and a collection costs milliseconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Tests that are marked `anyio` run on the loop that the daemon runs on."""
    return "asyncio", {"use_uvloop": True}
