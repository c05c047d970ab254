"""
`playd run`: one daemon from its start barrier to its clean stop.

The order of start is that of operations section 3; a failed step names itself and gives its exit code.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

import anyio
import structlog

from playd import __version__
from playd.cli.commands import keep_for_good, put_off_collecting
from playd.cli.declared import Roster, remember, symbols_of_plays
from playd.cli.fault_file import read_fault_file
from playd.cli.guardian_places import guardian_places
from playd.cli.live_view import live_view
from playd.cli.log_tap import LogTap
from playd.cli.rehearsals import EXTEND_S, compile_exchange, compile_for, rehearse_plays
from playd.cli.rekeying import Rekeying
from playd.cli.reloading import Reloader
from playd.cli.reports import Reports
from playd.cli.runtime import Runtime, open_runtime
from playd.cli.runtime_plan import RuntimePlan
from playd.cli.shutdown import Shutdown
from playd.cli.signals import hurry_on_second, stop_signal
from playd.cli.start_barrier import Records, instances_dir, make_directories, open_records, start_record
from playd.cli.venue_accounts import key_accounts, tell_refused
from playd.cli.watchers import Watchers, Ways, attend, build_limits, build_watchers, ways_of
from playd.control.context import Daemon, Progress
from playd.control.dispatch import Dispatch
from playd.control.guardian_link import GuardianLink, LinkParts
from playd.control.health import beat_failures, lacking, status_line
from playd.control.methods import STOPS, bind
from playd.control.requests import LedgerCommands
from playd.control.server import ControlServer, cannot_bind
from playd.control.streams import StreamHub
from playd.core.canonical import digest
from playd.core.errors import PlaydError, PlayError, RecordError, SettingsError
from playd.core.modes import Environment
from playd.market.feed import CandleFeed
from playd.market.source import MarketChoice, open_feed
from playd.market.synthetic import SyntheticFeed
from playd.ops.bar_recorder import BarRecorder
from playd.ops.log_file import LogFile
from playd.ops.logs import configure_logs
from playd.ops.meters import Meters
from playd.ops.notify import ServiceManager
from playd.ops.orders_of_day import OrdersOfDay
from playd.ops.recon_snapshots import ReconSnapshots
from playd.orders.incidents import Incidents
from playd.orders.key_watch import forget_standings
from playd.settings import Loaded, MainText, load
from playd.settings.model import MarketSource
from playd.settings.policy import load_policy
from playd.supervisor.commands import Commands
from playd.supervisor.edge import first_of, say
from playd.supervisor.errors import CommandRefused
from playd.supervisor.evidence import EvidenceBook
from playd.supervisor.plays import read_in_turns, read_play
from playd.supervisor.records import RecordStore
from playd.supervisor.states import State
from playd.venues.exchange.faults.model import Fault
from playd.world.ports import Signal, World
from playd.world.real import real_world
from playd.world.real import run as run_loop

READY_WITHIN_S: Final = 90.0
READY_SLACK_S: Final = 30.0
"""More time than that is asked of the service manager: the loop may be busy when it is over."""

STATUS_EVERY_S: Final = 10.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The flags of `playd run`; empty and zero mean: what the settings say."""

    candles: str = ""
    reference: str = ""
    speed: float = 0.0
    symbol: str = ""
    config: str = ""
    state: str = ""
    faults: str = ""
    as_declared: bool = False
    """One candle file stands for every symbol that the declared Plays trade."""


def run_daemon(options: RunOptions, world: World | None = None) -> int:
    """
    Run until a signal says stop; the exit code of operations section 13. Known failures become one line.

    `world` is the machine, unless a test wraps it.
    """
    world = world or real_world()
    world.process.set_umask(0o077)
    try:
        return run_loop(lambda given: _main(given, options), world)
    except BaseExceptionGroup as group:
        known = first_of(group, RecordError) or first_of(group, PlaydError)
        if known is None:
            raise
        print(f"playd: {say(known)}", file=sys.stderr)
        return known.exit_code


