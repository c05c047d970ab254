"""
Exits: an intent that reduces a position is driven until it is done, attempt by attempt, whatever the venue answers.

Every attempt is reduce-only and never larger than the owner's share. The next attempt starts only after the previous one
is final with evidence; an attempt in doubt is looked up and sent again under its own link id, which the venue accepts once.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Final

import anyio

from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.ids import link_id
from playd.core.orders import Action, Intent, IntentClass, OrderState, Side, VenuePosition
from playd.core.reply_codes import ReplyClass, classify
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.exit_attempts import insert_attempt, is_alarming, is_kept, is_over, rung_of
from playd.orders.gateway import FLAT, FROZEN, SENT, UNKNOWN, Gateway, Instance, Verdict, turn_of
from playd.orders.halts import symbol_scope
from playd.orders.intent_rows import IntentRow
from playd.orders.order_book import FOREIGN
from playd.orders.overtaken import BY_HAND, opened_since, overtaken
from playd.orders.pauses import repeat_pauses_s
from playd.orders.resolver import Resolver
from playd.orders.room import foreign_left, held_by, may_repeat, room_for
from playd.orders.rows import OrderRow
from playd.orders.share_claims import WAIT_S
from playd.orders.share_turns import ShareTurns
from playd.orders.submit_table import Reaction
from playd.venues.port import CREATE, Priority

_REPEATS: Final = 1000
"""So often an attempt in doubt is asked for and sent again, for more than an hour; then its exit is looked at anew."""

_QUIET_MAX_S: Final = 30.0
"""Longest pause between two looks at an attempt that rests at the venue (a market order waiting for the next open)."""

_LOOK_EVERY_S: Final = 0.5
"""Longest time between two looks at an exit that somebody waits for."""

ON_RECORD: Final = "ON_RECORD"
"""Verdict: the exit is on record and has no order yet; `finish` sends it in its turn."""

_KEY_TRIES: Final = 6
_KEY_REPEAT_S: Final = 30.0
"""After so many refusals of the key an exit is sent this often, and at once when the key is read and found good."""

_RULES_WITHIN_S: Final = 2.0
"""How long an exit that met a limit waits for the rules of its symbol."""

_FROZEN_S: Final = 1.0
"""Time between two looks whether a freeze is over."""


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """What an exit intent still wants."""

    identity: str
    owner: str
    symbol: str
    side: Side
    remaining: Decimal
    executed: Decimal


class Exits:
    """Submits and drives intents of class exit for one account."""

    def __init__(self, desk: Desk, gateway: Gateway, resolver: Resolver, catch_up: CatchUp) -> None:
        self._desk = desk
        self._gateway = gateway
        self._resolver = resolver
        self._catch_up = catch_up
        self._turns = ShareTurns(desk, catch_up)
        self._driven: dict[str, anyio.Event] = {}
        """Intents that a task is driving, each with the end of that: two at one intent would write the same attempt twice."""
        self.make_way: Callable[[str, str], Awaitable[None]] = _nothing
        """Takes back the resting target of (owner, symbol) before all of that is closed; set by `Account`."""

    async def submit(self, intent: Intent, instance: Instance, *, wait_s: float = WAIT_S) -> Verdict:
        """
        Send the first attempt and drive the rest in the background. See `gateway.Verdict`, and of `wait_s` `begin`.

        A quantity above the owner's share is cut to it; `FLAT` means that there is nothing to reduce, `FROZEN` that nothing may
        be sent. The same intent again sends nothing and returns what is known.
        """
        verdict = await self.begin(intent, instance, wait_s=wait_s)
        if verdict.has_order:
            self._desk.spawn(self.finish, _identity(intent))
        return verdict

    def put_on_record(self, intent: Intent) -> Verdict:
        """
        Commit an exit whose order may have to wait for minutes, so that whoever drives it (`finish`), in this life or the next,
        sends it once. See `ON_RECORD`; every other verdict says that nothing was recorded, or was before.
        """
        desk = self._desk
        known = self._gateway.known(intent)
        if known is not None:
            return known
        if frozen := desk.frozen(intent.symbol, intent.instance_uid):
            return Verdict(FROZEN, frozen)
        bounds = desk.bounds(intent.instance_uid)
        desk.book.insert_intent(intent, bounds)
        desk.ledger.commit()
        return Verdict(ON_RECORD)

    async def begin(
        self, intent: Intent, instance: Instance, *, position_idx: int = 0, wait_s: float | None = WAIT_S
    ) -> Verdict:
        """
        The first attempt only; whoever calls this must go on with `finish`. `position_idx` names the side that is closed of a
        symbol in hedge mode; every further attempt takes it over. A guardian that is closing the same share is waited for
        `wait_s` at most, and not at all with None, which is for who closes all of a position.
        """
        desk, identity = self._desk, _identity(intent)
        known = self._gateway.known(intent)
        if known is not None:
            return known
        if frozen := desk.frozen(intent.symbol, intent.instance_uid):
            return self._frozen(intent, instance, frozen)
        if intent.qty >= held_by(desk, intent.instance_uid, intent.symbol, intent.side):
            await self.make_way(intent.instance_uid, intent.symbol)
        try:
            await self._until_it_may_leave(intent.instance_uid, intent.symbol, intent.action, identity, wait_s)
            return await self._begin(intent, instance, identity, position_idx)
        finally:
            self._let_go(intent.instance_uid, identity)

    async def _until_it_may_leave(
        self, owner: str, symbol: str, action: Action | None, identity: str, wait_s: float | None
    ) -> None:
        """A place in the rate budget, then the turn at the share. A ban that came meanwhile is waited for without the share."""
        while True:
            await self._desk.budget.take(CREATE, turn_of(action), owner=owner)
            if wait_s is None:
                self._turns.hold(owner, symbol, identity)
                return
            await self._turns.take(owner, symbol, identity, wait_s=wait_s)
            if not self._desk.budget.banned_for_s:
                return
            self._turns.done(owner, identity)

    async def _begin(self, intent: Intent, instance: Instance, identity: str, position_idx: int) -> Verdict:
        desk = self._desk
        # Behind the waits: a person may have frozen the scope meanwhile, and another exit closed some of it.
        if frozen := desk.frozen(intent.symbol, intent.instance_uid):
            return self._frozen(intent, instance, frozen)
        qty = self._cut(intent)
        if qty <= 0:
            note = "there is nothing to reduce"
            if intent.bar_close_ms:
                desk.verdicts.record(instance.uid, instance.clock_ms, intent.bar_close_ms, FLAT, note)
            return Verdict(FLAT, note)
        bounds = desk.bounds(intent.instance_uid)
        with desk.ledger.atomic():
            desk.book.insert_intent(intent, bounds)
            row = insert_attempt(desk, intent, identity, 0, qty, position_idx=position_idx)
            if intent.bar_close_ms:
                desk.verdicts.record(
                    instance.uid, instance.clock_ms, intent.bar_close_ms, "EXITED", intent.reason, intents=identity
                )
        desk.ledger.commit()
        handed_over = False
        try:
            await self._send(row)
            handed_over = True
        finally:
            if not handed_over:  # its instance is stopped while the venue puts it off: the exit was decided all the same
                desk.spawn(self.finish, identity)
        state = desk.book.need(row.link_id).state
        return Verdict(UNKNOWN if state is OrderState.UNKNOWN else SENT, f"order is {state}", link_id=row.link_id)

    async def finish(self, identity: str) -> None:
        """
        Drive a stored exit intent to its end: whole quantity executed, or nothing left to reduce.

        One that is driven already is waited for: a start takes up what the ledger left open, and the instance that decides the
        same bar once more asks for it again. Should the first who drives it be cancelled, the next one goes on.
        """
        while (ended := self._driven.get(identity)) is not None:
            await ended.wait()
        ended = self._driven[identity] = anyio.Event()
        try:
            await self._drive(identity)
        finally:
            del self._driven[identity]
            ended.set()
            if (intent := self._desk.book.intent(identity)) is not None:
                self._let_go(intent.instance, identity)

    def _let_go(self, owner: str, identity: str) -> None:
        """The guardian may close the share, unless an order of ours is under way or in doubt."""
        attempts = self._desk.book.of_intent(identity)
        if all(is_over(row) for row in attempts):
            self._turns.done(owner, identity)

    async def _drive(self, identity: str) -> None:
        desk = self._desk
        pause_s = desk.settings.exit_rung_s
        while True:
            intent, attempts = desk.book.intent(identity), desk.book.of_intent(identity)
            if intent is not None and not intent.outcome and not attempts:
                await self._first_attempt(intent)
                continue
            if intent is not None:
                self._let_go(intent.instance, identity)
            if intent is not None and desk.frozen(intent.symbol, intent.instance):
                await anyio.sleep(_FROZEN_S)
                continue
            if intent is None or intent.outcome:
                self._no_alarm(intent, attempts)
                return
            # A restored ledger may have found a later attempt again before it knows what became of one that it had.
            under_way = next((row for row in attempts if not is_over(row)), None)
            if under_way is not None:
                self._turns.hold(intent.instance, intent.symbol, identity)
                pause_s = await self._await_end(under_way, pause_s)
                continue
            last = attempts[-1]
            plan = self._plan(intent, attempts)
            if plan.remaining <= 0:
                self._close(plan, last, intent.qty)
                self._no_alarm(intent, attempts)
                return
            await self._next_attempt(intent, plan, attempts)
            pause_s = desk.settings.exit_rung_s

    async def _first_attempt(self, intent: IntentRow) -> None:
        """That of an exit which waited for its turn on record; one that was overtaken, or has nothing to do, ends here."""
        desk, owner, symbol, action = self._desk, intent.instance, intent.symbol, Action(intent.action)
        try:
            over = overtaken(desk, intent)
            if not over:
                if intent.qty >= held_by(desk, owner, symbol, Side(intent.side)):
                    await self.make_way(owner, symbol)
                async with anyio.create_task_group() as beside:
                    beside.start_soon(self._until_overtaken, intent, beside.cancel_scope)
                    await self._until_it_may_leave(owner, symbol, action, intent.id, WAIT_S)
                    beside.cancel_scope.cancel()
                over = overtaken(desk, intent)
            again = intent.as_intent(desk.alias)
            # In the ledger of an older program its order may have been found again under another intent: that was sent.
            sent = desk.book.find(link_id(owner, intent.cause, action, intent.leg, 0)) is not None
            qty = Decimal(0) if over or sent else self._cut(again)
            if qty <= 0:
                desk.book.close_intent(intent.id, over or ("recovered" if sent else "flat"))
                desk.publish()
                return
            row = insert_attempt(desk, again, intent.id, 0, qty)
            desk.ledger.commit()
            await self._send(row)
        finally:
            self._let_go(owner, intent.id)

    async def _until_overtaken(self, intent: IntentRow, waiting: anyio.CancelScope) -> None:
        while not overtaken(self._desk, intent):  # noqa: ASYNC110 - a halt wakes nobody here
            await anyio.sleep(_LOOK_EVERY_S)
        waiting.cancel()

    def _no_alarm(self, intent: IntentRow | None, attempts: list[OrderRow]) -> None:
        """Close the incident of an exit that took many attempts, once it is over."""
        if intent is not None and is_alarming(attempts):
            scope = symbol_scope(self._desk.alias, intent.symbol)
            self._desk.incidents.resolve("EXIT_UNFINISHED", scope, f"exit {intent.id} is over")

    async def ended(self, identity: str) -> None:
        """Wait until an exit that is driven elsewhere has its outcome; its orders change on the way."""
        desk = self._desk
        while (intent := desk.book.intent(identity)) is not None and not intent.outcome:
            orders, action = desk.book.of_intent(identity), Action(intent.action)
            link = orders[-1].link_id if orders else link_id(intent.instance, intent.cause, action, intent.leg, 0)
            await desk.changed(link, _LOOK_EVERY_S)

    def is_driven(self, identity: str) -> bool:
        """Whether a task is driving a stored exit intent to its end now."""
        return identity in self._driven

    def resume(self) -> None:
        """
        Take up every unfinished exit of the ledger again, in the background. Called at start.

        One without an order is sent now, if it closes an instance's share and nothing has overtaken it. What others hold may be
        another position by now than the one that was meant, which the ledger cannot say: such a close is dropped.
        """
        desk = self._desk
        self._turns.resume()
        for intent in desk.book.open_intents():
            if intent.intent_class != IntentClass.EXIT or intent.action == Action.TARGET:
                continue
            if intent.instance == FOREIGN and not desk.book.of_intent(intent.id):
                desk.book.close_intent(intent.id, "withdrawn")
            else:
                desk.spawn(self.finish, intent.id)
        desk.publish()

    async def _await_end(self, row: OrderRow, pause_s: float) -> float:
        """Wait for news of one attempt; look it up when there are none. Returns the next pause."""
        if row.state is OrderState.UNKNOWN:
            await self._repeat(row)
            return self._desk.settings.exit_rung_s
        if await self._desk.changed(row.link_id, pause_s):
            return self._desk.settings.exit_rung_s
        await self._resolver.look_up(row)
        return min(_QUIET_MAX_S, pause_s * 2)

    async def _repeat(self, row: OrderRow) -> None:
        """Look up, then send the same bytes again, until the attempt is no longer in doubt."""
        desk = self._desk
        for pause_s in islice(repeat_pauses_s(), _REPEATS):
            if await self._resolver.look_up(row) is True or await desk.changed(row.link_id, pause_s):
                return
            row = desk.book.need(row.link_id)
            if row.state is not OrderState.UNKNOWN or desk.frozen(row.symbol, row.owner):
                return
            if not self._may_repeat(row) or (row.owner == FOREIGN and await self._is_gone(row)):
                continue  # the proof that it never arrived begins anew with every copy
            await desk.budget.take(CREATE, turn_of(row.action), owner=row.owner)
            if row.intent is not None:
                await self._turns.go_on(row.owner, row.symbol, row.intent)
            row = desk.book.need(row.link_id)
            if row.state is not OrderState.UNKNOWN:
                return
            if desk.frozen(row.symbol, row.owner) or desk.budget.banned_for_s or not self._may_repeat(row):
                continue
            reaction = await self._send(row)
            if reaction is Reaction.CHECK_POSITION:
                await self._catch_up.try_run()

    def _may_repeat(self, row: OrderRow) -> bool:
        """As `room.may_repeat`; never for a share that was opened behind the exit: its copies may all have got lost."""
        intent = None if row.intent is None else self._desk.book.intent(row.intent)
        return may_repeat(self._desk, row) and (intent is None or not opened_since(self._desk, intent))

    async def _next_attempt(self, intent: IntentRow, plan: ExitPlan, attempts: list[OrderRow]) -> None:
        desk, last = self._desk, attempts[-1]
        if last.code is not None and last.code != 0:
            # A refusal may mean that the position is gone already: executions decide before anything else is sent.
            await self._catch_up.try_run()
            if classify(last.code) is ReplyClass.LIMITS:
                await self._read_rules(intent.symbol)
            plan = self._plan(intent, desk.book.of_intent(intent.id))
            if plan.remaining <= 0:
                return
        if plan.owner == FOREIGN and await self._is_gone(last):
            self._close(plan, last, intent.qty)
            return
        rung, rungs = rung_of(attempts), len(desk.settings.exit_tolerance_pct) + 1
        if is_kept(last):
            await self._until_it_may_be_taken(attempts)
        elif last.state is not OrderState.FILLED and rung >= (1 if desk.settings.plain_market else rungs):
            await anyio.sleep(desk.settings.exit_repeat_s)
        if is_alarming(attempts):
            note = f"exit {intent.id} is not done after {last.attempt + 1} attempts"
            desk.incidents.open("EXIT_UNFINISHED", "critical", symbol_scope(desk.alias, intent.symbol), note)
        await self._until_it_may_leave(intent.instance, intent.symbol, last.action, intent.id, WAIT_S)
        # Time has passed, and another exit of the same owner may have closed what this one was about.
        plan = self._plan(intent, desk.book.of_intent(intent.id))
        if plan.remaining <= 0 or desk.frozen(intent.symbol, intent.instance):
            return
        again = intent.as_intent(desk.alias)
        attempt = last.attempt + 1
        while desk.book.find(link_id(again.instance_uid, again.cause, again.action, again.leg, attempt)) is not None:
            attempt += 1  # an older program found its order again under another intent; so would a restore beyond 500 attempts
        row = insert_attempt(desk, again, intent.id, attempt, plan.remaining, rung=rung, position_idx=last.position_idx)
        desk.ledger.commit()
        await self._send(row)

    async def _read_rules(self, symbol: str) -> None:
        """A limit that passed our rules: the next attempt is made by those that hold now, if they can be read at once."""
        desk = self._desk
        with anyio.move_on_after(_RULES_WITHIN_S), suppress(VenueError, LinkError):
            for rules in (await desk.port.instruments([symbol])).values():
                desk.learn_rules(rules)

    async def _until_it_may_be_taken(self, attempts: list[OrderRow]) -> None:
        """The pause behind a refusal for a reason outside the order."""
        desk = self._desk
        await anyio.sleep(desk.settings.exit_repeat_s)
        tail = attempts[-_KEY_TRIES:]
        others = any(row.code is not None and classify(row.code) is not ReplyClass.AUTH for row in tail)
        if len(tail) < _KEY_TRIES or others or not all(is_kept(row) for row in tail):
            return
        for _ in range(round((_KEY_REPEAT_S - desk.settings.exit_repeat_s) / _LOOK_EVERY_S)):
            if not desk.condition.refused:
                return
            await anyio.sleep(_LOOK_EVERY_S)

    async def _send(self, row: OrderRow) -> Reaction:
        """What the venue puts off is sent again by itself, until somebody freezes the scope."""
        return await self._gateway.send(row, IntentClass.EXIT, lambda: not self._desk.frozen(row.symbol, row.owner))

    def _frozen(self, intent: Intent, instance: Instance, why: str) -> Verdict:
        if intent.bar_close_ms:
            self._desk.verdicts.record(instance.uid, instance.clock_ms, intent.bar_close_ms, FROZEN, why)
        return Verdict(FROZEN, why)

    async def _is_gone(self, row: OrderRow) -> bool:
        """Whether the venue holds nothing that such an exit could reduce: what others hold, others may close meanwhile."""
        try:
            found = await self._desk.port.positions(row.symbol, priority=Priority.EXIT)
        except (VenueError, LinkError):
            return False
        held = sum((each.signed_qty for each in found if _is_side_of(each, row)), Decimal(0))
        return held <= 0 if row.side is Side.SELL else held >= 0

    def _cut(self, intent: Intent) -> Decimal:
        """The quantity of an exit: never above the share; the whole share where a rest below the minimum would stay."""
        desk = self._desk
        held = room_for(desk, intent.instance_uid, intent.symbol, intent.side)
        if intent.instance_uid == FOREIGN:
            return min(intent.qty, foreign_left(desk, intent.symbol, intent.side)) if intent.reason == BY_HAND else intent.qty
        qty = min(intent.qty, held)
        rest, rules = held - qty, desk.instruments.get(intent.symbol)  # none of a symbol that is listed no longer
        too_small = rules is not None and (rest < rules.min_qty or rest * intent.price_ref < rules.min_notional_usdt)
        whole = rest > 0 and too_small and intent.price_ref > 0
        if whole or qty < intent.qty:
            taken = held if whole else qty
            told: dict[str, Json] = {"asked": str(intent.qty), "held": str(held), "sent": str(taken)}
            told["intent"] = cause = _identity(intent)
            desk.chronicle.tell("order.state", intent.instance_uid, intent.symbol, cause, told)
            return taken
        return qty

    def _plan(self, intent: IntentRow, attempts: list[OrderRow]) -> ExitPlan:
        executed = sum((row.cum_qty for row in attempts), Decimal(0))
        wanted = max(attempts[0].qty, intent.qty) - executed
        held = room_for(self._desk, intent.instance, intent.symbol, Side(intent.side), beside=intent.id)
        if intent.instance == FOREIGN and intent.reason == BY_HAND:  # they may have closed some of it themselves
            held = foreign_left(self._desk, intent.symbol, Side(intent.side))
        elif opened_since(self._desk, intent):
            held = Decimal(0)
        left, rules = min(wanted, held), self._desk.instruments.get(intent.symbol)
        if executed and rules is not None and left < rules.step:
            left = Decimal(0)  # older than a coarser step: the venue takes no order for it, it stays under its stop
        return ExitPlan(intent.id, intent.instance, intent.symbol, Side(intent.side), left, executed)

    def _close(self, plan: ExitPlan, last: OrderRow, wanted: Decimal) -> None:
        desk = self._desk
        filled = plan.executed >= wanted
        if desk.book.close_intent(plan.identity, "filled" if filled else "flat") and not filled:
            desk.booking.end_intent(last, "flat")
        desk.publish()


async def _nothing(_owner: str, _symbol: str) -> None:
    """There is no target to make way."""


def _is_side_of(position: VenuePosition, row: OrderRow) -> bool:
    return (position.symbol, position.position_idx) == (row.symbol, row.position_idx)


def _identity(intent: Intent) -> str:
    return f"{intent.instance_uid}/{intent.cause}/{intent.action}/{intent.leg}"
