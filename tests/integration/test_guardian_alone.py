"""The guardian as a process without anybody: what it goes on without, and that there is one of it."""

import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest

from playd.control.client import ControlClient, connected
from playd.control.protocol import Code, RpcError
from playd.core.limits import CONTROL_CLIENTS
from playd.world.real import real_world
from tests.crash.harness import ROOT, wait_for

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-c", "from playd.cli.playd import main; main()", "guardian", "--state"]


def test_without_plan_daemon_or_a_journal_it_can_write_it_serves_its_socket_and_is_alone(tmp_path: Path) -> None:
    (tmp_path / "guardian").mkdir()
    (tmp_path / "guardian" / "journal").write_text("a file where a directory should be")
    path = tmp_path / "run" / "guardian.sock"
    with (tmp_path / "log").open("wb") as log, subprocess.Popen([*COMMAND, str(tmp_path)], cwd=ROOT, stderr=log) as first:
        try:
            wait_for(lambda: path.exists() or first.poll() is not None, "the socket")
            assert first.poll() is None, (tmp_path / "log").read_text()
            anyio.run(ask, path)
            assert (tmp_path / "guardian" / "panics").is_dir(), "on a disk that is full later there is no room for it"
            second = subprocess.run(
                [*COMMAND, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
            )
            assert second.returncode == 79
            assert "pid" in second.stderr.splitlines()[-1], "the one that holds the lock"
            assert "Traceback" not in second.stderr
            anyio.run(ask, path)
            anyio.run(ask_where_every_place_is_taken, path)
            first.terminate()
            assert first.wait(60) == 0
        finally:
            first.kill()
    assert "records are lost" in (tmp_path / "log").read_text()


async def ask(path: Path) -> None:
    async with connected(real_world().net, path) as client:
        status = (await client.call("status", {}))["data"]
        assert (status["accounts"], status["plan_digest"]) == ([], None)
        assert (await client.call("ping", {}))["data"]["protocol"] == 1
        for method, params, code in (
            ("panic", {"scope": "account:main"}, Code.NOT_FOUND),
            ("panic", {"scope": "all"}, Code.PHRASE_REQUIRED),
            ("beat", {"protocol": 99}, Code.INVALID_REQUEST),
            ("order", {}, Code.METHOD_NOT_FOUND),
        ):
            assert await refusal(client, method, params) is code


async def ask_where_every_place_is_taken(path: Path) -> None:
    """By people who type the phrase of a panic. A guardian that heard no beat then would take the daemon for dead."""
    async with AsyncExitStack() as crowd:
        for _ in range(CONTROL_CLIENTS):
            client = await crowd.enter_async_context(connected(real_world().net, path))
            assert await refusal(client, "panic", {"scope": "all"}) is Code.PHRASE_REQUIRED
        late = await crowd.enter_async_context(connected(real_world().net, path))
        assert await refusal(late, "beat", {"protocol": 99}) is Code.INVALID_REQUEST
        assert await refusal(late, "panic", {"scope": "all"}) is Code.PHRASE_REQUIRED
        assert await refusal(late, "ping", {}) is Code.BUSY


async def refusal(client: ControlClient, method: str, params: dict[str, Any]) -> Code:
    """The code of an error that is expected."""
    with pytest.raises(RpcError) as refused:
        await client.call(method, params)
    return refused.value.code
