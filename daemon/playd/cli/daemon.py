"""
`playd run`: one daemon from its start barrier to its clean stop.

The steps of a start stand in `_main` and `_with_records` in their order; a failed one names itself and gives its exit code.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import PurePath

import structlog

from playd import __version__
from playd.cli.declared import remember
from playd.cli.guardian_places import guardian_places
from playd.cli.log_tap import LogTap
from playd.cli.rate_budgets import build_rate_budgets
from playd.cli.rehearsals import EXTEND_S, compile_exchange, compile_for
from playd.cli.rekeying import Rekeying
from playd.cli.reloading import Reloader
from playd.cli.reports import Reports
from playd.cli.run_options import RunOptions, faults_of, feed_of, own_state_of, settings_of
from playd.cli.runtime import open_runtime
from playd.cli.runtime_plan import RuntimePlan
from playd.cli.serving import Running, serve
from playd.cli.start_barrier import Records, instances_dir, make_directories, open_records, start_record
from playd.cli.venue_accounts import key_accounts, tell_refused
from playd.cli.watchers import Ways, attend, build_watchers, ways_of
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
from playd.ops.bar_recorder import BarRecorder
from playd.ops.log_file import LogFile
from playd.ops.logs import configure_logs
from playd.ops.meters import Meters
from playd.ops.notify import ServiceManager
from playd.ops.orders_of_day import OrdersOfDay
from playd.ops.recon_snapshots import ReconSnapshots
from playd.orders.incidents import Incidents
from playd.orders.key_watch import forget_standings
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
    rate_budgets = build_rate_budgets(world, loaded, records, lambda alias: alias in accepted, of_day)
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
        budget_of=rate_budgets.of,
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
            world=world,
            loaded=loaded,
            records=records,
            runtime=runtime,
            meters=meters,
            rate_budgets=rate_budgets,
            ways=ways,
            state_dir=places.state_dir,
            log_file=log_file,
            recorder=recorder,
            streams=streams,
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
                heed_ban=rate_budgets.address.heed,
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
                lambda held, instead: settings_of(world, options, held, instead),
                runtime,
                watchers.parts,
                records.journal,
                incidents,
            ),
            rekey=Rekeying(runtime, lambda: watchers.parts.loaded, rate_budgets.of, records.journal, incidents).change,
        )
        store = LedgerCommands(records.ledger, world.clock)
        dispatch = Dispatch(world.clock, bind(context), store, reports.bug)
        server = ControlServer(
            net=world.net,
            clock=world.clock,
            path=places.control_socket,
            dispatcher=dispatch,
            hub=streams,
            on_bug=reports.bug,
            clients_max=settings.control.max_clients,
            stops=STOPS,
        )
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(server.running())
            except OSError as error:
                raise cannot_bind(places.control_socket, error) from error
            await stack.enter_async_context(link.running())
            return await serve(Running(world, loaded, records, runtime, context, service, tap, watchers, candles), signals)
