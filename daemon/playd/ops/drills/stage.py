"""The stage of a drill: everything it needs in one temporary directory, and the two ledgers to judge it by."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from decimal import Decimal
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Final, TypeVar

import anyio
import orjson

from playd.core.errors import SettingsError
from playd.core.timeframes import MINUTE_MS
from playd.ops.drills.bad_host import CLOCK
from playd.ops.drills.invariants import Venue, fold_venue
from playd.ops.drills.local_exchange import ACCOUNT, HTTP_TIMEOUT_S, LocalExchange
from playd.ops.drills.plays import HELD, HELD_SYMBOL, PLAYS, RESTING_SYMBOL, SHADOW
from playd.ops.drills.programs import ON_A_BAD_HOST, PLAYCTL, PLAYD, Program, Ran, command, until
from playd.ops.drills.report import CannotRun, DrillError, Report
from playd.world.ports import ChildSignal, World

T = TypeVar("T")

SEED: Final = 8
SPEED: Final = 60.0
"""Market minutes per real minute: a bar a second."""
HURRY: Final = 600.0
"""While nothing is to be seen: ten bars a second, for which a local exchange waits if it must."""

ANSWERED: Final = (0, 9)
"""Exits of `playctl status`: all is well, or something is told that is not."""

DECIDING: Final = ("running", "paused", "degraded")
QUIET_BARS: Final = 10
DECIDED_WITHIN_S: Final = 60.0
POSITION_WITHIN_S: Final = 60.0
CLOSE_WITHIN_S: Final = 6.0
CREDENTIALS: Final = "credentials"
SOCKET_PATH_MAX: Final = 100
"""Bytes of a Unix socket's path, of which the system takes 107."""

_SETTINGS: Final = """
[log]
format = "json"
[http]
listen = ""
{more}
[accounts.{account}]
environment = "local"
rest_url = "{url}"
credential_file = "{key}"
priced_entries = {priced}
"""
_INSTANCE: Final = """
[instances.{name}]
play = "{play}"
mode = "{mode}"
"""


