"""What a start has before it opens a connection: accounts with a key, and what counts, keeps and limits beside trading."""

from dataclasses import dataclass
from functools import partial

from playd.cli.rate_budgets import RateBudgets, build_rate_budgets
from playd.cli.reports import Reports
from playd.cli.start_barrier import Records, start_record
from playd.cli.venue_accounts import key_accounts, tell_refused
from playd.control.streams import StreamHub
from playd.core.orders import OrderState
from playd.ops.bar_recorder import BarRecorder
from playd.ops.free_space import FreeSpace
from playd.ops.meters import Meters
from playd.ops.orders_of_day import OrdersOfDay
from playd.ops.recon_snapshots import ReconSnapshots
from playd.orders.account import Account
from playd.orders.incidents import Incidents
from playd.orders.key_watch import forget_standings
from playd.orders.rows import OrderRow
from playd.settings import Loaded
from playd.venues.bybit.environment import VenueAccount
from playd.world.ports import World


@dataclass(frozen=True, slots=True)
class Groundwork:
    """
    Built and not running. `loaded` is what the start has read; a reload puts another in its place in the `OpsParts`.

    `key_accounts` are those whose key was accepted, by alias, `refused_accounts` says why the others were not.
    """

    world: World
    loaded: Loaded
    records: Records
    daemon_id: str
    streams: StreamHub
    meters: Meters
    reports: Reports
    incidents: Incidents
    key_accounts: dict[str, VenueAccount]
    refused_accounts: dict[str, str]
    rate_budgets: RateBudgets
    space: FreeSpace
    of_day: OrdersOfDay
    snapshots: ReconSnapshots
    recorder: BarRecorder

    def attend(self, account: Account) -> None:
        """Count what becomes of an account's orders, behind whoever else hears of them, and keep what reconciliations found."""
        meters, of_day, clock = self.meters, self.of_day, self.world.clock
        account.reconciler.on_inputs = partial(self.snapshots.keep, account.alias)
        of_day.row(account.alias)  # those before us are read now, and not for the first order
        heard = account.desk.on_order

        def changed(row: OrderRow) -> None:
            meters.count("orders_total", account.alias, str(row.state))
            of_day.heard(account.alias, row)
            if row.state is OrderState.ACKED:
                took_s = (clock.wall_ms() - (row.signed_ms or row.created_ms)) / 1000
                meters.observe("send_to_ack_seconds", max(0.0, took_s), account.alias)
            heard(row)

        account.desk.on_order = changed


def lay_groundwork(world: World, loaded: Loaded, records: Records, streams: StreamHub) -> Groundwork:
    """The start is on record first, then the incident of every account whose key is refused; nothing is sent."""
    settings, state_dir = loaded.settings, loaded.locations.state_dir
    daemon_id = world.random.token(4)
    records.journal.append("daemon.start", dict(start_record(loaded, daemon_id)))
    meters = Meters()
    accepted, refused = key_accounts(world, loaded)
    forget_standings(records.ledger)
    incidents = Incidents(records.ledger, world.clock, records.journal)
    tell_refused(incidents, refused)
    of_day = OrdersOfDay(records.ledger, world.clock.wall_ms, incidents, settings.rate.orders_per_day_warn)
    ballast = records.ballast if settings.daemon.ballast else None
    space = FreeSpace(world.disk, state_dir, settings.disk, records.halts, ballast)

    def has_room() -> bool:
        return not space.low

    keep_days = settings.recon.snapshot_keep_days
    return Groundwork(
        world=world,
        loaded=loaded,
        records=records,
        daemon_id=daemon_id,
        streams=streams,
        meters=meters,
        reports=Reports(records.journal, streams, meters),
        incidents=incidents,
        key_accounts=accepted,
        refused_accounts=refused,
        rate_budgets=build_rate_budgets(world, loaded, records, lambda alias: alias in accepted, of_day),
        space=space,
        of_day=of_day,
        snapshots=ReconSnapshots(world.disk, world.clock, state_dir, keep_days, may_write=has_room),
        recorder=BarRecorder(world.disk, world.clock, state_dir, settings.market.record_keep_days, may_write=has_room),
    )
