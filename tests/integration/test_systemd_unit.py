"""The service unit is valid, as hardened as its README says, and names what the daemon really does."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from playd.cli.playd import audit_app, backup_app
from playd.cli.shutdown import BEHIND_S
from playd.settings import load
from playd.world.virtual import virtual_world

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "playd.service"
ALERT = SYSTEMD / "playd-alert@.service"
GUARDIAN = SYSTEMD / "playd-guardian.service"
TIMED = tuple(SYSTEMD / f"playd-{work}.service" for work in ("backup", "verify"))
WORST_EXPOSURE = 1.7

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
@pytest.mark.parametrize(
    ("unit", "worst"),
    [(UNIT, WORST_EXPOSURE), (GUARDIAN, 1.5), (ALERT, 2.0), *((unit, 0.8) for unit in TIMED)],
    ids=lambda given: str(given)[-20:],
)
def test_the_unit_is_as_hardened_as_promised(unit: Path, worst: float) -> None:
    found = re.search(
        r"Overall exposure level for \S+: ([\d.]+)", analyze("security", "--offline=true", "--no-pager", str(unit))
    )
    assert found is not None
    assert float(found[1]) <= worst


@pytest.mark.parametrize("unit", TIMED, ids=lambda unit: unit.stem)
def test_what_a_timer_starts_are_commands_that_there_are_and_its_failure_is_told(unit: Path) -> None:
    text = unit.read_text()
    assert "OnFailure=playd-alert@%n.service" in text
    assert unit.with_suffix(".timer").exists()
    words = [line.split()[1:] for line in re.findall(r"(?m)^ExecStart=(.*)$", text)]
    for group, name, *_ in words:
        assert name in {command.name for command in {"backup": backup_app, "audit": audit_app}[group].registered_commands}


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
