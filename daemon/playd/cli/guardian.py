"""
`playd guardian`: the second, small process. Reads no settings: what it must know stands in the plan that the daemon writes.

Nothing heavy is imported here, directly or not: the process stays below 60 MiB and looks at the venue within three seconds.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import anyio

from playd import __version__
from playd.control.figures import rfc3339
from playd.control.guardian_methods import STOPS, GuardianMethods
from playd.control.protocol import GUARDIAN_SOCKET, encode
from playd.control.server import ControlServer, cannot_bind
from playd.control.streams import StreamHub
from playd.core.canonical import Json
from playd.core.errors import PlaydError, RecordError, StateError
from playd.core.modes import Environment
from playd.core.secret import redact
from playd.ops.alarm_post import AlarmPost
from playd.ops.guardian_records import BAN, guardian_ban_ms
from playd.ops.journal import Journal, open_journal
from playd.ops.notify import ServiceManager
from playd.orders.account_modes import MODE_OF
from playd.orders.guardian.guardian import Guardian
from playd.orders.guardian.open_account import open_account
from playd.orders.guardian.plan_file import DIRECTORY, PlanFile
from playd.orders.guardian.share import AddressBan, Shares
from playd.orders.panic_notes import make_folder
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from playd.supervisor.edge import first_of, say
from playd.world.ports import Signal, World
from playd.world.real import real_world
from playd.world.real import run as run_loop

JOURNAL: Final = "journal"
LOCK: Final = "guardian.lock"
JOURNAL_RETRY_S: Final = 10.0
BEAT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class GuardianOptions:
    """The flags of `playd guardian`; empty means the environment's or the checkout's directory."""

    state: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class JournalNumbers:
    """The guardian writes little: small files, each record on the medium at once."""

    segment_mib: int = 8
    sync_ms: int = 10


@dataclass(frozen=True, slots=True)
class Places:
    """The directories the guardian shares with the daemon."""

    state_dir: PurePath
    run_dir: PurePath


class Voice:
    """Log lines as JSON on standard error, and records in the journal while there is one. Neither ever stops the guardian."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.journal: Journal | None = None
        self.environments: Callable[[], Mapping[str, Environment]] = dict
        """Those of the accounts in the present plan, by alias."""

    def say(self, level: str, event: str, text: str) -> None:
        """One log line."""
        line = {"ts": rfc3339(self._world.clock.wall_ms()), "level": level, "event": f"guardian.{event}", "msg": redact(text)}
        self._world.process.write_stderr(encode(line))

    @property
    def head(self) -> tuple[int, str]:
        """Head of the journal; zero and nothing while there is none."""
        return self.journal.head if self.journal is not None else (0, "")

    def record(self, kind: str, data: Mapping[str, Json], account: str, symbol: str, actor: str = "guardian") -> None:
        """One record and its log line."""
        if not kind.startswith("incident."):
            self.say("warning", kind, " ".join([account, symbol, *(f"{name}={value}" for name, value in data.items())]))
        if self.journal is None:
            return
        environment = self.environments().get(account)
        mode = None if environment is None else str(MODE_OF[environment])
        try:
            self.journal.append(kind, data, mode=mode, account=account or None, symbol=symbol or None, actor=actor)
        except RecordError as error:
            self.say("error", "journal", str(error))


def run_guardian(options: GuardianOptions, world: World) -> int:
    """Run until a signal says stop; the exit code. Known failures, such as another guardian, become one line."""
    world.process.set_umask(0o077)
    # Keys of the environment are the daemon's; what we have no use for we do not hold.
    world.env.forget([name for name in world.env.names() if name.endswith(("_API_KEY", "_API_SECRET"))])
    try:
        return run_loop(lambda given: _main(given, options), world)
    except (PlaydError, BaseExceptionGroup) as error:
        known = first_of(error, PlaydError)
        if known is None:
            raise
        print(f"playd guardian: {known}", file=sys.stderr)
        return known.exit_code


def places_of(world: World, options: GuardianOptions) -> Places:
    """Where state and sockets are: flags, `PLAYD_STATE_DIR` and `PLAYD_RUN_DIR`, the service's directories, the checkout's."""
    here, env = world.process.working_dir(), world.env
    state_dir = here / (options.state or env.get("PLAYD_STATE_DIR") or env.get("STATE_DIRECTORY") or "state")
    run_dir = options.run or env.get("PLAYD_RUN_DIR") or env.get("RUNTIME_DIRECTORY")
    return Places(state_dir, here / run_dir if run_dir else state_dir / "run")


