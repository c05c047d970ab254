"""Every command of playctl explains itself, speaks JSON and ends with the exit code that stands for what happened."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from socket import AF_UNIX, socket

import orjson
import pytest
from typer.main import get_command

from playd import __version__
from playd.cli.playctl_app import app

PLAYCTL = get_command(app)
"""Built once: it costs more than a call."""

COMMANDS = sorted(
    [str(command.name) for command in app.registered_commands]
    + [
        f"{group.name} {command.name}"
        for group in app.registered_groups
        for command in (group.typer_instance or app).registered_commands
    ]
)
NOTE = ("NAKED", "--note", "seen")
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "add": ("p.yml", "--as", "alpha", "--mode", "paper"),
    "stop": ("alpha",),
    "order cancel": ("pdezldnyy-axzhrv222auhxbveybjt2sm3",),
    "creds check": ("main",),
    "creds reload": ("main",),
    "accept": ("main/BTCUSDT",),
    "adopt": ("BTCUSDT", "--to", "alpha"),
    "orphan close": ("main/BTCUSDT",),
    "position close": ("main/BTCUSDT",),
    "waive": ("parity", "--until", "1d", "--reason", "small"),
    "evidence import": (__file__,),
    "why": ("pdezldnyy-axzhrv222auhxbveybjt2sm3",),
    "incident show": ("NAKED",),
    "incident ack": NOTE,
    "incident note": NOTE,
    "incident resolve": NOTE,
    "notify verify": ("123456",),
    "notify retry": ("1",),
    "notify drop": ("1",),
    "backup verify": ("2024-01-31T12-00-00Z",),
    **{
        name: ("alpha",)
        for name in (
            "show",
            "explain",
            "pause",
            "halt",
            "resume",
            "start",
            "restart",
            "remove",
            "panic",
            "reset-failed",
            "reset-state",
            "arm",
            "disarm",
            "readiness",
            "enable",
            "disable",
        )
    },
}
OFFLINE = ("completion",)


def run(*arguments: str, state: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PLAYD_STATE_DIR": str(state)}
    environment.pop("PLAYD_RUN_DIR", None)
    program = [sys.executable, "-c", "from playd.cli.playctl import main; main()", *arguments]
    return subprocess.run(
        program, capture_output=True, text=True, env=environment, timeout=60, check=False, stdin=subprocess.DEVNULL
    )


def test_the_commands_are_these() -> None:
    wanted = {
        *("status", "list", "show", "positions", "orders", "fills", "balance", "logs", "pause", "resume", "halt", "halts"),
        *("add", "remove", "enable", "disable", "start", "stop", "restart", "panic", "reconcile", "reset-failed", "intents"),
        *("version", "completion", "guardian", "explain", "health", "metrics", "slo", "limits", "events", "why", "pnl"),
        *(f"incident {word}" for word in ("list", "show", "ack", "note", "resolve")),
        *(f"notify {word}" for word in ("list", "test", "verify", "retry", "drop")),
        *("backup now", "backup list", "backup verify", "audit verify", "creds check", "creds reload"),
        *(f"config {word}" for word in ("show", "check", "reload")),
        *("order cancel", "position close", "accept", "adopt", "orphan list", "orphan close", "reset-state", "doctor"),
        *("parity run", "parity show"),
        *("preflight", "readiness", "arm", "disarm", "waive", "evidence list", "evidence import"),
    }
    assert wanted == set(COMMANDS)


def invoke(*arguments: str) -> int:
    """A command in this process; its exit code."""
    with pytest.raises(SystemExit) as ended:
        PLAYCTL(list(arguments), prog_name="playctl")
    assert ended.value.code is None or isinstance(ended.value.code, int)
    return ended.value.code or 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_it_does_gives_an_example_and_whoever_asks_the_daemon_has_json(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(*command.split(), "--help") == 0
    output = capsys.readouterr().out
    assert f"playctl {command}" in output.split("Example:")[1]
    says = output.split("\n\n")[1].strip()
    assert len(says) > 20
    assert "--json" in output or command in OFFLINE


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in OFFLINE])
def test_without_a_daemon_the_exit_code_is_7_and_of_a_panic_that_nobody_carries_out_11(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYD_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("PLAYD_RUN_DIR", raising=False)
    for flags in ((), ("--json",)):
        assert invoke(*command.split(), *ARGUMENTS.get(command, ()), *flags) == (11 if command == "panic" else 7)


@pytest.mark.slow
def test_a_wrong_flag_is_a_usage_error(tmp_path: Path) -> None:
    assert run("status", "--nonsense", state=tmp_path).returncode == 2
    assert run("stop", state=tmp_path).returncode == 2
    assert run("stop", "a", "--keep", "--flatten", state=tmp_path).returncode == 2


@pytest.mark.slow
def test_data_and_messages_never_mix(tmp_path: Path) -> None:
    result = run("status", "--json", state=tmp_path)
    assert result.stdout == ""
    assert "daemon not running" in result.stderr
    version = run("version", "--json", state=tmp_path)
    assert orjson.loads(version.stdout)["playd"] is None


@pytest.mark.parametrize("flags", [("--since", "yesterday"), ("--around", "1m", "--since", "1h"), ("--sort",)])
def test_a_wrong_moment_is_a_usage_error(flags: tuple[str, ...]) -> None:
    assert invoke("events", *flags) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("completion", shell) == 0
    assert "playctl" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("doctor", "playd doctor --state"),
        ("backup now", "playd backup now --state"),
        ("backup list", "playd backup list --state"),
        ("backup verify x", "playd backup verify x --state"),
        ("audit verify", "playd audit verify"),
        ("config check", "playd check --state"),
    ],
)
def test_without_a_daemon_the_command_that_needs_none_is_named(
    words: str, instead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYD_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("PLAYD_RUN_DIR", raising=False)
    assert invoke(*words.split()) == 7
    assert f"without a daemon: `{instead} {tmp_path}`" in capsys.readouterr().err


def test_the_version_of_this_program_is_told_whatever_the_daemon_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody listens and never answers, as a stopped daemon does."""
    monkeypatch.setenv("PLAYD_RUN_DIR", str(tmp_path))
    assert invoke("version") == 7
    assert "not running" in capsys.readouterr().out
    with socket(AF_UNIX) as stopped:
        stopped.bind(str(tmp_path / "control.sock"))
        stopped.listen()
        assert invoke("version", "--timeout", "0.2") == 5
    told = capsys.readouterr().out
    assert told.splitlines()[0].split() == ["playctl", __version__]
    assert "no answer within 0.2 s" in told