async def _main(world: World, options: RunOptions) -> int:
    loaded = _settings(world, options)
    ways = ways_of(world, loaded)
    feed = _feed(world, loaded, options)
    faults = _faults(world, feed, options)
    loaded = _own_state_of(loaded, feed, options)
    make_directories(world, loaded)
    log_file = _log_file(world, loaded)
    configure_logs(world, loaded.settings.log, loaded.settings.daemon.log_level, file=log_file)
    streams = StreamHub()
    tap = LogTap(lambda line: streams.publish("logs", line))
    tap.install()
    with world.process.signals() as signals:
        _log.info("daemon.starting", msg=__version__, state=str(loaded.locations.state_dir))
        ServiceManager(world.process).extend(EXTEND_S, "ledger and journal")
        async with open_records(world, loaded) as records:
            return await _with_records(world, options, loaded, ways, feed, faults, records, streams, tap, log_file, signals)


def _log_file(world: World, loaded: Loaded) -> LogFile | None:
    """Where log lines are kept; a service manager keeps them itself."""
    if world.env.get("NOTIFY_SOCKET"):
        return None
    return LogFile(world.disk, world.clock, loaded.locations.state_dir, loaded.settings.log)


def _settings(world: World, options: RunOptions, before: Loaded | None = None, instead: MainText | None = None) -> Loaded:
    """The settings with the flags on top; at a reload `before` is what was loaded last. `instead`: see `load`."""
    flags: dict[str, tuple[str, str]] = {}
    here = world.process.working_dir()
    if options.candles:
        flags["market.source"] = ("--candles", MarketSource.RECORDED)
        flags["market.recorded_file"] = ("--candles", str(here / options.candles))
    if options.reference:
        flags["market.recorded_reference_file"] = ("--reference-candles", str(here / options.reference))
    if options.speed:
        flags["market.speed"] = ("--speed", f"{options.speed:g}")
    if options.state:
        flags["daemon.state_dir"] = ("--state", str(here / options.state))
    return load(world, flags=flags, config=options.config or None, before=before, instead=instead)


def _feed(world: World, loaded: Loaded, options: RunOptions) -> CandleFeed | None:
    """
    Candles of the embedded exchange. A file without a symbol is played under every symbol the declared Plays name, with
    `as_declared` any file.

    None when a local account names an exchange that is served elsewhere: that one has its own candles.
    """
    accounts = loaded.settings.accounts.values()
    if any(account.environment is Environment.LOCAL and account.has_key for account in accounts):
        return None
    market = loaded.settings.market
    recorded = (market.recorded_file, market.recorded_reference_file) if market.source is MarketSource.RECORDED else ()
    files = tuple(world.process.working_dir() / file for file in recorded if file is not None)
    wanted = symbols_of_plays(world, loaded)
    choice = MarketChoice(files, options.symbol, market.synthetic_seed, wanted, as_wanted=options.as_declared)
    return open_feed(world.disk, choice)


def _play_paths(world: World, loaded: Loaded, records: Records) -> list[PurePath]:
    """Files of all Plays that may run: declared ones and those of remembered instances."""
    declared = [loaded.locations.config_dir / each.play for each in loaded.settings.instances.values()]
    return [*declared, *(PurePath(record.play_path) for record in RecordStore(records.ledger).load())]


def _faults(world: World, feed: CandleFeed | None, options: RunOptions) -> tuple[Fault, ...]:
    """What the embedded exchange does wrong on command. No other venue takes a script. Raises `SettingsError`."""
    if not options.faults:
        return ()
    if feed is None:
        raise SettingsError(f"--faults {options.faults}: found no embedded exchange, expected paper accounts on one of our own")
    return read_fault_file(world, world.process.working_dir() / options.faults)


def _own_state_of(loaded: Loaded, feed: CandleFeed | None, options: RunOptions) -> Loaded:
    """
    A recording has a state directory of its own below the usual one, unless --state names one.

    Positions of one market mean nothing on another, and the exchange refuses to mix them. The control socket stays where
    `playctl` looks for it.
    """
    if feed is None or loaded.settings.market.source is not MarketSource.RECORDED or options.state:
        return loaded
    places = loaded.locations
    own = places.state_dir / f"recorded-{digest(feed.identity)[:8]}"
    return replace(loaded, locations=replace(places, state_dir=own))


