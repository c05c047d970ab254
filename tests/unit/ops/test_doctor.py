"""The look at a host: each thing that is broken is found, what is not there at all is n/a, and only the harmless is mended."""

from collections.abc import Callable
from pathlib import PurePath

import pytest

from playd.ops.ballast import Ballast
from playd.ops.doctor import Patient, acts, doctor
from playd.orders.ledger import Ledger
from playd.settings import load
from playd.world.virtual import VirtualWorld, virtual_world

STATE, CACHE = PurePath("/state"), PurePath("/cache/0123456789abcdef")
OLDER = CACHE.with_name("fedcba9876543210")
SECRET = PurePath("/config/key")
CONFIG = """
[daemon]
state_dir = "/state"
[disk]
warn_mib = 3
pause_mib = 2
halt_mib = 1
[backup]
every_min = 0
[alerts]
routes = [{ name = "phone", command = ["true"] }]
[accounts.demo]
environment = "demo"
credential_file = "/config/key"
"""


def well() -> VirtualWorld:
    """A machine on which nothing is wrong, as far as a machine without services can be."""
    world = virtual_world()
    for path in (PurePath("/config"), STATE, STATE / "run", CACHE, PurePath("/proc/self")):
        world.disk.mkdir(path)
    world.disk.write_replace(PurePath("/config/playd.toml"), CONFIG.encode(), keep_previous=False)
    world.disk.write_replace(SECRET, b"api_key=a", keep_previous=False, mode=0o600)
    world.disk.write_replace(
        PurePath("/proc/self/limits"), b"Max open files            4096   4096  files\n", keep_previous=False
    )
    world.disk.write_replace(PurePath("/proc/meminfo"), b"MemAvailable:   4000000 kB\n", keep_previous=False)
    Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite").close()
    assert Ballast(world.disk, STATE).hold(10**12, 0)
    return world


def patient(world: VirtualWorld) -> Patient:
    return Patient(world, load(world), str(CACHE))


def results(world: VirtualWorld) -> dict[str, str]:
    return {check.name: check.result for check in doctor(patient(world))}


ABSENT = {"clock", "units", "socket", "secrets", "backup"}
"""What this machine does not have at all."""


def test_a_ledger_that_no_step_brings_up_is_a_line_of_the_table() -> None:
    world = well()
    connection = world.disk.open_sqlite(STATE / "ledger.sqlite")
    connection.execute("ALTER TABLE halts DROP COLUMN text")
    connection.close()
    assert results(world)["migrations"] == "unknown"


def test_a_sound_machine_passes_and_what_it_has_not_is_not_called_broken() -> None:
    found = results(well())

    assert {name for name, result in found.items() if result == "n/a"} == ABSENT
    assert {name: result for name, result in found.items() if name not in ABSENT} == dict.fromkeys(
        found.keys() - ABSENT, "pass"
    )


BROKEN: list[tuple[str, Callable[[VirtualWorld], object]]] = [
    ("modes", lambda world: world.disk.chmod(STATE, 0o755)),
    ("modes", lambda world: world.disk.chmod(SECRET, 0o644)),
    ("modes", lambda world: world.disk.remove_tree(STATE / "run")),
    ("kernels", lambda world: world.disk.mkdir(OLDER)),
    ("kernels", lambda world: world.disk.remove_tree(CACHE)),
    ("ballast", lambda world: world.disk.remove(STATE / ".ballast")),
    ("unknown_files", lambda world: world.disk.write_replace(STATE / "notes.txt", b"x", keep_previous=False)),
    ("limits", lambda world: world.disk.write_replace(PurePath("/proc/meminfo"), b"MemAvailable: 1 kB", keep_previous=False)),
    ("migrations", lambda world: _drop(world, "armings")),
    ("files", lambda world: world.disk.write_replace(STATE / "incident_events.jsonl", b"{\n", keep_previous=False)),
]


def _drop(world: VirtualWorld, table: str) -> None:
    connection = world.disk.open_sqlite(STATE / "ledger.sqlite")
    connection.execute(f"DROP TABLE {table}")
    connection.close()


@pytest.mark.parametrize(("name", "break_it"), BROKEN)
def test_what_is_broken_is_found_by_its_own_check(name: str, break_it: Callable[[VirtualWorld], object]) -> None:
    world = well()
    break_it(world)

    found = results(world)
    assert found[name] == "fail"
    assert [other for other, result in found.items() if result not in ("pass", "n/a") and other != name] == []


def test_a_file_that_cannot_be_read_makes_its_check_unknown_and_hides_no_other() -> None:
    world = well()
    world.disk.remove(PurePath("/proc/meminfo"))

    found = results(world)
    assert (found["limits"], found["files"]) == ("unknown", "pass")
    world.disk.write_replace(STATE / "incident_events.jsonl", b"", keep_previous=False)
    world.disk.fail("read", "*/incident_events.jsonl")
    assert results(world)["files"] == "unknown"


def test_fix_mends_what_needs_no_judgement_and_says_each_act_before() -> None:
    world = well()
    for _, break_it in BROKEN[:4]:
        break_it(world)
    world.disk.remove(STATE / ".ballast")
    planned = acts(patient(world))

    assert results(world)["modes"] == "fail", "planning changes nothing"
    assert [act.text.split()[0] for act in planned] == ["make", "chmod", "chmod", "remove", "hold"]
    for act in planned:
        act.do()
    found = results(world)
    assert {found[name] for name in ("modes", "kernels", "ballast")} == {"pass"}
    assert acts(patient(world)) == []


def test_fix_touches_no_file_that_somebody_must_look_at() -> None:
    world = well()
    for name, break_it in BROKEN:
        if name in ("unknown_files", "migrations", "files"):
            break_it(world)

    assert acts(patient(world)) == []
