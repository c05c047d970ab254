"""
The daemon's parts, put together: embedded exchange, universes, accounts, supervisor. Used by `playd run` and `playd parity`.

The order of the `async with` lines is the order of shutdown, reversed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio

from playd.cli.account_plans import Books, key_plan, paper_plan, watch_plan
from playd.cli.reports import Reports
from playd.cli.runtime_plan import RuntimePlan
from playd.cli.universe import Universe
from playd.cli.universes import open_universes
from playd.core.errors import OperatorError, PlayError
from playd.core.modes import Environment, Mode
from playd.core.record import Recorder
from playd.core.timeframes import MINUTE_MS
from playd.market.hub import MarketHub
from playd.ops.clock_watch import ClockWatch, VenueTime
from playd.ops.kept import kept
from playd.ops.maintenance_watch import MaintenanceWatch, Venue
from playd.orders.account import Account
from playd.orders.halts import Halts, Level, account_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.plays.model import Play
from playd.settings import Settings
from playd.supervisor.accounts import AccountPlan, Accounts
from playd.supervisor.admission import Circumstances, Refused, admit
from playd.supervisor.arming import ChainFacts, Link, broken_link, step_caps
from playd.supervisor.arming_records import Armings
from playd.supervisor.arming_watch import ArmingWatch
from playd.supervisor.life import LifeParts, live
from playd.supervisor.places import AccountPlace, Place, need_listed
from playd.supervisor.reads import overdrawn
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.supervisor.restart import RestartBudget
from playd.supervisor.shadow import ShadowPlace
from playd.supervisor.shadow_market import note_market
from playd.supervisor.supervisor import Supervisor, SupervisorParts, SupervisorRules
from playd.supervisor.turns import Pen, Turns
from playd.venues.bybit.venue import BybitVenue
from playd.venues.exchange.exchange import Exchange
from playd.world.kernel_cache import code_version
from playd.world.ports import World

SHADOWED: Final = (Environment.LIVE, Environment.DEMO, Environment.LOCAL, Environment.TESTNET)
"""Which of the open markets a shadow follows, the first there is: mainnet before the exchange of our own."""

OPEN_WITHIN_S: Final = 30.0
"""How long a person at the control socket waits for an account to open."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The running parts."""

    world: World
    plan: RuntimePlan
    ledger: Ledger
    halts: Halts
    journal: Recorder
    records: RecordStore
    accounts: Accounts
    armings: Armings
    supervisor: Supervisor
    exchange: Exchange | None
    universes: dict[Environment, Universe]
    venue_times: tuple[VenueTime, ...]
    clock_watch: ClockWatch
    """Has run since this was opened; whoever starts instances lets it `begin` first."""
    turns: Turns
    ports: dict[str, BybitVenue] = field(default_factory=dict)
    """The venue of every account that is open, by alias."""

    def hub_of(self, record: InstanceRecord) -> MarketHub:
        """The hub whose bars an instance follows. Raises `OperatorError` when its universe is not open."""
        hub = self.find_hub(record)
        if hub is None:
            raise OperatorError(f"no market of environment {self.environment_of(record)} is open")
        return hub

    def find_hub(self, record: InstanceRecord) -> MarketHub | None:
        """The same, None when its universe is not open: its account is refused, so it does not run."""
        universe = self.universes.get(self.environment_of(record))
        return universe.hub if universe is not None else None

    def market_ms(self) -> int | None:
        """Time of the market: of the embedded one, else of the newest ticker."""
        if self.exchange is not None:
            return self.exchange.books.time.now_ms
        tickers = (each.hub.ticker(symbol) for each in self.universes.values() for symbol in each.hub.symbols)
        return max((ticker.venue_ms for ticker in tickers if ticker is not None), default=None)

    def environment_of(self, record: InstanceRecord) -> Environment:
        """The universe of an instance: where its orders go, or the market that a shadow follows."""
        if record.mode is Mode.PAPER:
            return Environment.LOCAL
        if record.mode is Mode.SHADOW:
            return next((each for each in SHADOWED if each in self.universes), SHADOWED[0])
        account = self.plan.key_accounts.get(record.account)
        return account.environment if account is not None else Environment.DEMO

    def chain(self, record: InstanceRecord) -> Link | None:
        """What keeps an instance from opening positions with real money, see `supervisor.arming`."""
        place, account = self.plan.key_accounts.get(record.account), self.accounts.find(record.account)
        limits = account.desk.settings_of(record.uid).limits if account is not None else RiskLimits()
        order_usd, day_usd = step_caps(record.capital_step, limits.order_usd, limits.day_usd)
        facts = ChainFacts(
            daemon_live=self.plan.settings.daemon.live,
            ceiling=self.plan.ceiling,
            environment=place.environment if place is not None else None,
            account=record.account,
            account_uid=account.key.uid if account is not None else "",
            instance_uid=record.uid,
            play_digest=record.play_digest,
            capital_step=record.capital_step,
            order_usd=order_usd,
            day_usd=day_usd,
            held=self.armings.held(record.uid),
            now_ms=self.world.clock.wall_ms(),
            max_days=self.plan.settings.arming.max_days,
        )
        return broken_link(facts, record.name)

    async def open_account(self, record: InstanceRecord) -> Account:
        """
        The account of an instance, opened if it is not yet; a person waits for it, so not as long as the venue may be away.

        Raises `OperatorError` when it is refused or not open by then, `PlayError`.
        """
        with anyio.move_on_after(OPEN_WITHIN_S):
            return await self.accounts.ready(self.plan_of(record, await self.read_play(record)))
        held = self.accounts.held.get(record.account)
        raise OperatorError(f"account {record.account} is not open: {held.step if held is not None else 'it was closed'}")

    async def read_play(self, record: InstanceRecord) -> Play:
        """The Play of a record as it is now, read while everybody else goes on. Raises `PlayError`."""
        return await self.plan.read_play(record, self.turns.take_behind)

    def admit(self, record: InstanceRecord) -> Refused | None:
        """The one admission function with the present circumstances."""
        return admit(record, self._circumstances(record))

    async def place_of(self, record: InstanceRecord, play: Play) -> Place:
        """Where the orders of an instance go. Raises `OperatorError` for an account that is refused, a symbol not listed."""
        environment = self.environment_of(record)
        if record.mode is not Mode.SHADOW:
            place = AccountPlace(await self.accounts.ready(self.plan_of(record, play)))
            await need_listed(self.universes[environment].market.instruments, record, play)
            return place
        incidents = Incidents(self.ledger, self.world.clock, self.journal)
        note_market(self.ledger, record.uid, environment, self.world.clock.wall_ms())
        market = self.universes[environment].market
        await need_listed(market.instruments, record, play)
        return ShadowPlace(play, self.world.clock, self.ledger, self.halts, incidents, market.instruments)

    def watch(self, record: InstanceRecord) -> None:
        """
        Open the account of an instance that does not run but has something there: a position, or an order that is not final.

        Its fills are checked, its stop is put back from the ledger's plan, it is reconciled and can be panicked; nobody manages
        its exits. The Play is not asked: it may be what keeps the instance from running.
        """
        if record.mode is Mode.SHADOW or not self.records.has_something(record) or record.account in self.accounts.held:
            return
        try:
            self.accounts.ensure(self.plan_of(record, None))
        except OperatorError as error:
            _account_lost(self.halts, record.account, f"{record.name} has something there, and nobody watches it: {error}")

    def plan_of(self, record: InstanceRecord, play: Play | None) -> AccountPlan:
        """How the account of an instance is opened; without its Play, how it is watched. Raises `OperatorError` for none."""
        if why := self.plan.refused_accounts.get(record.account):
            raise OperatorError(f"account {record.account} is refused: {why}")
        books = Books(self.world, self.ledger, self.journal, self.halts, self.plan.budget_of, self.plan.on_account, self.ports)
        account = self.plan.key_accounts.get(record.account)
        if account is None:
            if self.exchange is None:
                raise OperatorError(f"there is no account {record.account} and no embedded exchange")
            universe = self.universes[Environment.LOCAL]
            if play is None:
                return watch_plan(books, universe, self.exchange, record, self._paper_settings)
            return paper_plan(books, universe, self.exchange, record, play, self._paper_settings)
        alias, universe = account.alias, self.universes[account.environment]
        return key_plan(books, universe, lambda: self.plan.key_accounts[alias], lambda: self._key_settings(alias))

    def take_settings(self, settings: Settings) -> None:
        """Let new settings hold from now on, in every account that is open. Leverage stays as it was set at the venue."""
        self.plan.settings = settings
        for alias, held in self.accounts.held.items():
            account = held.account or held.opening
            if account is None:
                continue
            desk = account.desk
            fresh = self._key_settings(alias) if alias in self.plan.key_accounts else self._paper_settings()
            desk.settings = replace(fresh, leverage=desk.settings.leverage, leverage_kept=desk.settings.leverage_kept)

    def _key_settings(self, alias: str) -> OrderSettings:
        """The order path's numbers of an account with a key."""
        settings = OrderSettings.from_settings(self.plan.settings, alias)
        local = self.plan.key_accounts[alias].environment is Environment.LOCAL
        return self._at_market_speed(settings) if local else settings

    def _paper_settings(self) -> OrderSettings:
        """The order path's numbers of a local account: of the declared one, else the defaults."""
        declared = [alias for alias, each in self.plan.settings.accounts.items() if each.environment is Environment.LOCAL]
        base = OrderSettings.from_settings(self.plan.settings, declared[0]) if declared else OrderSettings.of(Environment.LOCAL)
        return self._at_market_speed(base)

    def _at_market_speed(self, base: OrderSettings) -> OrderSettings:
        """The order path's numbers on a simulated market."""
        if self.plan.speed == 1:
            return base
        # Ages are real seconds; a market that runs faster or waits for us does not make data older.
        return replace(base, entry_max_age_s=max(base.entry_max_age_s, 30.0), feed_stale_s=max(base.feed_stale_s, 30.0))

    def _circumstances(self, record: InstanceRecord) -> Circumstances:
        play, error = self._present_play(record)
        slots = self.supervisor.slots
        slot = slots.get(record.name)
        others = [other for other in slots.values() if other.record.uid != record.uid]
        running = [other.record for other in others if other.active]
        occupying = self.records.occupying()
        idle = [other.record for other in others if not other.active]
        holding = [each for each in idle if (each.account, each.uid) in occupying]
        refused = self.plan.refused_accounts.get(record.account, "")
        held = self.accounts.held.get(record.account)
        account = held.account if held is not None else None
        on_exchange = self.environment_of(record) is Environment.LOCAL and self.exchange is not None
        known = on_exchange or record.account in self.plan.key_accounts or bool(refused)
        return Circumstances(
            present_digest=play.play_hash if play is not None else None,
            play_error=error,
            running=running,
            holding=holding,
            account_environment=self.environment_of(record) if known else None,
            account_refused=refused or (held.refused if held else ""),
            key_ends=account.key.start_refusal() if account is not None else "",
            market_symbols=self.exchange.feed.symbols if on_exchange and self.exchange is not None else None,
            max_instances=self.plan.settings.supervisor.max_instances,
            max_live_instances=self.plan.settings.supervisor.max_live_instances,
            memory_limit_mib=self.plan.settings.supervisor.memory_limit_mib,
            memory_mib=0 if slot is not None and slot.active else self.world.process.rss_bytes() // (1024 * 1024),
            overdrawn=self._overdrawn([record, *running]),
            conditional_per_symbol=self.plan.settings.supervisor.conditional_per_symbol,
            conditional=self.records.conditional_of_others(record),
            reference=play.reference or "" if play is not None else "",
            stop_order=play.risk.sl_order_type if play is not None and play.risk.stop is not None else "",
            failed=str(slot.facts.failed) if slot is not None and slot.facts.failed is not None else "",
            public_feed=self.environment_of(record) in self.universes,
            ceiling=self.plan.ceiling,
        )

    def _overdrawn(self, records: Iterable[InstanceRecord]) -> str:
        """Which rate limit of a venue these would come too near to; the embedded exchange is our own."""
        settings, keys = self.plan.settings, self.plan.key_accounts
        trading = [(each.account, each.symbol) for each in records if each.account in keys]
        return overdrawn(trading, settings.streams, settings.recon, settings.rate)

    def _present_play(self, record: InstanceRecord) -> tuple[Play | None, str]:
        """The Play as it is now, and why there is none."""
        try:
            return self.plan.play_of(record), ""
        except PlayError as error:
            return None, str(error)


