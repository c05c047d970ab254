"""
`playd run`: one daemon from its start barrier to its clean stop.

The steps of a start stand in `_main` and `_with_records` in their order; a failed one names itself and gives its exit code.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import PurePath

import structlog

from playd import __version__
from playd.cli.declared import remember
from playd.cli.groundwork import Groundwork, lay_groundwork
from playd.cli.guardian_places import guardian_places
from playd.cli.log_tap import LogTap
from playd.cli.rehearsals import EXTEND_S, compile_exchange, compile_for
from playd.cli.rekeying import Rekeying
from playd.cli.reloading import Reloader
from playd.cli.run_options import RunOptions, faults_of, feed_of, own_state_of, settings_of
from playd.cli.runtime import Runtime, open_runtime
from playd.cli.runtime_plan import RuntimePlan
from playd.cli.serving import Running, serve
from playd.cli.start_barrier import Records, instances_dir, make_directories, open_records
from playd.cli.watchers import Watchers, Ways, build_watchers, ways_of
from playd.control.context import Daemon, Progress
from playd.control.dispatch import Dispatch
from playd.control.guardian_link import GuardianLink, LinkParts
from playd.control.methods import STOPS, bind
from playd.control.requests import LedgerCommands
from playd.control.server import ControlServer, cannot_bind
from playd.control.streams import StreamHub
from playd.core.errors import PlaydError, RecordError
from playd.market.feed import CandleFeed
from playd.market.synthetic import SyntheticFeed
from playd.ops.log_file import LogFile
from playd.ops.logs import configure_logs
from playd.ops.notify import ServiceManager
from playd.settings import Loaded
from playd.settings.policy import load_policy
from playd.supervisor.commands import Commands
from playd.supervisor.edge import first_of, say
from playd.supervisor.evidence import EvidenceBook
from playd.supervisor.plays import read_in_turns, read_play
from playd.venues.exchange.faults.model import Fault
from playd.world.ports import Signal, World
from playd.world.real import real_world
from playd.world.real import run as run_loop

_log = structlog.get_logger()


def run_daemon(options: RunOptions, world: World | None = None) -> int:
    """
    Run until a signal says stop, and return the exit code. Known failures become one line.

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


@dataclass(frozen=True, slots=True)
class _Given:
    """What is there before the records are opened: what was asked for, read and checked, and who hears of log lines."""

    world: World
    options: RunOptions
    loaded: Loaded
    ways: Ways
    feed: CandleFeed | None
    """Candles of the embedded exchange, if there is one."""
    faults: tuple[Fault, ...]
    streams: StreamHub
    tap: LogTap
    log_file: LogFile | None


async def _main(world: World, options: RunOptions) -> int:
    loaded = settings_of(world, options)
    ways = ways_of(world, loaded)
    feed = feed_of(world, loaded, options)
    faults = faults_of(world, feed, options)
    loaded = own_state_of(loaded, feed, options)
    make_directories(world, loaded)
    log_file = _log_file(world, loaded)
    configure_logs(world, loaded.settings.log, loaded.settings.daemon.log_level, file=log_file)
    streams = StreamHub()
    tap = LogTap(lambda line: streams.publish("logs", line))
    tap.install()
    given = _Given(world, options, loaded, ways, feed, faults, streams, tap, log_file)
    with world.process.signals() as signals:
        _log.info("daemon.starting", msg=__version__, state=str(loaded.locations.state_dir))
        ServiceManager(world.process).extend(EXTEND_S, "ledger and journal")
        async with open_records(world, loaded) as records:
            return await _with_records(given, records, signals)


def _log_file(world: World, loaded: Loaded) -> LogFile | None:
    """Where log lines are kept; a service manager keeps them itself."""
    if world.env.get("NOTIFY_SOCKET"):
        return None
    return LogFile(world.disk, world.clock, loaded.locations.state_dir, loaded.settings.log)