async def _with_records(
    world: World,
    options: RunOptions,
    loaded: Loaded,
    ways: Ways,
    feed: CandleFeed | None,
    faults: tuple[Fault, ...],
    records: Records,
    streams: StreamHub,
    tap: LogTap,
    log_file: LogFile | None,
    signals: AsyncIterator[Signal],
) -> int:
    places, settings = loaded.locations, loaded.settings
    daemon_id = world.random.token(4)
    records.journal.append("daemon.start", dict(start_record(loaded, daemon_id)))
    meters = Meters()
    reports = Reports(records.journal, streams, meters)
    accepted, refused = key_accounts(world, loaded)
    forget_standings(records.ledger)
    incidents = Incidents(records.ledger, world.clock, records.journal)
    tell_refused(incidents, refused)
    of_day = OrdersOfDay(records.ledger, world.clock.wall_ms, incidents, settings.rate.orders_per_day_warn)
    snapshots = ReconSnapshots(
        world.disk,
        world.clock,
        places.state_dir,
        settings.recon.snapshot_keep_days,
        may_write=lambda: not watchers.parts.space.low,
    )
    limits = build_limits(world, loaded, records, lambda alias: alias in accepted, of_day)
    recorder = BarRecorder(
        world.disk,
        world.clock,
        places.state_dir,
        settings.market.record_keep_days,
        may_write=lambda: not watchers.parts.space.low,
    )
    plan = RuntimePlan(
        settings=settings,
        feed=feed,
        speed=settings.market.speed,
        faults=faults,
        exchange_records=places.state_dir / "exchange" / "records.sqlite",
        instances_dir=instances_dir(places.state_dir),
        ceiling=loaded.ceiling.mode,
        key_accounts=accepted,
        refused_accounts=refused,
        budget_of=limits.of,
        on_account=lambda account: attend(meters, account, of_day, snapshots, world.clock.wall_ms),
        on_bar=recorder.heard,
        on_told=recorder.told,
        make_room=records.ballast.release,
        unrecorded=lambda: records.journal.trouble,
        play_of=lambda record: read_play(world.disk, PurePath(record.play_path)),
        read_play=lambda record, turn: read_in_turns(world.disk, world.clock, PurePath(record.play_path), turn),
        compile_for=lambda play: compile_for(world, play),
    )
    service = ServiceManager(world.process)
    candles = feed or SyntheticFeed(settings.market.synthetic_seed)
    if feed is not None:
        await compile_exchange(world, service)
    opened = open_runtime(world, plan, records.ledger, records.halts, records.journal, reports)
    async with opened as runtime:
        remember(runtime.records, runtime.supervisor, settings.instances)
        commands = Commands(
            world,
            runtime.supervisor,
            runtime.records,
            records.halts,
            runtime.admit,
            places.config_dir / "plays",
            plan.instances_dir,
            runtime.turns.take_behind,
        )
        progress = Progress()
        watchers = build_watchers(
            *(world, loaded, records, runtime, meters, limits, ways, places.state_dir, log_file, recorder), streams
        )
        link = GuardianLink(
            LinkParts(
                world=world,
                daemon_id=daemon_id,
                state_dir=places.state_dir,
                run_dir=places.run_dir,
                settings=settings,
                places=guardian_places(world, settings, accepted),
                accounts=runtime.accounts,
                ledger=records.ledger,
                halts=records.halts,
                incidents=incidents,
                heed_ban=limits.address.heed,
            )
        )
        runtime.accounts.guardians_view = link.view_of
        context = Daemon(
            version=__version__,
            daemon_id=daemon_id,
            started_s=world.clock.mono_s(),
            ceiling=plan.ceiling,
            clock=world.clock,
            ledger=records.ledger,
            journal=records.journal,
            halts=records.halts,
            accounts=runtime.accounts,
            supervisor=runtime.supervisor,
            commands=commands,
            find_hub=runtime.find_hub,
            environment_of=runtime.environment_of,
            market_ms=runtime.market_ms,
            query_logs=tap.query,
            progress=progress,
            guardian=link,
            ops=watchers.parts,
            armings=runtime.armings,
            evidence=EvidenceBook(records.ledger, world.clock),
            policy=load_policy(world, places.config_dir),
            chain=runtime.chain,
            open_account=runtime.open_account,
            compile_for=runtime.plan.compile_for,
            reload=Reloader(
                lambda held, instead: _settings(world, options, held, instead),
                runtime,
                watchers.parts,
                records.journal,
                incidents,
            ),
            rekey=Rekeying(runtime, lambda: watchers.parts.loaded, limits.of, records.journal, incidents).change,
        )
        store = LedgerCommands(records.ledger, world.clock)
        dispatch = Dispatch(world.clock, bind(context), store, reports.bug)
        most = settings.control.max_clients
        server = ControlServer(
            *(world.net, world.clock, places.control_socket, dispatch, streams),
            on_bug=reports.bug,
            clients_max=most,
            stops=STOPS,
        )
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(server.running())
            except OSError as error:
                raise cannot_bind(places.control_socket, error) from error
            await stack.enter_async_context(link.running())
            return await _serve(_Running(world, loaded, records, runtime, context, service, tap, watchers, candles), signals)


