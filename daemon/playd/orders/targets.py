"""
Targets that rest: a share whose Play wants its target as a limit order has reduce-only limits at the venue beside its stop.

The stop is a level of the whole position and stays, whatever becomes of the target: both could close the position, neither
ever opens one. An intent says where the target of a share is to rest and stands until the share is flat; how much rests there
follows what was executed. What the venue or a hand takes away is put back, what a person takes back by command stays away.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import anyio

from playd.core.ids import intent_id, link_id
from playd.core.modes import Environment
from playd.core.orders import Action, Intent, IntentClass, OrderRequest, OrderState, Side
from playd.orders.desk import Desk
from playd.orders.fill_check import on_tick
from playd.orders.gateway import AMENDED, FLAT, FROZEN, SENT, Gateway, Instance, Verdict
from playd.orders.halts import Level, scopes_of, symbol_scope
from playd.orders.intent_rows import IntentRow
from playd.orders.resolver import Resolver
from playd.orders.room import held_by, is_shared, may_repeat
from playd.orders.rows import OrderRow
from playd.orders.withdrawals import Withdrawals
from playd.venues.port import CREATE, Priority

_TICK_S: Final = 0.5
_AGAIN_S: Final = (2.0, 5.0, 15.0, 60.0)
"""Pauses before a target that ended without our doing is put back; the last one repeats."""

_MADE_WAY_S: Final = 2.0
"""How long a target stays away that has made way for an exit of the whole share, if none of that is to be seen."""

_WAY_WITHIN_S: Final = 0.5
"""How long such an exit waits for it."""

_MARKET_WAITS_S: Final = 5.0
"""How long a market that waits for its instances waits for a target to rest: as long as an order write may take."""

_CLEARED_S: Final = 3.0
"""How long the venue may take to clear the target of a position that is closed."""

_POSITION_GONE: Final = "CancelByReduceOnly"
"""The venue's word for an order that would have closed more than there is."""

_ZERO: Final = Decimal(0)

_RESTS: Final = (OrderState.OPEN, OrderState.PARTIAL)


@dataclass
class _Kept:
    """The target of one share. Times are monotonic seconds."""

    intent: str
    parts: list[str] = field(default_factory=list)
    """Every intent of it, the first one included. Each has one order at a time; what is held beside has one of its own."""
    not_before_s: float = 0.0
    flat_since_s: float | None = None
    tries: int = 0
    said: bool = True
    """Whether an incident may be open that ends when the target rests."""
    judged: set[str] = field(default_factory=set)
    """Orders whose end was taken note of, and those that we took back ourselves."""
    asked: dict[str, Decimal] = field(default_factory=dict)
    """By order that this life sent: the price that it was sent at."""
    earlier: list[str] = field(default_factory=list)
    """Orders of the target that this one replaced, which worked then: they go on, or are taken back."""
    is_looked_at: bool = False
    again: bool = False
    """Whether there was news while it was looked at."""
    looked_at: str = ""
    """The intent that was looked at last."""
    looked: anyio.Event = field(default_factory=anyio.Event)


