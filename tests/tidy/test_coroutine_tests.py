"""A test that is a coroutine is run to its end in virtual time, and no such test is green that was not."""

import pytest

pytest_plugins = ("pytester",)

TESTS = """
from functools import wraps

import anyio
import pytest


@pytest.mark.parametrize("wait_s", [1.0, 86_400.0])
async def test_passes(tmp_path, wait_s):
    await anyio.sleep(wait_s)
    assert tmp_path.is_dir()


async def test_fails_at_once():
    assert False


async def test_fails_behind_a_wait():
    await anyio.sleep(86_400.0)
    assert False


async def test_fails_in_a_task():
    async def task():
        await anyio.sleep(86_400.0)
        assert False

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(task)


async def test_waits_for_what_never_comes():
    with anyio.fail_after(86_400.0):
        await anyio.sleep_forever()


async def test_makes_values():
    yield 1


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_on_the_loop_of_the_daemon(anyio_backend):
    assert False
"""


@pytest.mark.parametrize(
    ("hook", "passed"), [("from tests.conftest import pytest_pyfunc_call", 2), ("", 0)], ids=["with the hook", "without it"]
)
def test_a_coroutine_is_green_only_where_it_was_run_to_its_end(pytester: pytest.Pytester, hook: str, passed: int) -> None:
    pytester.makeconftest(hook)
    pytester.makepyfile(TESTS)

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=passed, failed=8 - passed)
