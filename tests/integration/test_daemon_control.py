"""The control socket of a real daemon: hostile clients, followers, repeated requests."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.integration.daemon_kit import DaemonProcess, ctl, ctl_json, daemon, environment, program

pytestmark = pytest.mark.slow

DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with daemon(tmp_path_factory.mktemp("state"), "--speed", "600") as process:
        process.wait_for("daemon.ready")
        yield process


def connection(process: DaemonProcess) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(DEADLINE_S)
    client.connect(str(process.state / "run" / "control.sock"))
    return client


def ask(client: socket.socket, method: str, /, **params: Any) -> dict[str, Any]:
    client.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
    data = b""
    while not data.endswith(b"\n"):
        data += client.recv(65536)
    answer: dict[str, Any] = json.loads(data)
    return answer


def rest_of(client: socket.socket) -> bytes:
    """Everything until the daemon closes the connection."""
    data = b""
    try:
        while chunk := client.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass  # unread bytes of ours were thrown away with the connection
    return data


def test_a_client_that_leaves_in_mid_request_harms_nobody(running: DaemonProcess) -> None:
    for _ in range(100):
        with connection(running) as client:
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status.get","par')
    assert ctl(running.state, "status").returncode == 0


def test_a_client_that_never_reads_harms_nobody(running: DaemonProcess) -> None:
    with connection(running) as client:
        for _ in range(40):
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status.get"}\n')
        assert ctl(running.state, "status").returncode == 0


def test_a_megabyte_without_a_line_end_is_cut_off(running: DaemonProcess) -> None:
    with connection(running) as client:
        with suppress(BrokenPipeError, ConnectionResetError):  # cut off before we are done
            client.sendall(b"x" * 1_000_000)
        answer = rest_of(client)
        assert not answer or json.loads(answer)["error"]["code"] == -32700
    assert ctl(running.state, "status").returncode == 0


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"\xff\xff\n", b'{"jsonrpc":"2.0","id":1}\n', b"null\n"])
def test_nonsense_gets_one_error_and_the_end(running: DaemonProcess, line: bytes) -> None:
    with connection(running) as client:
        client.sendall(line)
        assert json.loads(rest_of(client))["error"]["code"] in (-32700, -32600)


def test_hello_names_both_protocol_numbers(running: DaemonProcess) -> None:
    with connection(running) as client:
        data = ask(client, "hello", client="test", protocol=1)["result"]["data"]
        assert (data["protocol"], data["role"]) == (1, "operate")
        assert set(data["journal_head"]) == {"seq", "hash"}
        assert "2" in ask(client, "hello", client="test", protocol=2)["error"]["message"]


def test_a_repeated_request_has_one_effect(running: DaemonProcess) -> None:
    with connection(running) as client:
        params = {"scope": "ema-cross", "level": "pause", "reason": "once", "request_id": "test-1"}
        first = ask(client, "halt.raise", **params)
        assert ask(client, "halt.raise", **params)["result"] == first["result"]
        assert ask(client, "halt.raise", **{**params, "reason": "twice"})["error"]["code"] == -32009
    assert len(ctl_json(running.state, "halts")) == 1
    assert ctl(running.state, "resume", "ema-cross").returncode == 0


def test_a_follower_sees_what_happens(running: DaemonProcess) -> None:
    command = program("playctl", "logs", "-f", "-n", "0", "bollinger", "--json")
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(running.state), text=True)
    try:
        assert follower.stdout is not None
        ctl(running.state, "pause", "bollinger")
        line = json.loads(follower.stdout.readline())
        assert line["instance"] == "bollinger"
    finally:
        ctl(running.state, "resume", "bollinger")
        follower.kill()
        follower.wait()
        if follower.stdout is not None:
            follower.stdout.close()


def test_the_socket_belongs_to_its_user_and_group(running: DaemonProcess) -> None:
    mode = (running.state / "run" / "control.sock").stat().st_mode & 0o777
    assert mode & 0o007 == 0
