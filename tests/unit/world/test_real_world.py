"""The real world does what only a real machine can show."""

import os
import shutil
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any, cast

import anyio
import duckdb
import pytest

from playd.world.ports import Signal, World
from playd.world.real import RealDisk, real_world, run
from playd.world.real.env import RealEnv
from playd.world.real.net import RealNet, accept_all
from playd.world.real.process import RealProcess


def test_main_runs_on_uvloop_and_gives_its_result() -> None:
    async def main(_: World) -> str:
        import asyncio

        return type(asyncio.get_running_loop()).__module__

    assert run(main, real_world()).startswith("uvloop")


def test_secrets_leave_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYD_DEMO_API_SECRET", "planted")
    env = RealEnv()
    assert env.get("PLAYD_DEMO_API_SECRET") == "planted"
    env.forget(["PLAYD_DEMO_API_SECRET"])
    assert "PLAYD_DEMO_API_SECRET" not in os.environ
    assert env.get("PLAYD_DEMO_API_SECRET") is None


def test_a_machine_without_descriptors_takes_a_client_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playd.world.real.net._ACCEPT_AGAIN_S", 0.001)
    waiting: list[Any] = [OSError(24, "Too many open files"), OSError(24, "Too many open files"), "a client"]
    served: list[str] = []

    class Listener:
        async def accept(self) -> str:
            if not waiting:
                await anyio.sleep_forever()
            found = waiting.pop(0)
            if isinstance(found, OSError):
                raise found
            return str(found)

    async def main(_: World) -> None:
        async with anyio.create_task_group() as connections:

            async def handler(stream: Any) -> None:
                served.append(stream)
                connections.cancel_scope.cancel()

            await accept_all(cast("Any", Listener()), handler, connections)

    run(main, real_world())
    assert served == ["a client"]


def test_the_service_manager_hears_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000000")
        process = RealProcess(RealEnv())
        assert process.sd_notify("READY=1\nSTATUS=up")
        assert manager.recv(100) == b"READY=1\nSTATUS=up"
        assert process.watchdog_period_s() == 20.0


def test_without_a_service_manager_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    process = RealProcess(RealEnv())
    assert not process.sd_notify("READY=1")
    assert process.watchdog_period_s() is None


@pytest.mark.anyio
async def test_a_signal_is_received_instead_of_killing() -> None:
    with anyio.fail_after(60), RealProcess(RealEnv()).signals() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert await anext(signals) is Signal.HUP


@pytest.mark.anyio
async def test_a_stale_socket_file_is_replaced_and_has_the_asked_mode(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()

    async def nobody(*_: object) -> None: ...

    async with RealNet().serve_unix(PurePath(path), nobody, mode=0o640):
        assert path.stat().st_mode & 0o777 == 0o640
    assert not path.exists()


@pytest.mark.anyio
async def test_whoever_finds_a_socket_by_its_name_is_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link, found = tmp_path / "control.sock", os.link, []

    def named(source: Path, target: Path) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(source))
        found.append(target.exists())
        link(source, target)

    async def nobody(*_: object) -> None: ...

    monkeypatch.setattr(os, "link", named)
    async with RealNet().serve_unix(PurePath(path), nobody):
        assert os.listdir(tmp_path) == [path.name]
    assert found == [False]


def test_the_process_knows_its_size() -> None:
    process = RealProcess(RealEnv())
    assert process.rss_bytes() > 1_000_000
    assert process.open_files() > 2


def test_a_killed_writer_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = RealDisk(tmp_path)
    disk.write_replace(PurePath("file"), b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        disk.write_replace(PurePath("file"), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_databases_are_written_ahead_and_private(tmp_path: Path) -> None:
    connection = RealDisk(tmp_path).open_sqlite(PurePath("l.sqlite"))
    connection.execute("CREATE TABLE t (x)")
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {
        "l.sqlite": "0o600",
        "l.sqlite-shm": "0o600",
        "l.sqlite-wal": "0o600",
    }
    connection.close()


def test_a_database_on_a_disk_that_takes_nothing_can_be_read_where_it_has_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = RealDisk(tmp_path)
    connection = disk.open_sqlite(PurePath("l.sqlite"))
    connection.execute("CREATE TABLE t (x)")
    shutil.copy(tmp_path / "l.sqlite", tmp_path / "beside.sqlite")
    asked: list[str] = []
    monkeypatch.setattr(
        os, "access", lambda *_: False
    )  # who may write everything here, the superuser, cannot be told by rights
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda name, **how: asked.append(name) or real(name, **how))
    with closing(disk.open_sqlite(PurePath("l.sqlite"), read_only=True)) as reader:
        assert [row[0] for row in reader.execute("SELECT name FROM sqlite_master")] == ["t"]
    with closing(disk.open_sqlite(PurePath("beside.sqlite"), read_only=True)) as reader:
        reader.execute("SELECT name FROM sqlite_master").fetchall()
    assert [name.partition("?")[2] for name in asked] == ["mode=ro", "mode=ro&immutable=1"]
    assert not (tmp_path / "beside.sqlite-shm").exists()
    connection.close()


def test_a_database_that_is_none_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").write_bytes(b"text" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        RealDisk(tmp_path).open_sqlite(PurePath("l.sqlite"))


def test_nulls_and_timestamps_of_foreign_parquet_files_become_numbers(tmp_path: Path) -> None:
    with duckdb.connect() as database:
        database.execute(
            f"""COPY (SELECT TIMESTAMPTZ '2024-01-01 00:00:00+00' AS t, NULL::BIGINT AS n, NULL::VARCHAR AS s)
            TO '{tmp_path}/f[1].parquet' (FORMAT parquet)"""
        )
    found = RealDisk(tmp_path).read_parquet(PurePath("f[1].parquet"))
    assert found["t"].astype("datetime64[ms]").astype(int).tolist() == [1_704_067_200_000]
    assert str(found["n"].tolist()) == "[nan]"
    assert found["s"].tolist() == [None]


@pytest.mark.anyio
async def test_a_module_runs_in_a_process_of_its_own_and_its_exit_code_comes_back() -> None:
    process = RealProcess(RealEnv())
    with anyio.fail_after(60):
        assert await process.run_module("json.tool", ["--help"]) == 0
        assert await process.run_module("json.tool", ["/no/such/file"]) != 0
