"""
Host and installation, looked at by a check each: what is broken now, and what this machine does not have at all (`n/a`).

Reads only. What can be mended without a person's judgement is mended by `mend`, which says each act before it is done: modes,
missing directories, compiled kernels of older versions, the ballast.
"""

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import PurePath
from typing import Final

from playd.core.errors import PlaydError
from playd.ops.ages import is_ahead
from playd.ops.backup import backups
from playd.ops.ballast import Ballast
from playd.ops.ownership import OTHERS, exposed
from playd.ops.state_files import look
from playd.orders.migration import missing
from playd.settings import Loaded
from playd.supervisor.checks import Check, judged
from playd.world.kernel_cache import code_version
from playd.world.ports import World

_MIB: Final = 2**20
LEDGER: Final = "ledger.sqlite"
OPEN_FILES: Final = 1024
"""A hundred instances on two accounts have a quarter of it open."""

MEMORY_MIB: Final = 512
UNIT_DIRS: Final = (PurePath("/etc/systemd/system"), PurePath("/usr/lib/systemd/system"))
HARDENING: Final = ("NoNewPrivileges", "ProtectSystem", "WatchdogSec")
SYNCHRONISED: Final = PurePath("/run/systemd/timesync/synchronized")
PINNED: Final = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*(.*?)(?:;\s*(.*))?$")
BOUND: Final = re.compile(r"(==|>=|<|~=)\s*([0-9][0-9.]*)")


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at. `cache_dir` is the folder of compiled kernels of this version, empty when none is set."""

    world: World
    loaded: Loaded
    cache_dir: str


def doctor(patient: Patient) -> list[Check]:
    """Every check that needs no network, in a fixed order; one that cannot look is `unknown`."""
    return [_looked(name, check, patient) for name, check in _CHECKS]


def _looked(name: str, check: Callable[[Patient], Check], patient: Patient) -> Check:
    try:
        return check(patient)
    except (OSError, sqlite3.Error, ValueError, PlaydError) as error:
        return Check(name, "unknown", f"could not be looked at: {error}")


def _python(patient: Patient) -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return judged("python", sys.version_info >= (3, 11), f"{found}, at least 3.11 expected")


def _packages(patient: Patient) -> Check:
    wrong = []
    for line in requires("playd") or ():
        match = PINNED.match(line)
        if match is None or (match[3] and "extra" in match[3]):
            continue
        try:
            found = version(match[1])
        except PackageNotFoundError:
            wrong.append(f"{match[1]} is missing")
            continue
        if not all(_fits(found, sign, bound) for sign, bound in BOUND.findall(match[2])):
            wrong.append(f"{match[1]} {found}, {match[2]} expected")
    return judged("packages", not wrong, "; ".join(wrong) or "as the package asks for", "pip install playd again")


def _fits(found: str, sign: str, bound: str) -> bool:
    ours, theirs = _numbers(found), _numbers(bound)
    if sign in ("==", "~="):
        return ours[: len(theirs)] == theirs
    return ours >= theirs if sign == ">=" else ours < theirs


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:4])


def _kernels(patient: Patient) -> Check:
    if not patient.cache_dir:
        return Check("kernels", "n/a", "no cache is set; kernels are compiled at each start")
    disk, folder = patient.world.disk, PurePath(patient.cache_dir)
    if not disk.exists(folder):
        return judged("kernels", False, f"{folder}: nothing is compiled for this version", "playd warm")
    older = _older_caches(patient)
    return judged(
        "kernels", not older, f"{len(older)} folders of older versions" if older else str(folder), "playd doctor --fix"
    )


def _older_caches(patient: Patient) -> list[PurePath]:
    """Folders of compiled kernels beside that of this version."""
    folder = PurePath(patient.cache_dir)
    names = patient.world.disk.list(folder.parent)
    return [folder.parent / name for name in names if re.fullmatch(r"[0-9a-f]{16}", name) and name != folder.name]


def _clock(patient: Patient) -> Check:
    disk = patient.world.disk
    if not disk.exists(SYNCHRONISED.parent):
        return Check("clock", "n/a", "no systemd-timesyncd here; `playctl slo` says how far our clock is from the venue's")
    synchronised = disk.exists(SYNCHRONISED)
    text = "synchronised by systemd-timesyncd" if synchronised else "systemd-timesyncd has not synchronised it"
    return judged("clock", synchronised, text, "timedatectl set-ntp true")


def _free(patient: Patient) -> Check:
    state, limits = patient.loaded.locations.state_dir, patient.loaded.settings.disk
    free_mib = patient.world.disk.free_bytes(_existing(patient, state)) // _MIB
    return judged("disk", free_mib >= limits.warn_mib, f"{free_mib} MiB free, {limits.warn_mib} expected", "make room")


def _ballast(patient: Patient) -> Check:
    if not patient.loaded.settings.daemon.ballast:
        return Check("ballast", "n/a", "daemon.ballast is false")
    held = Ballast(patient.world.disk, patient.loaded.locations.state_dir).held
    text = "64 MiB are held back" if held else "nothing is held back for a full disk; a start holds it"
    return judged("ballast", held, text, "playd doctor --fix")


def _modes(patient: Patient) -> Check:
    wrong = [*(f"{each.path} {each.text}" for each in exposed(patient.world, patient.loaded))]
    wrong += [f"{path} has mode {mode:03o}" for path, mode in _too_open(patient)]
    missing_ones = [str(path) for path in _directories(patient) if not patient.world.disk.exists(path)]
    found = [*wrong, *(f"{path} is missing" for path in missing_ones)]
    return judged("modes", not found, "; ".join(found) or "state and secrets are the daemon's alone", "playd doctor --fix")


def _directories(patient: Patient) -> Iterator[PurePath]:
    yield patient.loaded.locations.state_dir
    yield patient.loaded.locations.run_dir


def _too_open(patient: Patient) -> Iterator[tuple[PurePath, int]]:
    """Files that others may read or write and must not."""
    disk, ledger = patient.world.disk, patient.loaded.locations.state_dir / LEDGER
    if disk.exists(ledger) and (mode := disk.stat(ledger).mode) & OTHERS:
        yield ledger, mode & 0o777
    for account in patient.loaded.settings.accounts.values():
        secret = account.credential_file
        if secret is not None and disk.exists(secret) and (mode := disk.stat(secret).mode) & 0o077:
            yield secret, mode & 0o777


def _files(patient: Patient) -> Check:
    found = look(patient.world.disk, patient.loaded.locations.state_dir)
    wrong = [f"{each.path}: {each.check}" for each in found if each.damaged or not each.is_read]
    holds = False if any(each.damaged for each in found) else None if wrong else True
    return judged("files", holds, "; ".join(wrong) or f"{len(found)} files, none damaged", "playd state")


def _unknown_files(patient: Patient) -> Check:
    found = [each.path for each in look(patient.world.disk, patient.loaded.locations.state_dir) if each.kind is None]
    return judged("unknown_files", not found, ", ".join(found[:5]) or "none", "take them out of the state directory")


def _migrations(patient: Patient) -> Check:
    path = patient.loaded.locations.state_dir / LEDGER
    if not patient.world.disk.exists(path):
        return Check("migrations", "n/a", "there is no ledger yet")
    connection = patient.world.disk.open_sqlite(path, read_only=True)
    try:
        steps = missing(connection)
    finally:
        connection.close()
    return judged("migrations", not steps, f"{len(steps)} steps are missing" if steps else "none is pending", "playd migrate")


def _backup(patient: Patient) -> Check:
    every_min = patient.loaded.settings.backup.every_min
    if not every_min:
        return Check("backup", "n/a", "backup.every_min is 0")
    newest = next(iter(backups(patient.world.disk, patient.loaded.locations.state_dir)), None)
    if newest is None:
        return judged("backup", False, "there is none", "playctl backup now")
    now_ms = patient.world.clock.wall_ms()
    if is_ahead(now_ms, newest.created_ms):
        return Check("backup", "unknown", f"{newest.name} bears a time yet to come: a clock was set", "playctl backup now")
    age_s = (now_ms - newest.created_ms) / 1000
    return judged("backup", age_s <= 3 * every_min * 60, f"one each {every_min} min", "playctl backup now", age_s=age_s)


def _units(patient: Patient) -> Check:
    disk = patient.world.disk
    if not disk.exists(PurePath("/run/systemd/system")):
        return Check("units", "n/a", "no systemd on this machine")
    wrong = []
    for name in ("playd.service", "playd-guardian.service"):
        path = next((folder / name for folder in UNIT_DIRS if disk.exists(folder / name)), None)
        if path is None:
            wrong.append(f"{name} is not installed")
            continue
        text = disk.read_bytes(path).decode(errors="replace")
        wrong += [f"{name} lacks {word}" for word in HARDENING if word not in text]
    return judged("units", not wrong, "; ".join(wrong) or "installed, hardened, watched", "see systemd/README.md")


def _socket(patient: Patient) -> Check:
    path = patient.loaded.locations.control_socket
    if not patient.world.disk.exists(path):
        return Check("socket", "n/a", "no daemon runs here")
    mode = patient.world.disk.stat(path).mode & 0o777
    return judged("socket", not mode & 0o007, f"{path} has mode {mode:03o}", f"chmod 660 {path}")


def _limits(patient: Patient) -> Check:
    disk = patient.world.disk
    limits = PurePath("/proc/self/limits")
    if not disk.exists(limits):
        return Check("limits", "n/a", "this system does not say")
    line = next(line for line in disk.read_bytes(limits).decode().splitlines() if line.startswith("Max open files"))
    soft = line.split()[3]
    memory = re.search(r"MemAvailable:\s+(\d+) kB", disk.read_bytes(PurePath("/proc/meminfo")).decode())
    free_mib = int(memory[1]) // 1024 if memory else 0
    files_do = soft == "unlimited" or int(soft) >= OPEN_FILES
    text = f"{soft} open files, {OPEN_FILES} expected; {free_mib} MiB of memory, {MEMORY_MIB} expected"
    return judged("limits", files_do and free_mib >= MEMORY_MIB, text, "LimitNOFILE= in the unit; another machine")


def _routes(patient: Patient) -> Check:
    routes = [route.name for route in patient.loaded.settings.alerts.routes]
    return judged("alerts", bool(routes), ", ".join(routes) or "nobody is told of anything", "see runbooks/incidents.md")


def _variables(patient: Patient) -> Check:
    """Keys in variables are seen by every child of the shell that set them; a service has files for them."""
    names = sorted(pair.origin for pair in patient.loaded.key_pairs.values())
    service = patient.loaded.locations.credentials_dir is not None
    if not service:
        return Check("secrets", "n/a" if not names else "pass", "keys come from variables" if names else "no key in variables")
    return judged("secrets", not names, ", ".join(names) or "no key in variables", "put them into credentials of the unit")


def _existing(patient: Patient, path: PurePath) -> PurePath:
    while not patient.world.disk.exists(path) and path != path.parent:
        path = path.parent
    return path


_CHECKS: Final = (
    ("python", _python),
    ("packages", _packages),
    ("kernels", _kernels),
    ("clock", _clock),
    ("limits", _limits),
    ("disk", _free),
    ("ballast", _ballast),
    ("modes", _modes),
    ("secrets", _variables),
    ("files", _files),
    ("unknown_files", _unknown_files),
    ("migrations", _migrations),
    ("backup", _backup),
    ("units", _units),
    ("socket", _socket),
    ("alerts", _routes),
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that may be mended without a person's judgement: what is about to be done, and how."""

    text: str
    do: Callable[[], object]