@dataclass(frozen=True, slots=True)
class _Running:
    """A daemon whose parts all run."""

    world: World
    loaded: Loaded
    records: Records
    runtime: Runtime
    context: Daemon
    service: ServiceManager
    tap: LogTap
    watchers: Watchers
    candles: CandleFeed
    """What kernels are rehearsed on."""


async def _serve(daemon: _Running, signals: AsyncIterator[Signal]) -> int:
    """Start the instances, say READY, and wait for the signal; a signal during the start stops the start."""
    settings = daemon.loaded.settings
    shutdown = Shutdown(daemon.runtime, daemon.service, settings.daemon.stop_budget_s)
    async with anyio.create_task_group() as group:
        daemon.watchers.start(group, daemon.context)
        group.start_soon(_start_instances, daemon, name="start")
        group.start_soon(_beat, daemon, name="watchdog")
        if daemon.world.process.is_terminal() and sys.stdout.isatty():
            group.start_soon(live_view, daemon.context, daemon.tap, name="live view")
        cause = await stop_signal(signals, daemon.context.reload, daemon.service, daemon.world.clock)
        daemon.context.guardian.announce_stop()
        group.cancel_scope.cancel()
    async with anyio.create_task_group() as group:
        group.start_soon(hurry_on_second, signals, shutdown, name="second signal")
        group.start_soon(_beat_while_stopping, daemon.service, name="watchdog")
        in_time = await shutdown.run(cause)
        await daemon.context.ops.chain.publish()
        group.cancel_scope.cancel()
    return 0 if in_time else 1