@asynccontextmanager
async def open_runtime(
    world: World, plan: RuntimePlan, ledger: Ledger, halts: Halts, journal: Recorder, reports: Reports
) -> AsyncIterator[Runtime]:
    """All parts running, no instance started, the embedded market held. `RecordError` out of the block ends the process."""
    async with AsyncExitStack() as stack:
        accounts = Accounts(
            world.clock,
            world.random,
            reports.account,
            lambda alias, text: _account_lost(halts, alias, text),
        )
        exchange, universes = await open_universes(stack, world, plan, reports, accounts.tick_of)
        records, turns = RecordStore(ledger), Turns()
        runtime: Runtime
        parts = _life_parts(world, plan, records, reports, turns, lambda: runtime)
        supervisor = _supervisor(world, plan, halts, accounts, records, reports, parts, lambda: runtime)
        times = tuple(VenueTime(str(each), found.market.clock_offset_ms, found.clock) for each, found in universes.items())
        armings, incidents = Armings(ledger, world.clock, journal), Incidents(ledger, world.clock, journal)
        clock_watch = ClockWatch(world.clock, times, halts, incidents, journal, plan.settings.clock)
        # An embedded exchange is ours: it announces nothing that its daemon would not know.
        others = [
            Venue(each, found.market.announced, found.clock)
            for each, found in universes.items()
            if exchange is None or each is not Environment.LOCAL
        ]
        maintenance_watch = MaintenanceWatch(others, accounts, halts, incidents)
        runtime = Runtime(
            world=world,
            plan=plan,
            ledger=ledger,
            halts=halts,
            journal=journal,
            records=records,
            accounts=accounts,
            armings=armings,
            supervisor=supervisor,
            exchange=exchange,
            universes=universes,
            venue_times=times,
            clock_watch=clock_watch,
            turns=turns,
        )
        arming_watch = ArmingWatch(armings, incidents, journal, supervisor, lambda: plan.settings.arming, world.clock)
        async with anyio.create_task_group() as group:
            watches: dict[str, Callable[[], Awaitable[object]]] = {
                "clock watch": clock_watch.run,
                "maintenance watch": maintenance_watch.run,
                "arming watch": arming_watch.run,
            }
            for name, watch in watches.items():
                group.start_soon(kept, name, watch, world.clock, incidents, name=name)
            group.start_soon(parts.turns.run, name="turns")
            await group.start(accounts.run, name="accounts")
            await group.start(supervisor.run, name="supervisor")
            yield runtime
            group.cancel_scope.cancel()


