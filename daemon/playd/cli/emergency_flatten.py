"""
`playd emergency-flatten`: cancel entries and close positions of one account with nothing but its key.

No daemon, ledger, state or configuration is needed, and of what is there only a ban of our address is read: what is sent during
one is refused, and makes it longer. Exit 0: flat, verified twice. Exit 11: a position may remain.
"""

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

import anyio

from playd.cli.known_bans import ban_on_record, banned_until, usual_state_dirs
from playd.control.known_symbols import UNSURE, is_listed, no_symbol
from playd.control.panic_rows import not_flat, panic_rows, worded
from playd.control.render import Output, json_text, render_rows
from playd.control.tables import PANIC
from playd.core.errors import LinkError, PlaydError, SettingsError, VenueError
from playd.core.modes import Environment
from playd.orders.budget import AddressBudget
from playd.orders.guardian.flatten import Flattener
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.plan import TOLERANCES_PCT
from playd.orders.panic_report import PanicScope
from playd.orders.rate_limits import RateRules
from playd.supervisor.edge import first_of
from playd.venues.bybit.credentials import read_credentials
from playd.venues.bybit.environment import Hosts, default_hosts, local_hosts, venue_account
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_INCOMPLETE: Final = 11
EXIT_NO_SYMBOL: Final = 4
EXIT_REFUSED: Final = 8
LONGEST_BAN_S: Final = 3600.0
ANY_UID: Final = "any"
"""The key says whose account it is; the person who holds it is asked to confirm."""


@dataclass(frozen=True, slots=True)
class FlattenOptions:
    """The flags of `playd emergency-flatten`."""

    account: str
    credential_file: str
    symbol: str
    environment: str
    region: str
    rest_url: str
    state: str
    yes: bool
    as_json: bool


def emergency_flatten(options: FlattenOptions, world: World | None = None) -> int:
    """Flatten the account or one symbol of it; the exit code. Raises `CredentialError`, `SettingsError`, `LinkError`."""
    world = world or real_world()
    try:
        return run_loop(lambda given: _main(given, options), world)
    except BaseExceptionGroup as group:
        known = first_of(group, PlaydError)
        if known is None:
            raise
        raise known from group


async def _main(world: World, options: FlattenOptions) -> int:
    environment = _environment(options)
    hosts = _hosts(environment, options)
    found = read_credentials(world, world.process.working_dir() / PurePath(options.credential_file))
    account = venue_account(
        options.account,
        environment,
        hosts,
        found.api_key,
        found.secret,
        rsa=found.rsa,
        expected_uid=ANY_UID,
        allow_unbound_key=True,
    )
    if environment is not Environment.LOCAL:  # which is on this machine, and no venue's ban is about it
        await _behind_a_ban(world, options)
    budget = AddressBudget(world.clock).for_account(options.account)
    tolerances = () if environment is Environment.LOCAL else TOLERANCES_PCT
    async with open_bybit_venue(world, account, budget) as port:
        hands = Hands(port, budget, tolerances)
        scope = f"symbol:{options.account}/{options.symbol}" if options.symbol else f"account:{options.account}"
        known = await _is_known(hands, options)
        if known is False:
            return EXIT_NO_SYMBOL
        if not options.yes and not await _agreed(port, hands, scope, options):
            return EXIT_REFUSED
        flattener = Flattener(options.account, hands, world.clock, {}, lambda step, text: _say(f"{step}: {text}"))
        report = await flattener.run(PanicScope(symbol=options.symbol))
    rows = panic_rows(scope, [(options.account, report)], [])
    if known is None and rows["flat"] and not rows["positions"]:
        rows = not_flat(rows, UNSURE)
    if options.as_json:
        print(json_text(rows))
    else:
        print(
            render_rows(
                [{**each} for each in rows["positions"]],
                PANIC,
                Output.TABLE,
                empty="nothing was open" if rows["flat"] else "no position could be read",
            )
        )
        _say(rows["text"])
    return 0 if rows["flat"] else EXIT_INCOMPLETE


async def _behind_a_ban(world: World, options: FlattenOptions) -> None:
    """Wait until nothing on record forbids this address to send; a person is told where, until when, and what else to do."""
    looked_at = usual_state_dirs(world, options.state)
    until_ms, unread = ban_on_record(world, looked_at)
    _say(f"bans of this address are looked for in {' and '.join(map(str, looked_at))}; --state names another directory")
    for what in unread:
        _say(f"nobody can say whether this address is banned, so this goes on: {what}")
    # No settings are read here: a ban may be as long as any that can be set.
    address = AddressBudget(world.clock, banned_until_ms=until_ms, rules=RateRules(ban_s=LONGEST_BAN_S))
    if address.banned_for_s:
        _say(f"{banned_until(world.clock, address)}: what is sent before is refused and makes it longer; waiting until then")
        _say("Stops at the venue hold meanwhile. To close now use the venue's app, or this command on another address.")
        await anyio.sleep(address.banned_for_s)


async def _is_known(hands: Hands, options: FlattenOptions) -> bool | None:
    """Whether there is the symbol that was named, if one was; a person is told where there is not. None: nobody says so."""
    listed = await is_listed(hands.lists(options.symbol)) if options.symbol else True
    if listed is False:
        try:
            held = {position.symbol for position in (await hands.read()).positions if position.side is not None}
        except (LinkError, VenueError):
            held = set()
        if options.symbol in held:
            return True
        _say(no_symbol(options.symbol, options.account, held))
    return listed


async def _agreed(port: BybitVenue, hands: Hands, scope: str, options: FlattenOptions) -> bool:
    """Show whose key it is and what is open, and ask for the phrase. What cannot be read does not stop the asking."""
    try:
        info, seen = await port.key_info(), await hands.read()
    except (LinkError, VenueError) as error:
        _say(f"the account could not be read: {error}")
    else:
        _say(f"{options.account}: key of uid {info.uid}")
        for position in seen.positions:
            if position.side is not None and options.symbol in ("", position.symbol):
                _say(f"  {worded(position)}, stop {position.stop}")
    return _typed(f"PANIC {scope}")


def _typed(phrase: str) -> bool:
    """Whether a person types the phrase. Nothing else is to be done meanwhile, so the wait may block."""
    if not sys.stdin.isatty():
        _say(f"this needs the phrase {phrase!r} on a terminal, or --yes")
        return False
    return input(f"Type {phrase!r} to close this: ") == phrase


def _environment(options: FlattenOptions) -> Environment:
    """The named one; an account called like an environment needs no further word."""
    word = options.environment or options.account
    try:
        return Environment(word)
    except ValueError:
        known = ", ".join(Environment)
        given = f"--environment {word!r} found" if options.environment else f"no --environment found, and {word!r} is none"
        raise SettingsError(f"{given}; one of {known} expected: a key only meets hosts of its own") from None


def _hosts(environment: Environment, options: FlattenOptions) -> Hosts:
    if environment is not Environment.LOCAL:
        return default_hosts(environment, options.region)
    parts = urlsplit(options.rest_url)
    if not parts.hostname or parts.port is None:
        raise SettingsError(f"--rest-url {options.rest_url!r} found, http://127.0.0.1:PORT expected for environment local")
    return local_hosts(parts.port, address=parts.hostname)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
