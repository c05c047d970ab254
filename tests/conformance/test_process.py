"""Children of every process keep these promises: real ones, and those in which nothing runs."""

from pathlib import Path, PurePath

import anyio
import pytest

from playd.world.ports import ChildSignal, Process
from playd.world.real import RealDisk
from playd.world.real.env import RealEnv
from playd.world.real.process import RealProcess
from playd.world.virtual.process import VirtualProcess

SERVER = ("http.server", ("0", "--bind", "127.0.0.1"))
"""A module that runs until somebody ends it."""

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["real", "virtual"])
def process(request: pytest.FixtureRequest) -> Process:
    made: Process = RealProcess(RealEnv()) if request.param == "real" else VirtualProcess()
    return made


@pytest.mark.parametrize(("signal", "code"), [(ChildSignal.TERM, -15), (ChildSignal.ABRT, -6), (ChildSignal.KILL, -9)])
async def test_a_child_ends_by_a_signal_and_says_by_which(
    process: Process, tmp_path: Path, signal: ChildSignal, code: int
) -> None:
    with anyio.fail_after(60):
        async with process.start_module(*SERVER, log=PurePath(tmp_path / "log")) as child:
            assert child.code is None
            assert child.pid != process.pid
            child.send(signal)
            assert await child.wait() == code
            assert child.code == code
            child.send(signal)


async def test_a_stopped_child_is_killed_at_the_end_of_the_block(process: Process, tmp_path: Path) -> None:
    with anyio.fail_after(60):
        async with process.start_module(*SERVER, log=PurePath(tmp_path / "log")) as child:
            child.send(ChildSignal.STOP)
            assert child.code is None
        assert child.code == -9
        async with process.start_module(*SERVER, log=PurePath(tmp_path / "log")) as other:
            other.send(ChildSignal.STOP)
            other.send(ChildSignal.CONT)
            other.send(ChildSignal.TERM)
            assert await other.wait() == -15


async def test_a_cancelled_block_leaves_no_child(process: Process, tmp_path: Path) -> None:
    with anyio.fail_after(60):
        with anyio.CancelScope() as scope:
            async with process.start_module(*SERVER, log=PurePath(tmp_path / "log")) as child:
                scope.cancel()
                await anyio.sleep_forever()
        assert child.code == -9


async def test_what_a_real_child_writes_is_appended_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    with anyio.fail_after(60):
        async with RealProcess(RealEnv()).start_module("json.tool", ["--help"], log=PurePath(log)) as child:
            assert await child.wait() == 0
    assert log.read_text().startswith("before\nusage: ")


async def test_a_real_child_has_the_variables_that_it_is_given_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PurePath(tmp_path / "log")
    monkeypatch.setenv("OURS", "here")
    arguments = ["-n", "1", "-r", "1", "-s", "import os", "print(os.environ['GIVEN'], os.environ['OURS'])"]
    with anyio.fail_after(60):
        async with RealProcess(RealEnv()).start_module("timeit", arguments, log=log, variables={"GIVEN": "there"}) as child:
            assert await child.wait() == 0
    assert RealDisk().read_bytes(log).startswith(b"there here\n")


async def test_a_service_manager_hears_what_is_told_and_leaves_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = PurePath(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    child = RealProcess(RealEnv())
    with anyio.fail_after(60):
        async with RealProcess(RealEnv()).notifications(path) as told:
            assert child.sd_notify("READY=1")
            assert child.sd_notify("STATUS=well\nWATCHDOG=1")
            assert [await anext(told), await anext(told)] == ["READY=1", "STATUS=well\nWATCHDOG=1"]
    assert not RealDisk().exists(path)
    assert not child.sd_notify("WATCHDOG=1"), "nobody hears it"


async def test_a_program_of_the_operators_may_ignore_its_input_and_dies_when_it_takes_too_long(tmp_path: Path) -> None:
    process = RealProcess(RealEnv())
    with anyio.fail_after(60):
        for _ in range(5):
            assert await process.run_command(("/bin/sh", "-c", "exit 7"), "x" * 1_000_000) == 7
        pid = tmp_path / "pid"
        pid.touch()
        async with anyio.create_task_group() as patience:
            patience.start_soon(process.run_command, ("/bin/sh", "-c", f"echo $$ > {pid}; exec sleep 600"), "")
            while not pid.read_text():  # noqa: ASYNC110 - another program's state has no event
                await anyio.sleep(0.01)
            patience.cancel_scope.cancel()
        assert not RealDisk().exists(PurePath(f"/proc/{pid.read_text().strip()}"))
