"""
The desk of one account: what the parts of the order path share, and the one way by which changes become public.

`publish` is that way: commit with full sync first, then tell instances, waiters and the fill check. Nobody learns of
something that a crash could take back.
"""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import anyio
import orjson
from anyio.abc import TaskGroup

from playd.core.canonical import canonical_json
from playd.core.instrument import Instrument
from playd.core.modes import Environment
from playd.core.orders import Wallet
from playd.core.record import Recorder
from playd.core.reply_codes import ReplyClass
from playd.orders.account_rows import AccountRows
from playd.orders.booking import Booking
from playd.orders.caps import Caps
from playd.orders.chronicle import Chronicle
from playd.orders.fills import Fills, InstanceEvent
from playd.orders.halts import Halts, Level, account_scope, scopes_of, symbol_scope
from playd.orders.incidents import Incidents
from playd.orders.judged import Judged
from playd.orders.ledger import Ledger
from playd.orders.on_record import LIMITS, OnRecord
from playd.orders.on_the_way import OnTheWay
from playd.orders.order_book import OrderBook
from playd.orders.risk_limits import RiskLimits
from playd.orders.rows import OrderRow
from playd.orders.rule_changes import DELIVERY, GATED, changes, described
from playd.orders.settings import OrderSettings
from playd.orders.shown import Shown
from playd.orders.verdicts import Verdicts
from playd.settings.limits_model import Risk
from playd.venues.pages import unheard
from playd.venues.port import Budget, Reply, RiskTier, VenuePort
from playd.world.ports import Clock


@dataclass
class Condition:
    """What decides whether the account takes entries. Ages are monotonic seconds of this process."""

    stream_up: bool = False
    reconciled: bool = False
    refused: str = ""
    """Definite refusal of the key or the account's mode; empty when accepted."""
    wallet: Wallet | None = None
    wallet_mono_s: float = 0.0
    blind_since_s: float | None = None
    stream_turns: int = 0
    """How often the private stream came or went: what was read before the last time says nothing of the gap behind it."""
    stream_down_since_s: float | None = None
    """Since when the private stream is down; None while it is up, and before it was up for the first time."""
    guardian_missing: str = ""
    """Why an account with real money takes no entries although all else is well: nobody would protect it if we died."""

    def not_ready(self) -> str:
        """Why the account is not ready, or the empty text."""
        if self.refused:
            return f"account is refused: {self.refused}"
        if not self.stream_up:
            return "private stream is down"
        if self.blind_since_s is not None:
            return "orders or positions cannot be read"
        if not self.reconciled:
            return "no clean reconciliation since the private stream came up"
        return self.guardian_missing


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """What bounds one instance beside its account: its own keys of `[risk]`, and its step of capital."""

    risk: Risk
    step: str

    def within(self, limits: RiskLimits) -> RiskLimits:
        """The tighter of both."""
        return limits.tightened(self.risk).at_step(self.step)


