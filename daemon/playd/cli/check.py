"""`playd check`: would a start succeed? Reads everything, changes nothing."""

from dataclasses import dataclass
from typing import Final

from playd.cli.key_readback import Standing, read_back_keys
from playd.cli.known_bans import address_beside
from playd.cli.venue_accounts import key_accounts
from playd.cli.watchers import ways_of
from playd.control.render import json_text, render_pairs
from playd.core.errors import CredentialError, PlayError, SettingsError
from playd.core.modes import Environment
from playd.ops.ownership import exposed
from playd.ops.state_files import look_at_ledger
from playd.settings import Loaded, load
from playd.supervisor.plays import find_play, read_play
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_CREDENTIAL: Final = 77
EXIT_INVALID: Final = 6
EXIT_STATE: Final = 78
EXIT_UNREAD: Final = 74


@dataclass(frozen=True, slots=True)
class Result:
    """One check. `exit_code` is what `playd check` ends with when this is the gravest failure."""

    check: str
    ok: bool
    detail: str
    exit_code: int = 0


def run_check(config: str, state: str, *, as_json: bool) -> int:
    """
    Print every check; 0 when all pass, 77 for a refused account, 78 for a ledger that no start takes, 6 for a bad Play. Raises
    `SettingsError` (78).
    """
    world = real_world()
    flags = {"daemon.state_dir": ("--state", str(world.process.working_dir() / state))} if state else {}
    loaded = load(world, flags=flags, config=config or None)
    accounts = run_loop(lambda given: _accounts(given, loaded), world)
    results = [*_settings(loaded), *_directories(world, loaded), *_ways(world, loaded), *accounts, *_plays(world, loaded)]
    if as_json:
        print(json_text([{"check": each.check, "ok": each.ok, "detail": each.detail} for each in results]))
    else:
        print(render_pairs([(f"{'pass' if each.ok else 'FAIL'}  {each.check}", each.detail) for each in results]))
    return max((each.exit_code for each in results if not each.ok), default=0)


def _settings(loaded: Loaded) -> list[Result]:
    unused = [pair for pair in loaded.pairs.values() if pair not in loaded.key_pairs.values()]
    return [
        Result("settings", True, f"{loaded.locations.config_dir}, digest {loaded.digest[:16]}"),
        *(Result("key in variables", True, f"{pair.origin}: no account of its environment wants it") for pair in unused),
    ]


def _directories(world: World, loaded: Loaded) -> list[Result]:
    state = loaded.locations.state_dir
    if faults := [*exposed(world, loaded)]:
        return [Result("directories", False, str(each), EXIT_CREDENTIAL) for each in faults]
    if not world.disk.exists(state):
        return [Result("state directory", True, f"{state} will be created")]
    try:
        ledger = look_at_ledger(world.disk, state)
    except OSError as error:
        return [Result("state directory", False, f"{error.filename or state}: {error.strerror or error}", EXIT_STATE)]
    found = [Result("state directory", True, str(state))]
    if ledger is not None:
        is_good = ledger.is_read and not ledger.damaged
        said = ledger.version if is_good else ledger.check
        found.append(Result("ledger", is_good, said, EXIT_STATE if ledger.is_read else EXIT_UNREAD))
    return found


def _ways(world: World, loaded: Loaded) -> list[Result]:
    """Alert routes and the address of health and metrics: a start is refused for a wrong one."""
    try:
        ways = ways_of(world, loaded)
    except (SettingsError, CredentialError) as error:
        return [Result("alerts and http", False, str(error), error.exit_code)]
    routes = ", ".join(route.name for route in ways.routes) or "no route: nobody is told of anything"
    where = f"{ways.http.host}:{ways.http.port}" if ways.http is not None else "nothing served"
    return [Result("alerts and http", True, f"{routes}; {where}")]


async def _accounts(world: World, loaded: Loaded) -> list[Result]:
    """Keys are read back from their venues. An unreachable venue fails nothing: a start would wait for it."""
    address = address_beside(world, loaded)
    findings = await read_back_keys(world, *key_accounts(world, loaded), address.for_account)
    local = [alias for alias, each in loaded.settings.accounts.items() if each.environment is Environment.LOCAL]
    return [
        *(Result(f"account {alias}", True, "local exchange, no key needed") for alias in local),
        *(
            Result(
                f"account {each.alias}", each.standing is not Standing.REFUSED, f"{each.standing}: {each.text}", EXIT_CREDENTIAL
            )
            for each in findings
        ),
    ]


def _plays(world: World, loaded: Loaded) -> list[Result]:
    results = []
    places = loaded.locations
    for name, declared in loaded.settings.instances.items():
        try:
            path = find_play(world.disk, str(places.config_dir / declared.play), places.config_dir / "plays", places.config_dir)
            play = read_play(world.disk, path)
        except PlayError as error:
            results.append(Result(f"instance {name}", False, "; ".join(error.findings), EXIT_INVALID))
        else:
            results.append(Result(f"instance {name}", True, f"{declared.mode} {play.symbol} {play.play_hash[:16]} {path}"))
    return results