async def _start_instances(daemon: _Running) -> None:
    """Slots for every instance, starts for those that shall run, READY once they stand."""
    runtime, progress, places = daemon.runtime, daemon.context.progress, daemon.loaded.locations
    problems: list[str] = []

    def note(name: str, text: str) -> None:
        problems.append(name)
        _log.error("instance.refused", instance=name, msg=text)

    roster = Roster(
        daemon.world,
        runtime.records,
        runtime.supervisor,
        daemon.records.halts,
        places.config_dir / "plays",
        runtime.plan.instances_dir,
        daemon.context.commands.read_play,
        note,
    )
    put_off_collecting()
    progress.step = "instances"
    await roster.fill(daemon.loaded.settings, places.config_dir)
    # All that follows takes its time, in which `playctl` is served already: ten seconds for a venue that does not answer, up
    # to a minute for kernels. Accounts where something is open do not wait for these, nor do panics and lost stops there.
    progress.step = "clock of the venue"
    daemon.service.status(progress.step)
    await runtime.clock_watch.begin()
    for slot in list(runtime.supervisor.slots.values()):
        if slot.record.account in runtime.plan.key_accounts:  # a local account is opened with what its Play says
            runtime.watch(slot.record)
    progress.step = "kernels"
    paths = _play_paths(daemon.world, daemon.loaded, daemon.records)
    await rehearse_plays(daemon.world, daemon.candles, paths, daemon.service)
    progress.step = "starting instances"
    daemon.service.status(progress.step)
    await _start_wanted(daemon, note)
    runtime.supervisor.watch_idle()
    progress.step = "accounts and warm-up"
    daemon.service.extend(READY_WITHIN_S + READY_SLACK_S, progress.step)
    with anyio.move_on_after(READY_WITHIN_S) as late:
        await _all_stand(runtime)
    runtime.supervisor.look_around()
    keep_for_good()
    if runtime.exchange is not None:
        runtime.exchange.release()
    daemon.context.ops.loop.begin_anew()
    waits_for = _waits_for(daemon.context) if late.cancelled_caught else ""
    progress.ready, progress.step = True, f"ready, degraded: {waits_for}" if waits_for else "ready"
    took_s = progress.took_s = daemon.world.clock.mono_s() - daemon.context.started_s
    running = sum(slot.state is State.RUNNING for slot in runtime.supervisor.slots.values())
    daemon.records.journal.append("daemon.ready", {"running": running, "refused": [*problems], "took_ms": round(took_s * 1000)})
    daemon.service.ready(f"{running} instances running" + (f"; degraded: {waits_for}" if waits_for else ""))
    _log.info("daemon.ready", value=running, unit="instances", took_ms=round(took_s * 1000))


async def _start_wanted(daemon: _Running, note: Callable[[str, str], None]) -> None:
    """Start every instance that shall run; others go on between any two, and a person may start or remove one first."""
    runtime = daemon.runtime
    supervisor = runtime.supervisor
    for slot in list(supervisor.slots.values()):
        await anyio.lowlevel.checkpoint()
        with suppress(PlayError):  # admission refuses it with the same findings
            await runtime.read_play(slot.record)
        is_here = supervisor.slots.get(slot.name) is slot
        if is_here and slot.record.enabled and slot.record.desired != "stopped" and not slot.active:
            try:
                supervisor.start(slot, runtime.admit, "daemon start")
                if slot.record.desired == "flat":
                    daemon.context.commands.manage_until_flat(slot, "a person before this start")
            except CommandRefused as error:
                note(slot.name, f"{error.code}: {error}")
                if slot.facts.failed is None:
                    supervisor.fail(slot, error.code, str(error))


async def _all_stand(runtime: Runtime) -> None:
    """Until every started instance is warm or failed, and every account in use or watched is ready or refused."""
    for slot in list(runtime.supervisor.slots.values()):
        if slot.active:
            await slot.settled.wait()
    for held in list(runtime.accounts.held.values()):
        await held.ready.wait()
        if held.account is not None:
            await held.account.wait_ready()


def _waits_for(context: Daemon) -> str:
    """What is not good when the time of a start is over: accounts with the step that they are at, clocks, feeds."""
    return lacking(context) or "an instance is not warm"


async def _beat(daemon: _Running) -> None:
    """The watchdog's beat and the status line, from the loop that trades."""
    every_s = daemon.service.beat_every_s or STATUS_EVERY_S
    while True:
        failing = beat_failures(daemon.context)
        if failing:
            _log.error("watchdog.withheld", msg="; ".join(failing))
        daemon.service.beat(failing)
        if daemon.context.progress.ready and not failing:
            missing = lacking(daemon.context)
            daemon.context.progress.step = f"ready, degraded: {missing}" if missing else "ready"
            daemon.service.status(status_line(daemon.context))
        await anyio.sleep(every_s)


async def _beat_while_stopping(service: ServiceManager) -> None:
    """A loop that turns is alive; what it decided by is on its way down."""
    while True:
        service.beat([])
        await anyio.sleep(service.beat_every_s or STATUS_EVERY_S)