class Stage:
    """One exchange, one daemon, one guardian, and what a drill asks of them."""

    def __init__(self, world: World, stack: AsyncExitStack, http: Any, directory: PurePath, report: Report) -> None:
        self.world = world
        self.report = report
        self.directory = directory
        self.exchange = LocalExchange(world, stack, http, directory, SEED)
        self.state = directory / "state"
        self.config = directory / "playd.toml"
        self._stack = stack
        self._programs: list[Program] = []
        self.daemon = self.program("daemon", "run", "--config", str(self.config), "--state", str(self.state))
        self.guardian = self.program("guardian", "guardian", "--state", str(self.state))
        self.guardian.variables = {"CREDENTIALS_DIRECTORY": str(directory / CREDENTIALS)}
        self._commands = 0
        self.secrets: set[bytes] = set()
        """What may stand in nothing that is written."""
        self.plays: Mapping[str, str] = {}
        """The Play files by instance whose values are compared, as they were configured."""
        self.running: Mapping[str, str] = {}
        """Those of every instance, the crowd included."""
        self.strangers: list[PurePath] = []
        """State directories of other daemons on the account: what they sent is on record there."""
        self.by_name = False
        """Whether the daemon is told the exchange's name instead of its address."""
        self.clock_off_ms = 0
        """How far the daemon's clock was from the exchange's at the worst: stamps of the two ledgers differ by so much."""
        self.known_break = ""
        """What `audit verify` says of the damage that the drill itself did to the journal; anything else is a violation."""

    def program(self, name: str, *arguments: str) -> Program:
        """One more program of ours on this stage; it is gone when the stage is."""
        made = Program(self.world, self._stack, name, arguments, self.directory)
        self._programs.append(made)
        return made

    @property
    def socket(self) -> PurePath:
        return self.state / "run" / "control.sock"

    async def close(self) -> None:
        """Ask every program to end, so that it ends what it has started itself; who does not listen is killed behind this."""
        with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
            programs = [*self._programs, self.exchange.program]
            for program in programs:
                program.send(ChildSignal.CONT)
                program.send(ChildSignal.TERM)
            for program in programs:
                await program.ended(CLOSE_WITHIN_S)

    # --- setting the scene -------------------------------------------------------------------------------------------

    async def open(
        self,
        *,
        settings: str = "",
        terms: Sequence[str] = (),
        plays: Mapping[str, str] = PLAYS,
        crowd: Mapping[str, str] = MappingProxyType({}),
        priced: bool = False,
    ) -> None:
        """
        Exchange, settings, Plays, daemon and guardian; returns with a position that is planned and covered, a resting entry,
        and ten quiet bars behind it.

        `settings` are more sections, `terms` more options of the exchange, `plays` the Play files by instance and `crowd`
        those of more shadows, whose values nobody compares; `priced` enters by the quote, as at a real venue.
        """
        self.exchange.terms = tuple(terms)
        await self.exchange.start(SPEED)
        self.configure(settings, plays, crowd, priced=priced)
        await self.start_daemon()
        await self.start_guardian()
        await self.until_covered(HELD_SYMBOL)
        await self._quiet_bars()

        async def rests() -> bool:
            return RESTING_SYMBOL in (await self.resting()).values()

        if await until(rests, POSITION_WITHIN_S) is None:
            raise CannotRun(f"no entry of {RESTING_SYMBOL} rests within {POSITION_WITHIN_S:g} s")

    async def _quiet_bars(self) -> None:
        """Ten bars before the first fault, in which nothing grave is told. Raises `CannotRun`."""
        if not await self.bars_pass(QUIET_BARS):
            raise CannotRun(f"{QUIET_BARS} quiet bars did not come within {DECIDED_WITHIN_S:g} s")
        loud = [row for row in self.table("incidents") if row["severity"] == "critical" and row["resolved_ms"] is None]
        if loud:
            raise CannotRun(f"not quiet before anything was done: {loud[0]['kind']} {loud[0]['text']}")

    @property
    def key_file(self) -> PurePath:
        return self.directory / "key"

    def use_key(self, key: str, secret: str) -> None:
        """Write the key that the next life of the daemon finds."""
        self._write_key(self.key_file, key, secret)

    def _give_guardian_its_key(self) -> None:
        """As a service has it: the exchange's ledger then tells what the guardian did from what the daemon did."""
        disk, directory = self.world.disk, self.directory / CREDENTIALS
        disk.mkdir(directory)
        self._write_key(directory / f"bybit-{ACCOUNT}-guardian", self.exchange.guardians_key, self.exchange.guardians_secret)

    def _write_key(self, path: PurePath, key: str, secret: str) -> None:
        self.secrets.add(secret.encode())
        self.world.disk.write_replace(path, f"api_key={key}\napi_secret={secret}\n".encode(), keep_previous=False)

    def configure(
        self,
        settings: str = "",
        plays: Mapping[str, str] = PLAYS,
        crowd: Mapping[str, str] = MappingProxyType({}),
        *,
        priced: bool = False,
    ) -> None:
        """Write key, Plays and settings; see `open`."""
        disk = self.world.disk
        self.plays, self.running = plays, {**plays, **crowd}
        self.use_key(self.exchange.key, self.exchange.secret)
        self._give_guardian_its_key()
        entries = "true" if priced else "false"
        url = self.exchange.named_url if self.by_name else self.exchange.url
        text = _SETTINGS.format(account=ACCOUNT, url=url, key=self.key_file, more=settings, priced=entries)
        for name, play in self.running.items():
            path, shadow = self.directory / f"{name}.yml", name == SHADOW or name in crowd
            disk.write_replace(path, play.encode(), keep_previous=False)
            text += _INSTANCE.format(name=name, play=path, mode="shadow" if shadow else "paper")
            text += "" if shadow else f'account = "{ACCOUNT}"\n'
        disk.write_replace(self.config, text.encode(), keep_previous=False)

    def configure_elsewhere(self, name: str, symbol: str) -> PurePath:
        """Settings of another daemon on the same account, with one instance that enters at once; their path."""
        disk, play, path = self.world.disk, self.directory / f"{name}.yml", self.directory / f"{name}.toml"
        disk.write_replace(play, PLAYS[HELD].replace(HELD_SYMBOL, symbol).encode(), keep_previous=False)
        text = _SETTINGS.format(account=ACCOUNT, url=self.exchange.url, key=self.key_file, more="", priced="false")
        text += _INSTANCE.format(name=name, play=play, mode="paper") + f'account = "{ACCOUNT}"\n'
        disk.write_replace(path, text.encode(), keep_previous=False)
        return path

    def on_a_bad_host(self) -> None:
        """Every life of daemon and guardian runs where disk, clock and names obey `host`."""
        for program in (self.daemon, self.guardian):
            program.module = ON_A_BAD_HOST
            program.arguments = (str(self.directory), *program.arguments)

    def host(self, what: str, **command: Any) -> float:
        """Command the bad host: `what` is `bad_host.DISK`, `CLOCK` or `NAMES`; the moment."""
        params = {name: value for name, value in command.items() if name != "kind"}
        began_s = self.report.inject(command.get("kind", "set"), what.partition(".")[0], **params)
        if what == CLOCK:
            self.clock_off_ms = max(self.clock_off_ms, abs(int(command["ahead_ms"])))
        self.world.disk.write_replace(self.directory / what, orjson.dumps(command), keep_previous=False)
        return began_s

    def host_is_well(self, what: str) -> float:
        """End a command of `host`; the moment."""
        self.world.disk.remove(self.directory / what)
        return self.world.clock.mono_s()

    async def start_daemon(self) -> None:
        """A life of the daemon, until READY. Raises `CannotRun`."""
        await self.daemon.start(self.ready)

    async def ready(self) -> bool:
        return bool(self.daemon.said("daemon.ready"))

    async def start_guardian(self) -> None:
        """A life of the guardian, until it has read the account once. Raises `CannotRun`."""
        socket = self.state / "run" / "guardian.sock"

        async def listening() -> bool:
            return self.world.disk.exists(socket)

        await self.guardian.start(listening)
        if await until(self._watching, POSITION_WITHIN_S) is None:
            raise CannotRun(f"the guardian never read the account; its log ends: {self.guardian.text()[-600:]}")

    async def _watching(self) -> bool:
        accounts = (await self.guardian_status()).get("accounts", [])
        return bool(accounts) and accounts[0]["read_age_s"] is not None

    async def guardian_status(self) -> dict[str, Any]:
        """What `playctl guardian` says; empty when nobody answers."""
        ran = await self.ctl("guardian", "--json")
        found: dict[str, Any] = ran.data if ran.code in (0, 9) else {}
        return found

    async def until_covered(self, symbol: str) -> None:
        """Wait for a position of a symbol with its stop at the venue and in the guardian's plan. Raises `CannotRun`."""

        async def held() -> bool:
            rows = self.table("virtual_positions")
            return any(row["symbol"] == symbol and Decimal(row["signed_qty"]) and row["stop"] for row in rows)

        if await until(held, POSITION_WITHIN_S) is None:
            raise CannotRun(f"no position of {symbol} within {POSITION_WITHIN_S:g} s to practise on")
        await self.expect_covered(symbol, "a position to practise on", POSITION_WITHIN_S, note=False)

    # --- asking ------------------------------------------------------------------------------------------------------

    async def ctl(self, *arguments: str) -> Ran:
        """Run a `playctl` command against this daemon."""
        self._commands += 1
        log = self.directory / f"playctl-{self._commands}.log"
        return await command(self.world, PLAYCTL, (*arguments, "--socket", str(self.socket)), log)

    async def playd(self, *arguments: str) -> Ran:
        """Run a `playd` command to its end."""
        self._commands += 1
        return await command(self.world, PLAYD, arguments, self.directory / f"playd-{self._commands}.log")

    def table(self, name: str, state: PurePath | None = None) -> list[dict[str, Any]]:
        """Rows of a table of the daemon's ledger, whether the daemon lives or not; none before there is a ledger."""
        path = (state or self.state) / "ledger.sqlite"
        if not self.world.disk.exists(path):
            return []
        with closing(self.world.disk.open_sqlite(path, read_only=True)) as connection:
            try:
                return [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # the daemon is about to make it
                    return []
                raise

    def incident(self, kind: str) -> dict[str, Any] | None:
        """The newest incident of a kind."""
        return next((row for row in reversed(self.table("incidents")) if row["kind"] == kind), None)

    def halt(self, code: str) -> dict[str, Any] | None:
        """The halt of a code that is in force."""
        return next((row for row in self.table("halts") if row["code"] == code and row["lifted_ms"] is None), None)

    async def instances(self) -> list[dict[str, Any]]:
        """What `playctl status` says of every instance that decides bars; none when nobody answers."""
        ran = await self.ctl("status", "--json")
        rows: list[dict[str, Any]] = ran.data["instances"] if ran.code in ANSWERED else []
        return [row for row in rows if row["state"] in DECIDING]

    async def bars_pass(self, count: int) -> bool:
        """Let the market hurry until every instance that runs has decided `count` more bars; whether it has."""
        running = [row["name"] for row in await self.instances()]
        began = self._newest_bars()
        await self.exchange.release(HURRY)

        async def decided() -> bool:
            now = self._newest_bars()
            return all(now.get(name, 0) >= began.get(name, 0) + count * MINUTE_MS for name in running)

        found = bool(running) and await until(decided, DECIDED_WITHIN_S) is not None
        await self.exchange.release(SPEED)
        return found

    def _newest_bars(self) -> dict[str, int]:
        """The newest decided bar of each instance, by its name."""
        names = {row["uid"]: row["name"] for row in self.table("instances")}
        found: dict[str, int] = {}
        for row in self.table("bars"):
            name = names.get(row["instance"], "")
            found[name] = max(found.get(name, 0), row["close_ms"])
        return found

    def uid_of(self, name: str) -> str:
        """What the ledger calls an instance; empty before it knows it."""
        return next((str(row["uid"]) for row in self.table("instances") if row["name"] == name), "")

    async def stop_of(self, symbol: str) -> Decimal:
        """The trigger of a position's stop at the venue, as the hand sees it; zero without one."""
        async with self.exchange.hand() as hand:
            return (await hand.position(symbol)).stop

    async def stop_of_record(self, symbol: str) -> bool:
        """Whether a position has a working stop by the exchange's own ledger, for when its REST answers nobody."""
        return bool((await self.venue()).stops(symbol))

    async def venue(self) -> Venue:
        """The exchange's ledger, folded."""
        folded = fold_venue(await self.exchange.ledger(), self.exchange.uid, self.world.clock.wall_ms())
        folded.clock_off_ms = self.clock_off_ms
        return folded

    async def resting(self) -> dict[str, str]:
        """Symbols of the entries that rest at the venue, by their link ids."""
        rows = (await self.venue()).newest()
        return {row["orderLinkId"]: row["symbol"] for row in rows if row["orderStatus"] == "New" and not row["reduceOnly"]}

    # --- expecting ---------------------------------------------------------------------------------------------------

    async def expect(
        self,
        fault: str,
        condition: Callable[[], Awaitable[T]],
        seen: Callable[[T], str] | str,
        limit_s: float,
        *,
        since_s: float | None = None,
    ) -> T:
        """Wait for what must follow a fault and note it with its time. Raises `DrillError` when it does not come in time."""
        clock = self.world.clock
        began_s = clock.mono_s() if since_s is None else since_s
        found = await until(condition, limit_s - (clock.mono_s() - began_s))
        if found is None:
            self.report.missed(
                fault, f"not within {limit_s:g} s: {seen if isinstance(seen, str) else 'what must follow'}", limit_s=limit_s
            )
            raise DrillError
        text = seen if isinstance(seen, str) else seen(found)
        self.report.saw(fault, text, recovery_s=clock.mono_s() - began_s, limit_s=limit_s)
        return found

    async def expect_covered(
        self, symbol: str, fault: str, limit_s: float, *, since_s: float | None = None, note: bool = True
    ) -> Decimal:
        """Wait until a position has a stop at the venue."""

        async with self.exchange.hand() as hand:

            async def covered() -> Decimal:
                return (await hand.position(symbol)).stop

            if note:
                return await self.expect(
                    fault, covered, lambda stop: f"{symbol} has its stop at {stop}", limit_s, since_s=since_s
                )
            found = await until(covered, limit_s)
            if found is None:
                raise CannotRun(f"{fault}: {symbol} has no stop within {limit_s:g} s")
            return found

    async def stays(
        self, fault: str, condition: Callable[[], Awaitable[object]], seen: str, for_s: float, *, look_s: float = 0.2
    ) -> None:
        """Watch for a while that something holds; noted, and the drill goes on."""
        until_s = self.world.clock.mono_s() + for_s
        while self.world.clock.mono_s() < until_s:
            if not await condition():
                self.report.missed(fault, f"not for {for_s:g} s: {seen}")
                return
            await anyio.sleep(look_s)
        self.report.saw(fault, f"{seen}, for {for_s:g} s")


@asynccontextmanager
async def staged(world: World, report: Report) -> AsyncIterator[Stage]:
    """
    A stage in a fresh temporary directory. At the end every process of it has ended, and the directory is gone unless the
    report leaves it behind.

    Raises `SettingsError` when the system's temporary directory lies too deep for a socket.
    """
    directory = PurePath(world.env.get("TMPDIR") or "/tmp") / f"playd-drill-{world.random.token(4)}"
    if len(str(directory / "state" / "run" / "guardian.sock").encode()) > SOCKET_PATH_MAX:
        raise SettingsError(f"TMPDIR {directory.parent}: too long for a socket below it; name a shorter one, such as /tmp")
    world.disk.mkdir(directory)
    try:
        async with AsyncExitStack() as stack, world.net.http_session(timeout_s=HTTP_TIMEOUT_S) as http:
            stage = Stage(world, stack, http, directory, report)
            try:
                yield stage
            finally:
                await stage.close()
    finally:
        if report.left_behind is None:
            world.disk.remove_tree(directory)