async def _main(world: World, options: GuardianOptions) -> int:
    places, voice = places_of(world, options), Voice(world)
    credentials = world.env.get("CREDENTIALS_DIRECTORY")
    post = AlarmPost(world, lambda: guardian.plan.ways, voice.say, PurePath(credentials) if credentials else None)
    ban = AddressBan(
        world.clock, lambda until_ms: voice.record(BAN, {"until_ms": until_ms}, "", ""), lambda: guardian.plan.ban_s
    )
    shares = Shares(world.clock, ban)
    claims = ShareClaims(world.disk, places.state_dir, GUARDIAN, DAEMON)
    guardian = Guardian(
        world.clock,
        PlanFile(world.disk, places.state_dir),
        lambda place: open_account(world, place, shares.of(place.alias)),
        voice.record,
        voice.say,
        post.tell,
        claims,
    )
    voice.environments = lambda: {place.alias: place.environment for place in guardian.plan.accounts}
    voice.say("info", "starting", f"{__version__} state {places.state_dir}")
    with _alone(world, places.state_dir / DIRECTORY, voice), world.process.signals() as signals:
        _make_ready_for_panics(world, places.state_dir, claims, voice)
        async with anyio.create_task_group() as group:
            group.start_soon(post.run, name="alerts")
            await group.start(_keep_journal, world, places.state_dir / DIRECTORY / JOURNAL, voice)
            ban.heed(banned_until_ms(world, places.state_dir / DIRECTORY / JOURNAL, voice))
            await group.start(guardian.run)
            methods = GuardianMethods(world, __version__, guardian, places.state_dir, voice)
            world.disk.mkdir(places.run_dir)
            path = places.run_dir / GUARDIAN_SOCKET
            server = ControlServer(
                net=world.net,
                clock=world.clock,
                path=path,
                dispatcher=methods,
                hub=StreamHub(),
                on_bug=lambda where, error: voice.say("error", "bug", f"{where}: {say(error)}"),
                stops=STOPS,
            )
            async with AsyncExitStack() as stack:
                try:
                    await stack.enter_async_context(server.running())
                except OSError as error:
                    raise cannot_bind(path, error) from error
                group.start_soon(_beat, ServiceManager(world.process), guardian)
                await _stop_signal(signals, voice)
            group.cancel_scope.cancel()
    return 0


def banned_until_ms(world: World, directory: PurePath, voice: Voice) -> int:
    """Until when the venue banned this address, as an earlier life of the guardian has it on record; 0 without a word of it."""
    try:
        return guardian_ban_ms(world.disk, directory)
    except OSError as error:
        voice.say("error", "journal", f"{directory}: {error.strerror or error}")
        return 0


@contextmanager
def _alone(world: World, directory: PurePath, voice: Voice) -> Iterator[None]:
    """
    Hold the guardian's lock. Raises `LockError` when another one has it: two would write one journal.

    A disk on which no lock can be made is said, and watched over all the same.
    """
    lock = None
    try:
        world.disk.mkdir(directory)
        lock = world.disk.lock(directory / LOCK, f"pid {world.process.pid} started {world.clock.wall_ms()}\n")
    except OSError as error:
        voice.say("critical", "lock", f"{directory / LOCK}: {error.strerror or error}")
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _make_ready_for_panics(world: World, state_dir: PurePath, claims: ShareClaims, voice: Voice) -> None:
    """On a disk that is full later there is no room for their folders."""
    try:
        make_folder(world.disk, state_dir)
        claims.make_folder()
    except OSError as error:
        voice.say("critical", "panics", f"no folder for panics: {error.strerror or error}")


async def _stop_signal(signals: AsyncIterator[Signal], voice: Voice) -> None:
    async for received in signals:
        if received is not Signal.HUP:
            voice.say("info", "stopping", str(received))
            return


async def _keep_journal(
    world: World, directory: PurePath, voice: Voice, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Keep the journal open for ever; while it cannot be written the guardian works on and says so. Started after one try."""
    told = False
    while True:
        try:
            world.disk.mkdir(directory.parent)
            async with open_journal(world, directory, JournalNumbers(), version=__version__) as (journal, damage):
                voice.journal = journal
                if damage:
                    voice.say("critical", "journal.broken", damage)
                if not told:
                    told = True
                    task_status.started()
                await anyio.sleep_forever()
        except* (RecordError, StateError, OSError) as group:
            voice.say("critical", "journal", f"records are lost: {say(group)}")
        finally:
            voice.journal = None
        if not told:
            told = True
            task_status.started()
        await anyio.sleep(JOURNAL_RETRY_S)


async def _beat(service: ServiceManager, guardian: Guardian) -> None:
    """Ready once, then the watchdog's beat from the loop that watches."""
    service.ready("watching")
    while True:
        service.beat(guardian.failing())
        service.status(
            f"{len(guardian.kept)} accounts, daemon {guardian.status()['daemon']}, {len(guardian.alarms.active)} alarms"
        )
        await anyio.sleep(service.beat_every_s or BEAT_S)


def main(arguments: list[str]) -> int:
    """`python -m playd.cli.guardian STATE RUN`: what `playd guardian` becomes, without the modules of its command line."""
    return run_guardian(GuardianOptions(*arguments), real_world())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # seam: the last line of a program
