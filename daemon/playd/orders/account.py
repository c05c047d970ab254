"""
One account: everything between a decision and the venue for one key. The API of the supervisor.

    account = Account(world, "main", environment, port, ledger, budget, settings, journal, halts)
    await account.start()
    task_group.start_soon(account.run, private_events)
    instance = await account.register(uid, "btc-cross", "BTCUSDT", clock_ms=60_000, after=saved_number)
    verdict = await instance.submit(intent, inputs)
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.errors import Broken, CredentialError, LinkError
from playd.core.ids import instance_tag
from playd.core.modes import Environment
from playd.core.orders import OrderState
from playd.core.record import Recorder
from playd.orders.acceptance import Acceptance
from playd.orders.blind_clock import BlindClock
from playd.orders.booking import Booking
from playd.orders.books import Books
from playd.orders.breaker_watch import BreakerWatch
from playd.orders.cancels import Cancels
from playd.orders.caps import Caps
from playd.orders.catch_up import CatchUp
from playd.orders.closing import Closing
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.expectations import at_stake, traded
from playd.orders.facts import Facts
from playd.orders.fills import Fills, InstanceEvent
from playd.orders.gateway import Gateway, Instance
from playd.orders.halts import Halts, instance_scope
from playd.orders.incidents import Incidents
from playd.orders.instance_port import InstancePort, backlog_of
from playd.orders.key_watch import KeyWatch
from playd.orders.ledger import Ledger
from playd.orders.machine import OrderEvent
from playd.orders.order_book import OrderBook
from playd.orders.panic import PANIC_CODE, Panic, PanicReport, PanicScope
from playd.orders.private_events import PrivateEvents
from playd.orders.protection import Protection
from playd.orders.reconciler import Reconciler, ReconReport
from playd.orders.repair_limits import RepairLimits
from playd.orders.resolver import Resolver
from playd.orders.resuming import Resuming
from playd.orders.rows import OrderRow
from playd.orders.settings import OrderSettings
from playd.orders.stops import Stops
from playd.orders.strangers import Strangers
from playd.orders.symbol_rules import SymbolRules
from playd.orders.targets import Targets
from playd.orders.timers import Timers
from playd.orders.verdicts import Verdicts
from playd.orders.views import Views
from playd.orders.withdrawals import Withdrawals
from playd.venues.port import Budget, Priority, PrivateEvent, VenuePort
from playd.world.ports import World

_START_TRIES: Final = 3
_RETRY_S: Final = 1.0
_SETTLED_WITHIN_S: Final = 30.0
"""Six times the deadline of an order write, which is the longest thing an instance may have to do about a fill."""


class StartStep(StrEnum):
    """A part of the start barrier, in order."""

    KEY = "key and account mode"
    RULES = "instrument rules"
    RECONCILE = "reconciliation"
    PROTECT = "protection"


@dataclass(frozen=True, slots=True)
class StartReport:
    """Result of the start barrier. `naked` lists symbols whose stop could not be restored yet (the ladder goes on)."""

    reconciliation: ReconReport
    naked: tuple[str, ...]
    in_doubt: int


class Account:
    """
    Owns the order path of one key. `ledger` and `halts` are shared by all accounts of the daemon and not closed here.

    `start` before `run`; `register` and `submit` while `run` runs; `panic`, `reconcile` and the views at any time.
    """

    def __init__(
        self,
        world: World,
        alias: str,
        environment: Environment,
        port: VenuePort,
        ledger: Ledger,
        budget: Budget,
        settings: OrderSettings,
        journal: Recorder,
        halts: Halts,
        *,
        expected_uid: str = "",
        allow_unbound_key: bool = False,
        margin_mode: str = "",
    ) -> None:
        """
        `expected_uid` (mandatory for live) and `allow_unbound_key` say which key is acceptable, `margin_mode` which account:
        see `key_refusal` and `mode_refusal`.
        """
        clock = world.clock
        book, fills = OrderBook(ledger, clock, alias), Fills(ledger, clock, alias)
        caps, incidents = Caps(ledger, alias), Incidents(ledger, clock, journal)
        self.alias = alias
        self.environment = environment
        self.desk = Desk(
            alias=alias,
            environment=environment,
            clock=clock,
            port=port,
            budget=budget,
            ledger=ledger,
            book=book,
            fills=fills,
            verdicts=Verdicts(ledger, clock),
            caps=caps,
            booking=Booking(ledger, book, fills, caps, incidents, journal),
            halts=halts,
            incidents=incidents,
            journal=journal,
            settings=settings,
        )
        if environment is Environment.LIVE:
            self.desk.condition.guardian_missing = "the guardian was not heard yet"
        self.key = KeyWatch(
            self.desk,
            expected_uid=expected_uid,
            allow_unbound_key=allow_unbound_key,
            margin_mode=margin_mode,
        )
        self._facts = Facts(self.desk)
        self.gateway = Gateway(self.desk, self._facts)
        self.resolver = Resolver(self.desk)
        self.catch_up = CatchUp(self.desk)
        self.exits = Exits(self.desk, self.gateway, self.resolver, self.catch_up)
        self.stops = Stops(self.desk, self.gateway, self.exits)
        self._withdrawals = Withdrawals(self.desk, self.resolver)
        self.cancels = Cancels(self.desk, self.gateway, self._withdrawals)
        self.targets = Targets(self.desk, self.gateway, self.resolver, self._withdrawals)
        repairs = RepairLimits(self.desk)
        self.protection = Protection(self.desk, self.exits, self.catch_up, repairs)
        self.breakers = BreakerWatch(self.desk, self.protection)
        self.books = Books(self.desk, self.catch_up)
        self.blind = BlindClock(self.desk)
        self.protection.on_unread = self.blind.failed
        self.reconciler = Reconciler(
            self.desk, self.catch_up, self.resolver, self.protection, self.breakers, self.books, repairs, self.blind
        )
        self.key.on_mode = self.reconciler.mode_seen
        self._rules = SymbolRules(self.desk, self.key, self.reconciler.leverage_doubted)
        self.strangers = Strangers(self.desk, self.exits, self.protection)
        self.acceptance = Acceptance(self.desk, self.reconciler, self.breakers)
        self.closing = Closing(self.desk, self.exits)
        self.resuming = Resuming(self.desk, self.reconciler, self.breakers)
        self._panic = Panic(self.desk, self.exits, self.catch_up, self._withdrawals, self.resolver)
        self._timers = Timers(
            desk=self.desk,
            reconciler=self.reconciler,
            protection=self.protection,
            key=self.key,
            withdrawals=self._withdrawals,
            breakers=self.breakers,
            books=self.books,
            blind=self.blind,
        )
        self._events = PrivateEvents(
            self.desk,
            self.catch_up,
            self.reconciler,
            self.resolver,
            self.protection,
            self.breakers,
            self._instances_settled,
        )
        self.views = Views(self.desk, self.protection)
        self._ports: dict[str, InstancePort] = {}
        self._took_over = False
        self.ended = False
        """Whether its loops have run and end: nobody hears of anything here any more."""
        self.step = StartStep.KEY
        self.on_step: Callable[[StartStep], None] = lambda _step: None
        """Hears of each part of the start barrier as it begins."""
        self._facts.watch(self.protection, self.breakers)
        self.desk.reconcile_soon = self.protection.reconcile_soon.append
        self.exits.make_way = self.targets.make_way
        self.gateway.entry_sent = self.protection.entry_sent
        self.desk.on_look = self.protection.look_again
        # The run behind the stream's coming may be blind, and a later one clean.
        self.reconciler.on_judged = self._events.note_ready
        self.desk.on_order = self._order_changed
        self.gateway.resolve_soon = self.resolver.wake
        self.desk.on_fill = self._fill_booked
        self.desk.deliver = self._deliver

    async def start(self) -> StartReport:
        """
        The start barrier: key and account mode, rules of symbols in use, orders in doubt, reconciliation, protection.

        Entries stay refused until `run` has the private stream and a clean reconciliation after it.

        Raises:
            CredentialError: The key is refused, see `key_refusal`.
            VenueError, LinkError: The venue cannot be reached; nothing was changed, call again.
        """
        desk = self.desk
        self._begin(StartStep.KEY)
        await self.key.accept()
        # What the venue did before this moment may be missing here after a restore; what it does later cannot be. From here on
        # a panic may read, so nothing is waited for in between.
        desk.booking.lost.recovering = self.protection.starting = True
        self._take_over()
        in_doubt = sum(1 for row in desk.book.live() if row.state is OrderState.UNKNOWN)
        desk.outbox_done = desk.fills.outbox_head()
        desk.publish()
        self._begin(StartStep.RULES)
        await self._rules.load(at_stake(desk), at_start=True)
        self._begin(StartStep.RECONCILE)
        report = await self._first_reconciliation()
        await self._rules.load(at_stake(desk), at_start=True)
        self._begin(StartStep.PROTECT)
        positions = await desk.port.positions(priority=Priority.PROTECT)
        naked = await self.protection.protect_now([*positions])
        desk.booking.lost.recovering = self.protection.starting = False
        desk.publish()
        await self._rules.look_at_leverages()
        # Nothing of ours is open on the others that were ever traded, however many: what may be open was read before them.
        await self._rules.load(traded(desk), at_start=True)
        return StartReport(report, tuple(naked), in_doubt)

    def _begin(self, step: StartStep) -> None:
        self.step = step
        self.on_step(step)

    def _take_over(self) -> None:
        """
        Doubt what the process before had under way, once: a start that is tried again finds what a panic sent meanwhile, and
        that is answered here.
        """
        if self._took_over:
            return
        self._took_over = True
        self.resolver.inherit()
        booking = self.desk.booking
        for row in self.desk.book.live():
            if row.state in (OrderState.INTENT, OrderState.SENT):
                booking.apply(row, OrderEvent.DOUBT, "poll", detail="the process ended before an answer was on record")

    async def run(self, events: MemoryObjectReceiveStream[PrivateEvent]) -> None:
        """
        All loops of the account, until cancelled or until `events` ends. Raises `RecordError` when the ledger breaks.

        `events` must deliver everything of the private stream in order; it is consumed here and by nobody else.
        """
        self.ended = False
        async with anyio.create_task_group() as task_group:
            self.desk.task_group = task_group
            try:
                self.exits.resume()
                self.stops.resume()
                self.cancels.resume()
                self.targets.resume()
                self._panic.resume()
                task_group.start_soon(self.resolver.run)
                task_group.start_soon(self.protection.run)
                task_group.start_soon(self.targets.run)
                task_group.start_soon(self._timers.run)
                task_group.start_soon(self.breakers.day_log.run)
                await self._events.run(events)
                task_group.cancel_scope.cancel()
            finally:
                self.ended = True
                self.desk.task_group = None
                for port in [*self._ports.values()]:
                    port.end()

    async def register(
        self, instance_uid: str, name: str, symbol: str, *, clock_ms: int, mode: str = "paper", after: int = 0
    ) -> InstancePort:
        """
        Connect an instance; its events numbered above `after` are waiting in `fills` when this returns.

        `clock_ms` is the length of the bars it decides on; `after` is the number stored with its state, 0 for a new instance
        or to be told everything again. Reads the symbol's rules and sets its leverage when they are not known yet.

        Raises:
            Broken: The uid is registered, or another instance owns its tag.
            CredentialError: The key is about to expire.
            VenueError, LinkError: The rules cannot be read, the venue does not list the symbol, or the account has ended.
        """
        self._refuse_ended()
        if instance_uid in self._ports:
            raise Broken(f"instance {instance_uid} is registered already")
        if refusal := self.key.start_refusal():
            raise CredentialError(refusal)
        await self._rules.begin_life(symbol)
        self._refuse_ended()  # it may have ended while the venue was asked
        instance = Instance(instance_uid, name, symbol, clock_ms)
        self._write_instance(instance, mode)
        backlog = await backlog_of(self.desk, instance_uid, after)
        # No await between the last part of the backlog and joining the live deliveries: nothing can fall between them.
        self._refuse_ended()
        port = self._ports[instance_uid] = InstancePort(self, instance, self._forget, backlog)
        return port

    async def panic(self, scope: PanicScope, *, actor: str, reason: str, code: str = PANIC_CODE) -> PanicReport:
        """Stop entries, cancel entry orders, close positions of the scope, verify flat. See `panic.Panic.run`."""
        return await self._panic.run(scope, actor=actor, reason=reason, code=code)

    def resume_panics(self) -> None:
        """Carry out the panics in force that nobody carries out here: one that the guardian began goes on to its end."""
        self._panic.resume()

    async def reconcile(self, trigger: str, *, dry_run: bool = False) -> ReconReport:
        """One full reconciliation now."""
        return await self.reconciler.run(trigger, dry_run=dry_run)

    async def cancel_entries(self, *, instance_uid: str = "", symbol: str = "") -> int:
        """
        Cancel entries of instances by id: of one, of a symbol, or all. Returns how many; each is asked again until it is gone.

        What somebody else ordered stays: only a panic takes that along.
        """
        wanted = self._withdrawals.entries(instance_uid=instance_uid, symbol=symbol)
        await self._withdrawals.ask(wanted)
        return len(wanted)

    async def cancel_order(self, row: OrderRow, within_s: float) -> OrderRow:
        """
        Take one order back from the venue, whoever sent it; the order once it is final, or as it is `within_s` later.

        Whether it may go is the caller's business: a stop may not. A resting target is not put back until the Play asks for
        another. What is not final by then is asked for again until it is.
        """
        self.targets.withdraw(row)
        with anyio.move_on_after(within_s):
            await self._withdrawals.ask([row])
            while not self.desk.book.need(row.link_id).state.terminal:
                await self.desk.changed(row.link_id, within_s)
        after = self.desk.book.need(row.link_id)
        if not after.state.terminal:  # nobody drives one whose first request had to wait for longer than that
            self._withdrawals.drive([after])
        return after

    def guardian_is(self, missing: str) -> None:
        """Take note why the guardian cannot be counted on, or with the empty text that it can: also that may make it ready."""
        self.desk.condition.guardian_missing = missing
        self._events.note_ready()

    @property
    def looked_s(self) -> float | None:
        """When the account last came round in its own clockwork, in monotonic seconds; None before it runs."""
        return self._timers.looked_s

    async def wait_ready(self) -> None:
        """Return once the account takes entries: private stream up, a clean reconciliation since, and no guardian lacking."""
        await self._events.ready.wait()

    async def _instances_settled(self) -> None:
        """
        Lock-step only: market time must not pass between a fill and what its instance does about it.

        An instance that is gone is not waited for, one that does nothing about its fills not longer than `_SETTLED_WITHIN_S`.
        """
        for uid, port in [*self._ports.items()]:
            with anyio.move_on_after(_SETTLED_WITHIN_S) as patience:
                await port.settled()
            if patience.cancelled_caught:
                note = f"{port.name} has not dealt with its fills for {_SETTLED_WITHIN_S:.0f} s; the market goes on without it"
                self.desk.incidents.open("INSTANCE_DEAF", "warning", instance_scope(uid), note)

    def _order_changed(self, row: OrderRow) -> None:
        self.protection.order_ended(row)
        self.targets.order_changed(row)
        self._panic.entry_filled(row)

    def _fill_booked(self, symbol: str, key: str) -> None:
        self.protection.fill_booked(symbol, key)
        if row := self.desk.book.find(key):
            # An order that was proved absent, or is cancelled, changes no more by what it fills.
            self._panic.entry_filled(row)

    def _deliver(self, instance_uid: str, event: InstanceEvent) -> None:
        port = self._ports.get(instance_uid)
        if port is not None:
            port.deliver(event)

    def _refuse_ended(self) -> None:
        if self.ended:
            raise LinkError(f"account {self.alias} has ended and is opened again")

    def _forget(self, instance_uid: str) -> None:
        self._ports.pop(instance_uid, None)

    async def _first_reconciliation(self) -> ReconReport:
        for attempt in range(_START_TRIES):
            report = await self.reconciler.run("start")
            if report.result != "blind":
                return report
            await anyio.sleep(_RETRY_S * (attempt + 1))
        raise LinkError(f"account {self.alias}: reconciliation at start is blind: {report.error}")

    def _write_instance(self, instance: Instance, mode: str) -> None:
        tag, ledger = instance_tag(instance.uid), self.desk.ledger
        owner = ledger.row("SELECT uid FROM instances WHERE tag = ?", (tag,))
        if owner is not None and owner["uid"] != instance.uid:
            raise Broken(f"instances {instance.uid} and {owner['uid']} share the tag {tag}; add one of them under a new uid")
        ledger.write(
            "INSERT INTO instances (uid, name, account, symbol, mode, clock_ms, tag, created_ms) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT DO UPDATE SET name = excluded.name, symbol = excluded.symbol, clock_ms = excluded.clock_ms",
            (
                instance.uid,
                instance.name,
                self.alias,
                instance.symbol,
                mode,
                instance.clock_ms,
                tag,
                self.desk.clock.wall_ms(),
            ),
        )
