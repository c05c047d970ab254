"""The guardian's unit is valid, hardened, and does not go down with the daemon's."""

import re
import shutil
from pathlib import Path

from tests.integration.test_systemd_unit import SYSTEMD, analyze, needs_systemd

UNIT = SYSTEMD / "playd-guardian.service"
DAEMON = SYSTEMD / "playd.service"
WORST_EXPOSURE = 1.5
MEMORY_PROMISED_MIB = 60


def setting(name: str, unit: Path = UNIT) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", unit.read_text())


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_guardian(tmp_path: Path) -> None:
    checked = tmp_path / UNIT.name
    checked.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", UNIT.read_text()))
    assert analyze("verify", "--man=no", str(checked)) == ""


@needs_systemd
def test_the_guardian_is_as_hardened_as_promised() -> None:
    answer = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", answer)
    assert found is not None
    assert float(found[1]) <= WORST_EXPOSURE
    assert setting("MemoryDenyWriteExecute") == ["yes"]


def test_the_daemons_end_takes_nothing_of_the_guardian_away() -> None:
    for word in ("Requires", "BindsTo", "PartOf", "Requisite"):
        assert setting(word) == []
    for name in ("StateDirectory", "RuntimeDirectory", "User"):
        assert setting(name) == setting(name, DAEMON), "it reads the daemon's plan and serves beside its socket"
    for unit in (UNIT, DAEMON):
        assert setting("RuntimeDirectoryPreserve", unit) == ["yes"], "whoever stops leaves the other's socket"


def test_it_outlives_the_daemon_when_memory_is_short() -> None:
    assert int(setting("OOMScoreAdjust")[0]) < int(setting("OOMScoreAdjust", DAEMON)[0])
    assert int(setting("MemoryMax")[0].removesuffix("M")) > MEMORY_PROMISED_MIB