async def _with_records(given: _Given, records: Records, signals: AsyncIterator[Signal]) -> int:
    """All parts in the order in which they rest on each other, served until the signal that stops them."""
    world, settings, places = given.world, given.loaded.settings, given.loaded.locations
    ground = lay_groundwork(world, given.loaded, records, given.streams)
    service = ServiceManager(world.process)
    if given.feed is not None:
        await compile_exchange(world, service)
    plan = _runtime_plan(given, ground)
    opened = open_runtime(world, plan, records.ledger, records.halts, records.journal, ground.reports)
    async with opened as runtime:
        remember(runtime.records, runtime.supervisor, settings.instances)
        watchers = build_watchers(ground, runtime, given.ways, given.log_file)
        link = _guardian_link(ground, runtime)
        runtime.accounts.guardians_view = link.view_of
        context = _context(given, ground, runtime, watchers, link)
        server = ControlServer(
            net=world.net,
            clock=world.clock,
            path=places.control_socket,
            dispatcher=Dispatch(world.clock, bind(context), LedgerCommands(records.ledger, world.clock), ground.reports.bug),
            hub=given.streams,
            on_bug=ground.reports.bug,
            clients_max=settings.control.max_clients,
            stops=STOPS,
        )
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(server.running())
            except OSError as error:
                raise cannot_bind(places.control_socket, error) from error
            await stack.enter_async_context(link.running())
            running = Running(
                world=world,
                loaded=given.loaded,
                records=records,
                runtime=runtime,
                context=context,
                service=service,
                tap=given.tap,
                watchers=watchers,
                candles=given.feed or SyntheticFeed(settings.market.synthetic_seed),
            )
            return await serve(running, signals)


def _runtime_plan(given: _Given, ground: Groundwork) -> RuntimePlan:
    """What the trading parts run on, and who of the groundwork hears of what they do."""
    world, loaded = given.world, given.loaded
    settings, places = loaded.settings, loaded.locations
    return RuntimePlan(
        settings=settings,
        feed=given.feed,
        speed=settings.market.speed,
        faults=given.faults,
        exchange_records=places.state_dir / "exchange" / "records.sqlite",
        instances_dir=instances_dir(places.state_dir),
        ceiling=loaded.ceiling.mode,
        key_accounts=ground.key_accounts,
        refused_accounts=ground.refused_accounts,
        budget_of=ground.rate_budgets.of,
        on_account=ground.attend,
        on_bar=ground.recorder.heard,
        on_told=ground.recorder.told,
        make_room=ground.records.ballast.release,
        unrecorded=lambda: ground.records.journal.trouble,
        play_of=lambda record: read_play(world.disk, PurePath(record.play_path)),
        read_play=lambda record, turn: read_in_turns(world.disk, world.clock, PurePath(record.play_path), turn),
        compile_for=lambda play: compile_for(world, play),
    )


def _guardian_link(ground: Groundwork, runtime: Runtime) -> GuardianLink:
    world, settings, places = ground.world, ground.loaded.settings, ground.loaded.locations
    return GuardianLink(
        LinkParts(
            world=world,
            daemon_id=ground.daemon_id,
            state_dir=places.state_dir,
            run_dir=places.run_dir,
            settings=settings,
            places=guardian_places(world, settings, ground.key_accounts),
            accounts=runtime.accounts,
            ledger=ground.records.ledger,
            halts=ground.records.halts,
            incidents=ground.incidents,
            heed_ban=ground.rate_budgets.address.heed,
        )
    )


def _context(given: _Given, ground: Groundwork, runtime: Runtime, watchers: Watchers, link: GuardianLink) -> Daemon:
    """What the methods of the control socket work with."""
    world, records, incidents, parts = ground.world, ground.records, ground.incidents, watchers.parts
    plan, config_dir = runtime.plan, ground.loaded.locations.config_dir
    return Daemon(
        version=__version__,
        daemon_id=ground.daemon_id,
        started_s=world.clock.mono_s(),
        ceiling=plan.ceiling,
        clock=world.clock,
        ledger=records.ledger,
        journal=records.journal,
        halts=records.halts,
        accounts=runtime.accounts,
        supervisor=runtime.supervisor,
        commands=Commands(
            world=world,
            supervisor=runtime.supervisor,
            records=runtime.records,
            halts=records.halts,
            admit=runtime.admit,
            plays_dir=config_dir / "plays",
            instances_dir=plan.instances_dir,
            turn=runtime.turns.take_behind,
        ),
        find_hub=runtime.find_hub,
        environment_of=runtime.environment_of,
        market_ms=runtime.market_ms,
        query_logs=given.tap.query,
        progress=Progress(),
        guardian=link,
        ops=parts,
        armings=runtime.armings,
        evidence=EvidenceBook(records.ledger, world.clock),
        policy=load_policy(world, config_dir),
        chain=runtime.chain,
        open_account=runtime.open_account,
        compile_for=plan.compile_for,
        reload=Reloader(
            read=lambda held, instead: settings_of(world, given.options, held, instead),
            runtime=runtime,
            parts=parts,
            journal=records.journal,
            incidents=incidents,
        ),
        rekey=Rekeying(
            runtime=runtime,
            loaded=lambda: parts.loaded,
            budget_of=ground.rate_budgets.of,
            journal=records.journal,
            incidents=incidents,
        ).change,
    )