@dataclass
class Desk:
    """Shared by gateway, exits, resolver, protection, reconciler, panic. Built by `Account`."""

    alias: str
    environment: Environment
    clock: Clock
    port: VenuePort
    budget: Budget
    ledger: Ledger
    book: OrderBook
    fills: Fills
    verdicts: Verdicts
    caps: Caps
    booking: Booking
    halts: Halts
    incidents: Incidents
    journal: Recorder
    settings: OrderSettings
    instruments: dict[str, Instrument] = field(default_factory=dict)
    leverage: dict[str, Decimal] = field(default_factory=dict)
    """Of symbols in use while they are flat, as the venue has it; one that is not here is not known."""
    tiers: dict[str, tuple[RiskTier, ...]] = field(default_factory=dict)
    """Risk tiers of symbols in use, as they were last read; one that is not here was not read yet."""
    shown: Shown = field(init=False)
    """Positions of everybody as the venue last showed them, of symbols that nobody here trades too."""
    rules_mono_s: dict[str, float] = field(default_factory=dict)
    """When the rules of each symbol were last read."""
    rules_read: set[str] = field(default_factory=set)
    """Symbols whose rules were read since the entries that rest there were last held against them."""
    rules_doubted: bool = False
    """The venue refused an order by a limit that passed our rules, or a feed is doubtful by its tick: they are read again."""
    condition: Condition = field(default_factory=Condition)
    task_group: TaskGroup | None = None
    reconcile_soon: Callable[[str], None] = lambda _reason: None
    """Asks for a full reconciliation; set by `Account`."""
    deliver: Callable[[str, InstanceEvent], None] = lambda _instance, _event: None
    on_fill: Callable[[str, str], None] = lambda _symbol, _key: None
    on_look: Callable[[str, str], None] = lambda _symbol, _key: None
    on_order: Callable[[OrderRow], None] = lambda _row: None
    outbox_done: int = 0
    moves: dict[str, int] = field(default_factory=dict)
    """Number of stop moves per symbol that were decided and have no answer yet: an old stop is then no wrong one."""
    naked_seconds: dict[str, float] = field(default_factory=dict)
    """`naked_seconds_total` per symbol."""
    on_the_way: OnTheWay = field(init=False)
    on_record: OnRecord = field(init=False)
    judged: Judged = field(init=False)
    chronicle: Chronicle = field(init=False)
    account_rows: AccountRows = field(init=False)
    _waiters: dict[str, list[anyio.Event]] = field(default_factory=dict)
    _own: dict[str, OwnLimits] = field(default_factory=dict)
    _settings_of: dict[str, tuple[OrderSettings, OrderSettings]] = field(default_factory=dict)
    """By instance: the account's settings of which they were made, and the instance's."""

    def __post_init__(self) -> None:
        self.shown = Shown(self.fills.last_seq)
        self.on_the_way = OnTheWay(self.clock)
        self.on_record = OnRecord(self.ledger)
        self.judged = Judged(self.ledger, self.on_record)
        self.account_rows = AccountRows(self.ledger, self.clock, self.alias)
        self.chronicle = Chronicle(self.journal, self.ledger, self.clock, self.alias)
        self.book.tell = self.booking.tell = self.booking.sights.tell = self.chronicle.tell

    def limit(self, instance_uid: str, own: OwnLimits) -> None:
        """Bound an instance more tightly than its account, from its next entry on."""
        self._own[instance_uid] = own
        self._settings_of.pop(instance_uid, None)

    @property
    def weighs_exposure(self) -> bool:
        """Whether anything here is judged by what is open, an instance's own keys included."""
        limits = self.settings.limits
        return limits.weigh_exposure or any(own.within(limits).weigh_exposure for own in self._own.values())

    def settings_of(self, instance_uid: str) -> OrderSettings:
        """The numbers that hold for the entries of one instance; made once for each pair of its limits and the account's."""
        found = self._settings_of.get(instance_uid)
        if found is not None and found[0] is self.settings:
            return found[1]
        own = self._own.get(instance_uid)
        made = self.settings if own is None else replace(self.settings, limits=own.within(self.settings.limits))
        self._settings_of[instance_uid] = self.settings, made
        return made

    def bounds(self, instance_uid: str) -> bytes:
        """
        What every intent of an instance says of its gates: where the limits that hold for it are on record, and the numbers of
        the newest execution and the newest halt that it comes behind.
        """
        return b'{"limits":"%s","behind":[%d,%d]}' % (self.limits_key(instance_uid).encode(), *self.book.newest())

    def limits_key(self, instance_uid: str) -> str:
        """Where the limits of an instance are on record; not inside a step that may be undone."""
        return self.on_record.key(LIMITS, self.settings_of(instance_uid))

    def publish(self) -> None:
        """Commit, then deliver what the commit made true. Synchronous."""
        self.wake()
        halts = self.booking.news.taken()
        self.ledger.commit()
        for scope, level, code, note in halts:
            self.halts.raise_level(scope, level, code, note)
        for instance, event in self.fills.outbox(self.outbox_done):
            self.outbox_done = event.n
            self.deliver(instance, event)

    def put_on_record(self) -> None:
        """At an end: commit, unless the ledger is broken, and write the records that are left. Raises `RecordError`."""
        if not self.ledger.broken:
            self.ledger.commit()
        self.chronicle.write()

    def wake(self) -> None:
        """
        Open the fill checks of what was booked since the last call and wake who waits for its orders. Commits nothing, but
        where that raises a level: then all that was booked with it.
        """
        news = self.booking.news
        fills, looks, links = news.fills, news.looks, news.links
        news.fills, news.looks, news.links = [], [], set()
        for symbol, key in fills:
            self.on_fill(symbol, key)
        for symbol, key in looks:
            self.on_look(symbol, key)
        for link in links:
            self.on_order(self.book.need(link))
            for waiter in self._waiters.pop(link, []):
                waiter.set()

    @property
    def has_news(self) -> bool:
        """Whether anything waits that an instance or a gate must hear of; other rows may wait for the next commit."""
        return self.booking.news.posted or bool(self.booking.news.halts)

    async def changed(self, link: str, timeout_s: float) -> bool:
        """Wait until an order changes state. False when that took longer than `timeout_s`."""
        event = anyio.Event()
        waiters = self._waiters.setdefault(link, [])
        waiters.append(event)
        with anyio.move_on_after(timeout_s):
            await event.wait()
        if event in waiters:
            waiters.remove(event)
        if not waiters and self._waiters.get(link) is waiters:
            del self._waiters[link]
        return event.is_set()

    def spawn(self, work: Callable[[str], Coroutine[Any, Any, None]], argument: str) -> bool:
        """Run background work in the account's task group. False while the account is not running."""
        if self.task_group is None:
            return False
        with unheard():
            self.task_group.start_soon(work, argument)
        return True

    def instrument(self, symbol: str) -> Instrument:
        """Rules of a symbol in use. Raises `KeyError` for one that nobody registered."""
        return self.instruments[symbol]

    def frozen(self, symbol: str, *owners: str) -> str:
        """Why nothing may be sent for these owners' shares of a symbol, exits and stops included: a freeze; else empty."""
        halt = self.halts.frozen(*{scope for owner in owners or ("",) for scope in scopes_of(owner, self.alias, symbol)})
        return "" if halt is None else f"{halt.scope} is frozen by {halt.actor}: nothing is sent"

    @contextmanager
    def moving(self, symbol: str) -> Iterator[None]:
        """A stop of the symbol is being moved in this block."""
        self.moves[symbol] = self.moves.get(symbol, 0) + 1
        try:
            yield
        finally:
            self.moves[symbol] -= 1

    def learn_rules(self, rules: Instrument) -> None:
        """
        Take over rules just read at the venue, and tell a person what is not as it was, also in an earlier life, and when the
        symbol ends. What works there is judged by them again (`withdrawals`, `targets`).
        """
        symbol, before = rules.symbol, self._rules_before(rules.symbol)
        changed = changes(before or {DELIVERY: "0"}, rules)
        if changed:
            severity = "warning" if changed.keys() <= GATED else "critical"
            note = f"the venue changed {', '.join(changed.values())}"
            self.incidents.open("RULES_CHANGED", severity, symbol_scope(self.alias, symbol), note)
        if changed or before is None:
            self.ledger.set_meta(f"rules:{self.alias}:{symbol}", canonical_json(described(rules)).decode())
        self.instruments[symbol] = rules
        self.rules_mono_s[symbol] = self.clock.mono_s()
        self.rules_read.add(symbol)

    def _rules_before(self, symbol: str) -> dict[str, str] | None:
        """The rules as they were known last, in this life or an earlier one; None for a symbol that nobody here ever traded."""
        if symbol in self.instruments:
            return described(self.instruments[symbol])
        kept = self.ledger.meta(f"rules:{self.alias}:{symbol}")
        return None if kept is None else dict(orjson.loads(kept))

    def refuse_account(self, note: str) -> None:
        """The venue or we refuse the account's key or mode: critical, and level 2 until a person has looked."""
        self.incidents.open("ACCOUNT_REFUSED", "critical", account_scope(self.alias), note)
        self.halts.raise_level(account_scope(self.alias), Level.HALT, "ACCOUNT_REFUSED", note)

    def note_refusal(self, reply: Reply, note: str) -> None:
        """
        What an answer says that concerns more than its request, whatever that was: the key or the account's mode is refused (a
        person ends that; what reduces risk is kept all the same), our rules are old, or our books.
        """
        match reply.reply_class:
            case ReplyClass.AUTH | ReplyClass.MODE:
                self.condition.refused = note
                self.refuse_account(note)
            case ReplyClass.LIMITS | ReplyClass.SYMBOL:
                self.rules_doubted = True
            case ReplyClass.FUNDS | ReplyClass.QUOTA:
                # A full run reads the balance, and sweeps orders of ours that are left over.
                self.reconcile_soon(f"refused {reply.code}")

    def halt_symbol(self, symbol: str, level: Level, code: str, note: str) -> None:
        """Raise a symbol's level and open the critical incident that explains it."""
        scope = symbol_scope(self.alias, symbol)
        self.incidents.open(code, "critical", scope, note)
        self.halts.raise_level(scope, level, code, note)