def _life_parts(
    world: World, plan: RuntimePlan, records: RecordStore, reports: Reports, turns: Turns, runtime: Callable[[], Runtime]
) -> LifeParts:
    """What lives are built from. `runtime` is asked when the first of them begins."""
    return LifeParts(
        world=world,
        hub_of=lambda record: runtime().hub_of(record),
        records=records,
        instances_dir=plan.instances_dir,
        base_step_ms=plan.feed.step_ms if plan.feed is not None else MINUTE_MS,
        entry_max_age_ms=round(plan.settings.gates.entry_max_age_s * 1000),
        decision_budget_s=plan.settings.supervisor.decision_budget_ms / 1000,
        play_of=lambda record: runtime().read_play(record),
        compile_for=plan.compile_for,
        place_of=lambda record, play: runtime().place_of(record, play),
        report=reports.instance,
        refresh=lambda slot: runtime().supervisor.refresh(slot),
        turns=turns,
        pen=Pen(world.clock),
        code=code_version(),
        on_computed=reports.computed,
    )


def _supervisor(
    world: World,
    plan: RuntimePlan,
    halts: Halts,
    accounts: Accounts,
    records: RecordStore,
    reports: Reports,
    parts: LifeParts,
    runtime: Callable[[], Runtime],
) -> Supervisor:
    numbers = plan.settings.supervisor
    budget = RestartBudget(numbers.restart_max, round(numbers.restart_window_s * 1000), numbers.backoff_s)
    return Supervisor(
        SupervisorParts(
            clock=world.clock,
            random=world.random,
            halts=halts,
            accounts=accounts,
            records=records,
            hub_of=lambda record: runtime().hub_of(record),
            watch=lambda record: runtime().watch(record),
            chain=lambda record: runtime().chain(record),
            read_ahead=lambda record: runtime().read_play(record),
            unrecorded=plan.unrecorded,
        ),
        SupervisorRules(budget, numbers.max_instances, numbers.cooldown_s, plan.settings.daemon.loop_tick_ms / 1000),
        lambda slot, on_engine: live(slot, parts, on_engine),
        reports.transition,
        reports.instance,
    )


def _account_lost(halts: Halts, alias: str, text: str) -> None:
    """An account that is given up takes no new risk until a person has looked."""
    halts.raise_level(account_scope(alias), Level.HALT, "ACCOUNT_LOST", text)
