"""What watches over the running daemon, put together: counters, objectives, alerts, backups, chain, HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.abc import TaskGroup

from playd.cli.groundwork import Groundwork
from playd.cli.reports import FILL, fill_of_nobody_running
from playd.cli.runtime import Runtime
from playd.control.context import Daemon
from playd.control.http import Listening, listening, serve
from playd.control.ops_context import OpsParts
from playd.control.self_call import SelfCall
from playd.control.streams import StreamHub
from playd.control.watch import BreachIncidents, EventFile, Watch, incident_line
from playd.core.canonical import Json
from playd.ops.alert_rows import AlertRows
from playd.ops.alert_senders import sender_of
from playd.ops.alerts import AlertDesk, Route
from playd.ops.backup_clock import BackupClock
from playd.ops.bar_recorder import BarRecorder
from playd.ops.chain_watch import ChainWatch
from playd.ops.counted_records import count_record
from playd.ops.kept import kept
from playd.ops.log_file import LogFile
from playd.ops.loop_watch import LoopWatch
from playd.ops.meters import Meters
from playd.ops.recon_history import ReconHistory
from playd.ops.slo import Breaches, objectives_of
from playd.ops.told_records import TOLD, tell_record
from playd.orders.upkeep import Upkeep
from playd.settings import Loaded
from playd.world.ports import World

SLO_FILE = "ops_slo_events.jsonl"
INCIDENT_FILE = "incident_events.jsonl"


@dataclass(frozen=True, slots=True)
class Ways:
    """What the settings say about the ways out, checked before anything starts."""

    routes: tuple[Route, ...]
    http: Listening | None


def ways_of(world: World, loaded: Loaded) -> Ways:
    """The alert routes and the HTTP address. Raises `SettingsError`, `CredentialError`."""
    directory = loaded.locations.credentials_dir
    routes = tuple(Route(route, sender_of(world, route, directory)) for route in loaded.settings.alerts.routes)
    return Ways(routes, listening(world, loaded))


@dataclass(frozen=True, slots=True)
class Watchers:
    """The parts and what runs them. `parts` is what methods see."""

    world: World
    parts: OpsParts
    http: Listening | None
    files: tuple[EventFile, ...]
    upkeep: Upkeep
    recorder: BarRecorder

    def start(self, group: TaskGroup, daemon: Daemon) -> None:
        """Run everything in a task group of the caller's, each part at an edge of its own."""
        runs: dict[str, Callable[[], Awaitable[object]]] = {
            "loop watch": self.parts.loop.run,
            "free space": self.parts.space.watch,
            "watch": Watch(daemon, [*self.files]).run,
            "alerts": self.parts.alerts.run,
            "backups": self.parts.backups.run,
            "chain watch": self.parts.chain.run,
            "ledger upkeep": self.upkeep.run,
            "self call": self.parts.self_call.run,
            "bar recorder": self.recorder.run,
        }
        if self.http is not None:
            runs["http"] = partial(serve, self.world, daemon, self.http)
        for name, run in runs.items():
            group.start_soon(kept, name, run, self.world.clock, self.parts.incidents, name=name)


def build_watchers(ground: Groundwork, runtime: Runtime, ways: Ways, log_file: LogFile | None) -> Watchers:
    """Everything built, nothing running; from here on followers of the journal hear of its records."""
    world, loaded, records, incidents = ground.world, ground.loaded, ground.records, ground.incidents
    meters, rate_budgets, state_dir = ground.meters, ground.rate_budgets, loaded.locations.state_dir
    settings = loaded.settings
    breach_file, incident_file = EventFile(world.disk, state_dir / SLO_FILE), EventFile(world.disk, state_dir / INCIDENT_FILE)
    breach_incidents = BreachIncidents(incidents)
    records.journal.on_record = _follower(runtime, meters, incident_file, ground.streams)
    records.journal.on_sync = lambda seconds: meters.observe("journal_sync_seconds", seconds)
    records.ledger.on_commit = lambda seconds: meters.observe("ledger_commit_seconds", seconds)
    modes = {str(each.mode) for each in settings.instances.values()}
    parts = OpsParts(
        world=world,
        loaded=loaded,
        state_dir=state_dir,
        meters=meters,
        loop=LoopWatch(world.clock, meters),
        journal=records.journal,
        incidents=incidents,
        alerts=AlertDesk(
            world.clock,
            AlertRows(records.ledger),
            incidents,
            records.journal,
            settings.incidents,
            ways.routes,
            f"playd {'LIVE' if 'live' in modes else '/'.join(sorted(modes)) or 'without instances'}",
        ),
        breaches=Breaches(
            records.journal, breach_file.add, breach_incidents.opened, breach_incidents.closed, objectives_of(settings)
        ),
        backups=BackupClock(
            world=world,
            state_dir=state_dir,
            settings=settings.backup,
            floor_mib=settings.disk.pause_mib,
            journal=records.journal,
            incidents=incidents,
            making=anyio.Lock(),
            digest=lambda: parts.loaded.digest,
        ),
        chain=ChainWatch(
            world=world,
            journal_dir=state_dir / "journal",
            journal=records.journal,
            ledger=records.ledger,
            halts=records.halts,
            incidents=incidents,
            keep_days=settings.journal.keep_days,
        ),
        space=ground.space,
        recons=ReconHistory(records.ledger, world.clock.wall_ms()),
        venue_times=runtime.venue_times,
        limits=rate_budgets.rows,
        banned_for_s=rate_budgets.banned_for_s,
        requests_waiting=lambda: rate_budgets.waiting,
        log_file=log_file,
        public_streams=lambda: {str(name): universe.hub.connected for name, universe in runtime.universes.items()},
        feeds_behind_s=lambda: {str(name): universe.hub.behind_s for name, universe in runtime.universes.items()},
        private_heard_s=lambda: {alias: port.stream.last_frame_age_s for alias, port in runtime.ports.items()},
        self_call=SelfCall(world.net, world.clock, loaded.locations.control_socket),
    )
    upkeep = Upkeep(
        ledger=records.ledger,
        disk=world.disk,
        clock=world.clock,
        archive_dir=state_dir / "archive",
        keep_days=settings.ledger.keep_days,
        runs_days=settings.recon.snapshot_keep_days,
    )
    return Watchers(world, parts, ways.http, (breach_file, incident_file), upkeep, ground.recorder)


def _follower(
    runtime: Runtime, meters: Meters, incident_file: EventFile, streams: StreamHub
) -> Callable[[str, dict[str, Json]], None]:
    """Who hears of every record of the journal: the file of incidents, the log, counters, and who follows a stream."""

    def on_record(kind: str, record: dict[str, Json]) -> None:
        if kind.startswith("incident."):
            incident_file.add(incident_line(kind, record))
        if kind.startswith(TOLD):
            tell_record(kind, record, {slot.record.uid: slot.name for slot in runtime.supervisor.slots.values()})
        count_record(kind, record, meters)
        if streams.wanted("events"):
            streams.publish("events", record)
        if kind == FILL and (fill := fill_of_nobody_running(record, runtime.supervisor.slots.values())) is not None:
            streams.publish("fills", fill)

    return on_record
