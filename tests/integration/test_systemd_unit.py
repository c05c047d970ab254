"""The service unit is valid, as hardened as its README says, and names what the daemon really does."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from playd.cli.playd import app
from playd.cli.shutdown import BEHIND_S
from playd.settings import load
from playd.world.virtual import virtual_world

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "playd.service"
ALERT = SYSTEMD / "playd-alert@.service"
GUARDIAN = SYSTEMD / "playd-guardian.service"
TIMED = tuple(SYSTEMD / f"playd-{work}.service" for work in ("backup", "verify"))
UNITS = tuple(sorted(SYSTEMD.glob("*.service")))
INSTALLED = "/usr/local/lib/playd"
PROMISED = {UNIT: 1.7, GUARDIAN: 1.5, ALERT: 2.0, **dict.fromkeys(TIMED, 0.8)}
STORED_BY = "systemd 252"
STORED = {UNIT: 1.4, GUARDIAN: 1.4, ALERT: 1.4, **dict.fromkeys(TIMED, 0.7)}
"""What that version says: never worse. Others weigh a few settings otherwise, and are held to what is promised."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str) -> str:
    result = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60, env={"LC_ALL": "C"}
    )
    return result.stdout + result.stderr


def setting(name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    # Verification looks for the program, which is installed on the target only.
    for unit in (*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.timer")):
        (tmp_path / unit.name).write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", unit.read_text()))
    units = [str(each) for each in tmp_path.iterdir()]
    assert len(units) == 7
    assert analyze("verify", "--man=no", *units) == ""


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_as_hardened_as_promised_and_never_less_than_it_was(unit: Path) -> None:
    found = re.search(
        r"Overall exposure level for \S+: ([\d.]+)", analyze("security", "--offline=true", "--no-pager", str(unit))
    )
    assert found is not None
    assert float(found[1]) <= (STORED if analyze("--version").startswith(f"{STORED_BY} ") else PROMISED)[unit]


@pytest.mark.parametrize("unit", TIMED, ids=lambda unit: unit.stem)
def test_what_a_timer_starts_has_its_timer_and_its_failure_is_told(unit: Path) -> None:
    assert "OnFailure=playd-alert@%n.service" in unit.read_text()
    assert unit.with_suffix(".timer").exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_what_a_unit_starts_is_the_installed_program_with_a_command_that_there_is_and_flags_that_it_takes(unit: Path) -> None:
    lines = re.findall(r"(?m)^ExecStart=(.*)$", unit.read_text())
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        assert program == f"{INSTALLED}/.venv/bin/playd"
        read_as_given(words)


def read_as_given(words: list[str]) -> None:
    """Read a command line and do not carry it out. Raises for a command or a flag that there is not."""
    context = get_command(app).make_context("playd", words)
    while isinstance(context.command, TyperGroup):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, rest, parent=context)


def test_a_command_or_flag_that_there_is_not_would_be_seen() -> None:
    for words in (["rnu"], ["run", "--sped", "1"], ["backup", "make"], ["audit", "verify", "a", "b"]):
        with pytest.raises(Exception, match=r"No such|unexpected"):
            read_as_given(words)


def test_the_program_is_where_the_units_look_for_it() -> None:
    runbook = (SYSTEMD.parent / "runbooks" / "install-as-a-service.md").read_text()
    assert f"ln -sfn playd-1 {INSTALLED}\n" in runbook
    scripts = tomllib.loads((SYSTEMD.parent / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["playd"] == "playd.cli.playd:main"


def test_a_check_that_hangs_each_time_is_given_up_and_told() -> None:
    text = (SYSTEMD / "playd-verify.service").read_text()
    interval_s, burst, timeout_s, pause_s = (
        int(*re.findall(rf"(?m)^{name}=(\d+)$", text))
        for name in ("StartLimitIntervalSec", "StartLimitBurst", "TimeoutStartSec", "RestartSec")
    )
    assert interval_s >= burst * (text.count("\nExecStart=") * timeout_s + pause_s)


def test_directories_of_the_unit_are_those_the_settings_find() -> None:
    env = {
        "STATE_DIRECTORY": f"/var/lib/{setting('StateDirectory')[0]}",
        "RUNTIME_DIRECTORY": f"/run/{setting('RuntimeDirectory')[0]}",
        "CONFIGURATION_DIRECTORY": f"/etc/{setting('ConfigurationDirectory')[0]}",
    }
    places = load(virtual_world(env=env)).locations
    assert str(places.state_dir) == "/var/lib/playd"
    assert str(places.control_socket) == "/run/playd/control.sock"
    assert str(places.config_dir) == "/etc/playd"


def test_stopping_has_more_time_than_the_daemon_needs() -> None:
    assert float(setting("TimeoutStopSec")[0]) >= load(virtual_world()).settings.daemon.stop_budget_s + BEHIND_S


def test_what_a_restart_cannot_help_is_not_restarted() -> None:
    assert setting("RestartPreventExitStatus") == ["77 78 79 80"]


def test_write_execute_memory_is_explained() -> None:
    text = UNIT.read_text()
    assert "Numba" in text.split("MemoryDenyWriteExecute=no")[0].rsplit("\n\n", 1)[-1]