class Targets:
    """Places and keeps the resting targets of one account."""

    def __init__(self, desk: Desk, gateway: Gateway, resolver: Resolver, withdrawals: Withdrawals) -> None:
        self._desk = desk
        self._gateway = gateway
        self._resolver = resolver
        self._withdrawals = withdrawals
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._wake = anyio.Event()

    async def submit(self, intent: Intent, instance: Instance) -> Verdict:
        """
        Let the target of the instance's share rest at `intent.price`, in place of where it was to rest before.

        `SENT` once that is on record; the rest happens in the background. Only where the market itself waits for its instances,
        on the local exchange, the target rests before this returns, if it does within seconds. `FLAT` without a position,
        `FROZEN` when nothing may be sent, `AMENDED` where a target is attached to the position itself, as to an adopted one:
        that one stays and none rests beside it. The same intent again changes nothing, unless the position that it was for is
        closed.
        """
        desk = self._desk
        if frozen := desk.frozen(intent.symbol, instance.uid):
            return Verdict(FROZEN, frozen)
        if held_by(desk, instance.uid, intent.symbol, intent.side) <= 0:
            return Verdict(FLAT, "there is no position whose target could rest")
        if (attached := desk.fills.share(instance.uid, intent.symbol).target) is not None:
            return Verdict(AMENDED, f"a target at {attached} is attached to the position")
        intent = self._new_leg(intent)
        known = self._gateway.known(intent)
        if known is not None:
            return known
        key, bounds = (instance.uid, intent.symbol), desk.bounds(instance.uid)
        with desk.ledger.atomic():
            identity = desk.book.insert_intent(intent, bounds)
            kept = self._kept.setdefault(key, _Kept(identity))
            self._close_parts(kept, "replaced")
        kept.intent, kept.parts = identity, [identity]
        kept.earlier = [row.link_id for row in self._resting(*key)]
        kept.not_before_s, kept.tries, kept.flat_since_s = 0.0, 0, None
        desk.ledger.commit()
        self._wake.set()
        if desk.environment is Environment.LOCAL:
            with anyio.move_on_after(_MARKET_WAITS_S):
                while kept.looked_at != identity:
                    await kept.looked.wait()
        return Verdict(SENT, "the target is on record")

    async def make_way(self, owner: str, symbol: str) -> None:
        """Before all of a share is closed: its target is taken back, within half a second if the venue answers by then."""
        kept = self._kept.get((owner, symbol))
        if kept is None:
            return
        kept.not_before_s = self._desk.clock.mono_s() + _MADE_WAY_S
        rows = self._resting(owner, symbol)
        with anyio.move_on_after(_WAY_WITHIN_S):
            self._take_back(kept, rows)
            for row in rows:
                while not self._desk.book.need(row.link_id).state.terminal:
                    await self._desk.changed(row.link_id, _WAY_WITHIN_S)

    def withdraw(self, row: OrderRow) -> None:
        """A person takes a target back: no other is put in its place, until the Play asks for one at another price or size."""
        kept = self._kept.get((row.owner, row.symbol))
        if kept is not None and row.action is Action.TARGET:
            self._close_parts(kept, "withdrawn")
            self._withdrawals.drive(each for each in self._resting(row.owner, row.symbol) if each.link_id != row.link_id)
            del self._kept[row.owner, row.symbol]

    def order_changed(self, row: OrderRow) -> None:
        """An order has another state."""
        if row.action is Action.TARGET:
            self._wake.set()

    def resume(self) -> None:
        """Take up the targets of an earlier life, which has told what became of its orders. Called at start."""
        for intent in self._desk.book.open_intents():
            if intent.action == Action.TARGET:
                kept = self._kept.setdefault((intent.instance, intent.symbol), _Kept(intent.id))
                kept.parts.append(intent.id)
                kept.judged.update(row.link_id for row in self._desk.book.of_intent(intent.id) if row.state.terminal)
        for (owner, symbol), kept in self._kept.items():
            kept.earlier = [row.link_id for row in self._resting(owner, symbol) if row.intent not in kept.parts]

    async def run(self) -> None:
        """Keep all targets until cancelled, each by itself: what the venue puts off for one holds up no other."""
        async with anyio.create_task_group() as looks:
            while True:
                for key, kept in [*self._kept.items()]:
                    kept.again = kept.is_looked_at
                    if not kept.is_looked_at:
                        kept.is_looked_at = True
                        looks.start_soon(self._look, key, kept)
                with anyio.move_on_after(_TICK_S):
                    await self._wake.wait()
                self._wake = anyio.Event()

    async def _look(self, key: tuple[str, str], kept: _Kept) -> None:
        """One look, and word of it to who waits."""
        intent = kept.intent
        await self._keep(*key)
        kept.is_looked_at, kept.looked_at = False, intent
        kept.looked.set()
        kept.looked = anyio.Event()
        if kept.again:
            self._wake.set()

    def _new_leg(self, intent: Intent) -> Intent:
        """The intent, under a number of its own where the same one was for a position that is closed."""
        while True:
            stored = self._desk.book.intent(intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg))
            if stored is None or stored.outcome != "flat":
                return intent
            intent = replace(intent, leg=intent.leg + 1)

    async def _keep(self, owner: str, symbol: str) -> None:
        """One look at a share's target: what is too much is taken back, what is missing is placed."""
        kept = self._kept.get((owner, symbol))
        if kept is None:
            return
        intent = self._desk.book.intent(kept.intent)
        if intent is None or intent.outcome or self._desk.frozen(symbol, owner):
            return
        held = held_by(self._desk, owner, symbol, Side(intent.side))
        if held <= 0:
            await self._end(kept, owner, symbol)
            return
        kept.flat_since_s = None
        self._judge_ends(kept, symbol)
        rows = self._resting(owner, symbol)
        wanted = self._wanted(intent, held)
        unwanted = [row for row in rows if row.price != wanted]
        self._judge_moved(kept, symbol, unwanted)
        if self._is_too_much(owner, symbol, rows, held):
            unwanted = rows
        self._take_back(kept, unwanted)
        if wanted is None or unwanted:
            return
        if in_doubt := [row for row in rows if row.state is OrderState.UNKNOWN]:
            await self._repeat(kept, in_doubt[0])
            return
        if not self._missing(intent, rows, held):
            self._note_rest(kept, symbol, rows)
        elif self._desk.clock.mono_s() >= kept.not_before_s and not self._lacks_fills(owner, symbol):
            await self._place(intent, wanted)

    def _resting(self, owner: str, symbol: str) -> list[OrderRow]:
        """Targets of ours that work, or may."""
        rows = self._desk.book.live(symbol)
        return [row for row in rows if row.owner == owner and row.action is Action.TARGET and row.intent is not None]

    def _wanted(self, intent: IntentRow, held: Decimal) -> Decimal | None:
        """Where the target is to rest now; None while all of the share is being closed, and from level 3 on."""
        desk, owner, symbol = self._desk, intent.instance, intent.symbol
        halt = desk.halts.highest(*scopes_of(owner, desk.alias, symbol))
        if halt is not None and halt.level >= Level.CANCEL:
            return None
        if intent.target is None or any(self._leaves(exit_, held) for exit_ in self._exits(owner, symbol)):
            return None
        rules = desk.instruments.get(symbol)
        if rules is None:  # it is listed no longer: what rests there stays as it is
            return next((row.price for row in self._resting(owner, symbol)), intent.target)
        # On the tick of now, nearer to the position: one that rests off it is taken back, and rests where the venue takes it.
        return on_tick(intent.target, rules.tick, up=Side(intent.side) is Side.BUY)

    def _exits(self, owner: str, symbol: str) -> list[IntentRow]:
        """Exits of a share that are not done."""
        mine = [each for each in self._desk.book.open_intents() if (each.instance, each.symbol) == (owner, symbol)]
        return [each for each in mine if each.intent_class == IntentClass.EXIT and each.action != Action.TARGET]

    def _leaves(self, exit_: IntentRow, held: Decimal) -> bool:
        """Whether an exit is about all of what is held."""
        done = sum((row.cum_qty for row in self._desk.book.of_intent(exit_.id)), _ZERO)
        return exit_.qty - done >= held

    def _is_too_much(self, owner: str, symbol: str, rows: list[OrderRow], held: Decimal) -> bool:
        """
        Whether targets could close what belongs to others. The venue cuts orders that reduce to its own position, which is the
        share alone as long as nobody else has a part of it.
        """
        return sum((row.open_qty for row in rows), _ZERO) > held and is_shared(self._desk, owner, symbol)

    def _take_back(self, kept: _Kept, rows: list[OrderRow]) -> None:
        """Have each cancelled until it is final. Nothing is waited for here: whoever is cut short forgets none of them."""
        kept.judged.update(row.link_id for row in rows)
        self._withdrawals.drive(rows)

    async def _repeat(self, kept: _Kept, row: OrderRow) -> None:
        """Look one in doubt up, and send the same bytes again where the venue does not know it: it takes them once."""
        desk = self._desk
        if desk.clock.mono_s() < kept.not_before_s:
            return
        kept.not_before_s = desk.clock.mono_s() + _AGAIN_S[0]
        if await self._resolver.look_up(row) is not False or not may_repeat(desk, row):
            return
        await desk.budget.take(CREATE, Priority.EXIT, owner=row.owner)
        row = desk.book.need(row.link_id)
        if row.state is OrderState.UNKNOWN and self._still_wanted(row):
            await self._gateway.send(row, IntentClass.EXIT, lambda: self._still_wanted(row))

    def _missing(self, intent: IntentRow, rows: list[OrderRow], held: Decimal) -> Decimal:
        """
        How much one more order is to be about, in base coin; 0 for less than the venue takes, and while nobody knows what it
        takes: neither is asked for.
        """
        rules = self._desk.instruments.get(intent.symbol)
        if rules is None:
            return _ZERO
        missing = min(held - sum((row.open_qty for row in rows), _ZERO), rules.max_qty) // rules.step * rules.step
        return missing if missing > 0 and missing >= rules.min_qty else _ZERO

    async def _place(self, intent: IntentRow, price: Decimal) -> None:
        desk, key = self._desk, (intent.instance, intent.symbol)
        await desk.budget.take(CREATE, Priority.EXIT, owner=intent.instance)
        # Time has passed: it may have been withdrawn, replaced or asked to make way, and something may have been executed.
        kept, held = self._kept.get(key), held_by(desk, *key, Side(intent.side))
        if kept is None or kept.intent != intent.id or desk.clock.mono_s() < kept.not_before_s:
            return
        missing = self._missing(intent, self._resting(*key), held)
        if not missing or self._wanted(intent, held) != price or desk.frozen(intent.symbol, intent.instance):
            return
        if self._lacks_fills(*key):
            return
        part, number = self._free_part(kept, intent, missing)
        identity = intent_id(part.instance_uid, part.cause, part.action, part.leg)
        request = OrderRequest(
            link_id=link_id(part.instance_uid, part.cause, part.action, part.leg, number),
            symbol=part.symbol,
            side=part.side,
            qty=missing,
            order_type="Limit",
            price=price,
            time_in_force="GTC",
            reduce_only=True,
        )
        bounds = desk.bounds(part.instance_uid)
        with desk.ledger.atomic():
            if identity not in kept.parts:
                desk.book.insert_intent(part, bounds)
            row = desk.book.insert_order(part, identity, number, request)
        if identity not in kept.parts:
            kept.parts.append(identity)
        kept.asked[row.link_id] = price
        desk.ledger.commit()
        await self._gateway.send(row, IntentClass.EXIT, lambda: self._still_wanted(row))

    def _free_part(self, kept: _Kept, intent: IntentRow, missing: Decimal) -> tuple[Intent, int]:
        """
        The intent under which what is missing is asked for, and the number of its order. No order follows one that works, or
        may: it is the first part whose last order is final, else one part more.
        """
        book, asked = self._desk.book, intent.as_intent(self._desk.alias)
        for identity in kept.parts:
            part, attempts = book.intent(identity), book.of_intent(identity)
            if part is not None and (not attempts or attempts[-1].state.terminal):
                return replace(asked, leg=part.leg), attempts[-1].attempt + 1 if attempts else 0
        leg = max(int(identity.rpartition("/")[2]) for identity in kept.parts) + 1
        return replace(asked, leg=leg, qty=missing, order_type="Limit", price=intent.target, time_in_force="GTC"), 0

    def _attempts(self, kept: _Kept) -> list[OrderRow]:
        """All orders of a target, part by part, behind those of the one before it."""
        book = self._desk.book
        earlier = [book.need(link) for link in kept.earlier]
        return earlier + [row for identity in kept.parts for row in book.of_intent(identity)]

    def _close_parts(self, kept: _Kept, outcome: str) -> None:
        for identity in kept.parts:
            self._desk.book.close_intent(identity, outcome)

    def _still_wanted(self, row: OrderRow) -> bool:
        """Whether it may be sent, or sent again where the venue put it off: not under a freeze, nor without a position."""
        return not self._desk.frozen(row.symbol, row.owner) and held_by(self._desk, row.owner, row.symbol, row.side) > 0

    def _judge_ends(self, kept: _Kept, symbol: str) -> None:
        """An order of the target that ended unfilled beside its position was refused, or taken away by the venue or by hand."""
        desk, scope = self._desk, symbol_scope(self._desk.alias, symbol)
        ended = [row for row in self._attempts(kept) if row.state.terminal and row.link_id not in kept.judged]
        kept.judged.update(row.link_id for row in ended)
        for row in ended:
            if row.state is OrderState.FILLED:
                continue
            self._put_off(kept)
            if row.cancel_type == _POSITION_GONE:
                continue  # the execution that closed the position may be told behind it
            why = row.cancel_type or row.reject_reason or (f"code {row.code}" if row.code else "no reason given")
            note = f"target {row.link_id} of {row.qty} {row.symbol} at {row.price} is {row.state} ({why}); it is put back"
            desk.incidents.open("TARGET_LOST", "warning", scope, note)
            kept.said = True

    def _judge_moved(self, kept: _Kept, symbol: str, rows: list[OrderRow]) -> None:
        """
        One that rests at another price than it was sent at was moved by the venue, as it moves limits that lie too far beyond
        the mark, or by hand. It is taken back, and put back ever more slowly: the venue may move the next one as well.
        """
        for row in rows:
            sent = kept.asked.get(row.link_id, row.price)
            if row.link_id not in kept.judged and row.price != sent:
                self._put_off(kept)
                note = f"target {row.link_id} of {row.qty} {row.symbol} at {sent} was moved to {row.price}; it is put back"
                self._desk.incidents.open("TARGET_LOST", "warning", symbol_scope(self._desk.alias, symbol), note)
                kept.said = True

    def _put_off(self, kept: _Kept) -> None:
        kept.not_before_s = self._desk.clock.mono_s() + _AGAIN_S[min(kept.tries, len(_AGAIN_S) - 1)]
        kept.tries += 1

    def _note_rest(self, kept: _Kept, symbol: str, rows: list[OrderRow]) -> None:
        """All of the target is there."""
        if kept.said and rows and all(row.state in _RESTS for row in rows):
            scope = symbol_scope(self._desk.alias, symbol)
            self._desk.incidents.resolve("TARGET_LOST", scope, "the target rests again")
            kept.said = False

    async def _end(self, kept: _Kept, owner: str, symbol: str) -> None:
        """The position is closed: so is what it had for a target, once the venue has had time to clear it by itself."""
        now_s, rows = self._desk.clock.mono_s(), self._resting(owner, symbol)
        if kept.flat_since_s is None:
            kept.flat_since_s = now_s
        if rows and now_s - kept.flat_since_s >= _CLEARED_S:
            self._take_back(kept, rows)
        if not rows:
            self._close_parts(kept, "flat")
            self._desk.incidents.resolve("TARGET_LOST", symbol_scope(self._desk.alias, symbol), "the position is closed")
            self._kept.pop((owner, symbol), None)

    def _lacks_fills(self, owner: str, symbol: str) -> bool:
        """Whether more of a share was closed than is booked here: until it is, more seems to be held than is."""
        rows = self._desk.book.lacking_fills()
        return any(row.reduce_only and (row.owner, row.symbol) == (owner, symbol) for row in rows)