def acts(patient: Patient) -> list[Act]:
    """What `--fix` does, in order. Nothing is done here."""
    disk, places = patient.world.disk, patient.loaded.locations
    found = [Act(f"make {path}", partial(disk.mkdir, path)) for path in _directories(patient) if not disk.exists(path)]
    for each in exposed(patient.world, patient.loaded):
        if each.mode is not None:
            found.append(Act(f"{each.command} (it {each.text})", partial(disk.chmod, each.path, each.mode)))
    for path, mode in _too_open(patient):
        found.append(Act(f"chmod 600 {path} (it has {mode:03o})", partial(disk.chmod, path, 0o600)))
    if patient.cache_dir and disk.exists(PurePath(patient.cache_dir).parent):
        older = _older_caches(patient)
        found += [Act(f"remove {path}, compiled by an older version", partial(disk.remove_tree, path)) for path in older]
    ballast, limits = Ballast(disk, places.state_dir), patient.loaded.settings.disk
    if patient.loaded.settings.daemon.ballast and disk.exists(places.state_dir) and not ballast.held:
        free = disk.free_bytes(places.state_dir)
        found.append(Act("hold 64 MiB back for a full disk", partial(ballast.hold, free, limits.pause_mib * _MIB)))
    return found


def versions() -> dict[str, str]:
    """What a report says of the program that made it."""
    return {"playd": version("playd"), "code": code_version(), "python": ".".join(map(str, sys.version_info[:3]))}
