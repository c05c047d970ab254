"""What watches over the running daemon, put together: counters, objectives, alerts, backups, chain, HTTP."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath

import anyio
from anyio.abc import TaskGroup

from playd.cli.known_bans import guardians_ban_ms, rate_rules
from playd.cli.reports import FILL, fill_of_nobody_running
from playd.cli.runtime import Runtime
from playd.cli.runtime_plan import EMBEDDED
from playd.cli.start_barrier import Records
from playd.control.context import Daemon
from playd.control.http import Listening, listening, serve
from playd.control.ops_context import OpsParts
from playd.control.self_call import SelfCall
from playd.control.streams import StreamHub
from playd.control.watch import BreachIncidents, EventFile, Watch, incident_line
from playd.core.canonical import Json
from playd.core.orders import OrderState
from playd.core.record import Recorder
from playd.ops.alert_rows import AlertRows
from playd.ops.alert_senders import sender_of
from playd.ops.alerts import AlertDesk, Route
from playd.ops.backup_clock import BackupClock
from playd.ops.bar_recorder import BarRecorder
from playd.ops.chain_watch import ChainWatch
from playd.ops.counted_records import count_record
from playd.ops.free_space import FreeSpace
from playd.ops.kept import kept
from playd.ops.log_file import LogFile
from playd.ops.loop_watch import LoopWatch
from playd.ops.meters import Meters
from playd.ops.orders_of_day import OrdersOfDay
from playd.ops.recon_history import ReconHistory
from playd.ops.recon_snapshots import ReconSnapshots
from playd.ops.slo import Breaches, objectives_of
from playd.ops.told_records import TOLD, tell_record
from playd.orders.account import Account
from playd.orders.bans import Bans
from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.incidents import Incidents
from playd.orders.rate_limits import LimitRow
from playd.orders.rows import OrderRow
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


def build_watchers(
    world: World,
    loaded: Loaded,
    records: Records,
    runtime: Runtime,
    meters: Meters,
    limits: "Limits",
    ways: Ways,
    state_dir: PurePath,
    log_file: LogFile | None,
    recorder: BarRecorder,
    streams: StreamHub,
) -> Watchers:
    """Everything built, nothing running. Followers of the journal hear by `streams`."""
    settings = loaded.settings
    incidents = Incidents(records.ledger, world.clock, records.journal)
    breach_file, incident_file = EventFile(world.disk, state_dir / SLO_FILE), EventFile(world.disk, state_dir / INCIDENT_FILE)
    told = BreachIncidents(incidents)

    def on_record(kind: str, record: dict[str, Json]) -> None:
        if kind.startswith("incident."):
            incident_file.add(incident_line(kind, record))
        if kind.startswith(TOLD):
            tell_record(kind, record, {slot.record.uid: slot.name for slot in runtime.supervisor.slots.values()})
        count_record(kind, record, meters)
        if streams.wanted("events"):
            streams.publish("events", record)
        told = fill_of_nobody_running(record, runtime.supervisor.slots.values()) if kind == FILL else None
        if told is not None:
            streams.publish("fills", told)

    records.journal.on_record = on_record
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
        breaches=Breaches(records.journal, breach_file.add, told.opened, told.closed, objectives_of(settings)),
        backups=BackupClock(
            *(world, state_dir, settings.backup, settings.disk.pause_mib, records.journal, incidents, anyio.Lock()),
            digest=lambda: parts.loaded.digest,
        ),
        chain=ChainWatch(
            *(world, state_dir / "journal", records.journal, records.ledger, records.halts, incidents),
            keep_days=settings.journal.keep_days,
        ),
        space=FreeSpace(
            world.disk, state_dir, settings.disk, records.halts, records.ballast if settings.daemon.ballast else None
        ),
        recons=ReconHistory(records.ledger, world.clock.wall_ms()),
        venue_times=runtime.venue_times,
        limits=limits.rows,
        banned_for_s=limits.banned_for_s,
        requests_waiting=lambda: limits.waiting,
        log_file=log_file,
        public_streams=lambda: {str(name): universe.hub.connected for name, universe in runtime.universes.items()},
        feeds_behind_s=lambda: {str(name): universe.hub.behind_s for name, universe in runtime.universes.items()},
        private_heard_s=lambda: {alias: port.stream.last_frame_age_s for alias, port in runtime.ports.items()},
        self_call=SelfCall(world.net, world.clock, loaded.locations.control_socket),
    )
    upkeep = Upkeep(
        *(records.ledger, world.disk, world.clock, state_dir / "archive"),
        settings.ledger.keep_days,
        settings.recon.snapshot_keep_days,
    )
    return Watchers(world, parts, ways.http, (breach_file, incident_file), upkeep, recorder)


class Limits:
    """
    Every rate budget of the daemon: one address that all venues see, one account per key. The embedded exchange counts what it
    gets by itself, so that wallets on paper keep no request of a real account waiting, and are not banned with it.
    """

    def __init__(
        self,
        address: AddressBudget,
        embedded: AddressBudget,
        has_key: Callable[[str], bool],
        of_day: OrdersOfDay,
        journal: Recorder,
    ) -> None:
        self.address = address
        self.of_day = of_day
        self._embedded = embedded
        self._has_key = has_key
        self._journal = journal
        self._accounts: dict[str, AccountBudget] = {}

    def of(self, alias: str) -> AccountBudget:
        """
        The budget of an account, the same one for all its lives: what it sent just now, and that the venue found it too fast,
        no crash undoes. The empty alias is public data of venues, `EMBEDDED` that of the embedded exchange.
        """
        if (known := self._accounts.get(alias)) is not None:
            return known
        address = self._address_of(alias)
        found = self._accounts[alias] = address.for_account(alias, guarded=self._has_key(alias))

        def refused(endpoint: str, code: int) -> None:
            self._journal.append("rate.refused", {"endpoint": endpoint, "code": code}, account=alias or None)

        found.on_refused = refused
        return found

    @property
    def waiting(self) -> int:
        """Requests in both queues."""
        return self.address.waiting + self._embedded.waiting

    def banned_for_s(self, alias: str) -> float:
        """Seconds for which nothing may be sent for an account; aliases as in `of`."""
        return self._address_of(alias).banned_for_s

    def _address_of(self, alias: str) -> AddressBudget:
        return self.address if not alias or self._has_key(alias) else self._embedded

    def rows(self) -> Iterator[LimitRow]:
        """Lines of the `limits` table, of what sent something today, the address last; each is made when it is asked for."""
        held = [*self._accounts.items()]
        for _, budget in held:
            yield from budget.used_rows()
        for alias, _ in held:
            if alias not in ("", EMBEDDED) and (row := self.of_day.row(alias)).used:
                yield row
        own = replace(self._embedded.row(), account=EMBEDDED)
        if own.used or own.by_owner or own.refusals:
            yield own
        yield self.address.row()


def build_limits(world: World, loaded: Loaded, records: Records, has_key: Callable[[str], bool], of_day: OrdersOfDay) -> Limits:
    """The budgets as a start finds them: a ban that the daemon or its guardian was told of holds before anything is sent."""
    rules = rate_rules(loaded.settings)

    def budget(bans: Bans) -> AddressBudget:
        return AddressBudget(world.clock, banned_until_ms=bans.until_ms, on_ban=bans.keep, rules=rules)

    address = budget(Bans(records.ledger, records.journal))
    with suppress(OSError):  # the link to the guardian tells of a journal that cannot be read
        address.heed(guardians_ban_ms(world.disk, loaded.locations.state_dir))
    return Limits(address, budget(Bans(records.ledger, records.journal, EMBEDDED)), has_key, of_day, records.journal)


def attend(meters: Meters, account: Account, of_day: OrdersOfDay, snapshots: ReconSnapshots, now_ms: Callable[[], int]) -> None:
    """Count what becomes of an account's orders, behind whoever else hears of them, and keep what reconciliations found."""
    account.reconciler.on_inputs = partial(snapshots.keep, account.alias)
    of_day.row(account.alias)  # those before us are read now, and not for the first order
    heard = account.desk.on_order

    def changed(row: OrderRow) -> None:
        meters.count("orders_total", account.alias, str(row.state))
        of_day.heard(account.alias, row)
        if row.state is OrderState.ACKED:
            meters.observe(
                "send_to_ack_seconds", max(0.0, (now_ms() - (row.signed_ms or row.created_ms)) / 1000), account.alias
            )
        heard(row)

    account.desk.on_order = changed
