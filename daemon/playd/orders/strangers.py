"""
What nobody here decided: positions and orders of others on the account. Listed always, touched only by a person's command.

An instance may take over a position: its stop is placed and seen at the venue first, only then the books say whose it is. Whose
it was stays readable: two rows of type `Adopted` hand the position over at the price and time at which it was opened.
"""

from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.ids import intent_id
from playd.core.modes import Environment
from playd.core.orders import Action, Intent, IntentClass, OrderState, Side, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.fill_check import Expected, Fallback, planned_stop
from playd.orders.flattening import ByHand, flatten_intent
from playd.orders.fold import VirtualPosition
from playd.orders.gateway import FROZEN
from playd.orders.halts import symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.overtaken import BY_HAND
from playd.orders.protection import Protection
from playd.orders.rows import text
from playd.orders.stops import STOP_REFUSED
from playd.venues.port import Priority

_READ_WITHIN_S: Final = 2.0
"""How long a close waits for what the venue says of the position."""

_SEEN_WITHIN_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.5


class StrangerRefused(Exception):
    """A command about something of others that is not possible. `code` is stable; nothing was recorded."""

    def __init__(self, code: str, note: str) -> None:
        super().__init__(note)
        self.code = code


@dataclass(frozen=True, slots=True)
class Stranger:
    """
    A position or order that nobody here decided. `id` is what `close` takes: `ACCOUNT/SYMBOL`, or an order's id in the ledger.

    `qty` is in base coin and positive, `price` in USDT (None for an order at the market), `since_ms` time of the
    venue; of a side in hedge mode that of its last change.
    """

    id: str
    kind: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal | None
    since_ms: int


@dataclass(frozen=True, slots=True)
class Adoption:
    """A position as it was taken over: signed quantity in base coin, prices in USDT, `opened_ms` time of the venue."""

    symbol: str
    owner: str
    signed_qty: Decimal
    entry_price: Decimal
    opened_ms: int
    stop: Decimal
    target: Decimal | None


class Strangers:
    """Lists, hands over and closes what others have on one account."""

    def __init__(self, desk: Desk, exits: Exits, protection: Protection) -> None:
        self._desk = desk
        self._by_hand = ByHand(desk, exits)
        self._protection = protection

    def listed(self) -> list[Stranger]:
        """
        Every foreign position and every foreign order that still works, by symbol; of one in hedge mode both sides, as the
        venue last showed them. Asks nobody.
        """
        desk = self._desk
        theirs = {share.symbol: share.position for share in desk.fills.shares() if share.owner == FOREIGN}
        positions = []
        for symbol, idx, signed in desk.shown.held({symbol: held.signed_qty for symbol, held in theirs.items()}):
            booked, seen = theirs.get(symbol, VirtualPosition()), desk.shown.side(symbol, idx)
            price, since_ms = booked.avg_price, booked.opened_ms
            if idx:
                if seen is None or not seen.signed_qty:
                    continue  # an execution that no reading shows yet: it may have closed a part of the other side
                signed, price, since_ms = seen.signed_qty, seen.entry_price, seen.updated_ms
            side = Side.BUY if signed > 0 else Side.SELL
            positions.append(Stranger(f"{desk.alias}/{symbol}", "position", symbol, side, abs(signed), price, since_ms))
        orders = [
            Stranger(
                row.link_id,
                "stop" if row.protective else "order",
                row.symbol,
                row.side,
                row.open_qty,
                row.price or row.trigger,
                row.venue_ms,
            )
            for row in desk.book.live()
            if row.owner == FOREIGN
        ]
        return sorted([*positions, *orders], key=lambda each: (each.symbol, each.kind, each.id))

    async def adopt(self, symbol: str, to: str, *, stop: Decimal | None, key: str, actor: str) -> Adoption:
        """
        Make what others hold of `symbol` the position of instance `to` (a uid), under `stop` at the venue.

        Without `stop` the one that it has there, else the distance of a fallback stop. `key` names the command. That the Play
        of the instance may hold this side is the caller's business.

        Raises `StrangerRefused`; `VenueError` and `LinkError` when the venue cannot be read.
        """
        desk = self._desk
        self._refuse_hedged(symbol, desk.shown.hedged(symbol))
        self._refuse_unless_free(symbol, to)
        await self._load_rules(symbol)
        seen = await self._read(symbol)
        self._refuse_hedged(symbol, seen.position_idx)
        wanted = self._stop_for(seen, stop)
        desk.journal.append(
            "position.adopted",
            {"step": "stop", "qty": text(seen.signed_qty), "stop": text(wanted)},
            account=desk.alias,
            instance=to,
            symbol=symbol,
            actor=actor,
        )
        if seen.stop != wanted:
            reply = await desk.port.set_stops(symbol, stop=wanted, target=None, priority=Priority.PROTECT)
            if reply.reply_class not in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE):
                raise StrangerRefused(STOP_REFUSED, f"stop {wanted} on {symbol} was answered {reply.code}: {reply.text}")
        seen = await self._stop_seen(symbol, wanted)
        self._refuse_unless_free(symbol, to)
        adoption = self._record(seen, to, wanted, key, actor)
        self._protection.position_seen(seen)
        return adoption

    async def close(self, symbol: str, *, key: str) -> Decimal:
        """
        Close what others hold of `symbol`, reduce-only; how much of it is left after at most 10 s, and 2 s before them in which
        the position is read. That is driven on in the background, or sent there in its turn (`waits`).

        Raises `StrangerRefused` where the position of instances stands on the other side, so that an order could only open, in
        hedge mode, and while an order closes it already: of two in doubt the second would close what instances hold.
        """
        desk = self._desk
        self._refuse_hedged(symbol, desk.shown.hedged(symbol))
        self._to_close(symbol)
        price = desk.fills.position(FOREIGN, symbol).avg_price
        # What is not told now can be closed all the same.
        with anyio.move_on_after(_READ_WITHIN_S), suppress(VenueError, LinkError):
            await self._load_rules(symbol)
            for seen in await desk.port.positions(symbol, priority=Priority.EXIT):
                self._refuse_hedged(symbol, seen.position_idx)
                price = seen.mark_price or price
        held = self._to_close(symbol)  # behind the waits: another command may close it by now, and executions have come
        side = Side.SELL if held > 0 else Side.BUY
        intent = flatten_intent(
            desk.alias, FOREIGN, symbol, side, abs(held), price_ref=price, cause=f"close:{key}", reason=BY_HAND
        )
        await self._by_hand.close(intent)
        return desk.fills.position(FOREIGN, symbol).signed_qty

    def waits(self, symbol: str) -> str:
        """Why the order of a `close` that was asked for was not sent yet, if there is one; else empty."""
        return self._by_hand.waits(FOREIGN, symbol)

    def _to_close(self, symbol: str) -> Decimal:
        """What others hold of a symbol, signed. Raises `StrangerRefused` where it may not be closed now; see `close`."""
        desk = self._desk
        held, net = desk.fills.position(FOREIGN, symbol).signed_qty, desk.fills.net(symbol)
        if not held:
            raise StrangerRefused("NOT_FOREIGN", f"nobody else holds anything of {symbol} on {desk.alias}")
        if frozen := desk.frozen(symbol, FOREIGN):
            raise StrangerRefused(FROZEN, frozen)
        if held * net <= 0 or abs(held) > abs(net):
            note = f"{held} of {symbol} is nobody's and the venue holds {net}: no order that only reduces can close it"
            raise StrangerRefused("NOT_REDUCIBLE", note)
        if closing := [row for row in desk.book.live(symbol) if row.owner == FOREIGN and row.intent and row.reduce_only]:
            raise StrangerRefused("CLOSING", f"order {closing[0].link_id} closes it already and is {closing[0].state}")
        if why := self.waits(symbol):
            raise StrangerRefused("CLOSING", f"another command closes it already; {why}")
        begun = [each.id for each in desk.book.open_intents() if (each.instance, each.symbol) == (FOREIGN, symbol)]
        if begun:  # between two of its orders
            raise StrangerRefused("CLOSING", f"exit {begun[0]} closes it already")
        return held

    async def _load_rules(self, symbol: str) -> None:
        """Rules of a symbol that no instance here trades. Raises `StrangerRefused` for one that the venue does not list."""
        desk = self._desk
        if symbol not in desk.instruments:
            for rules in (await desk.port.instruments([symbol])).values():
                desk.learn_rules(rules)
        if symbol not in desk.instruments:
            raise StrangerRefused("NO_SYMBOL", f"the venue does not list {symbol}")

    def _refuse_hedged(self, symbol: str, is_hedged: int) -> None:
        """The books have one position of a symbol, and what hangs on one side of two is not its stop."""
        if is_hedged:
            close_it = f"`playctl panic symbol:{self._desk.alias}/{symbol}` closes both sides"
            raise StrangerRefused("HEDGE_MODE", f"{symbol} is in hedge mode at the venue: {close_it}")

    def _refuse_unless_free(self, symbol: str, to: str) -> None:
        """The whole position must be nobody's, and nothing of ours may be on its way there: the venue knows one position."""
        desk = self._desk
        if frozen := desk.frozen(symbol, to, FOREIGN):
            raise StrangerRefused(FROZEN, frozen)
        held = {share.owner: share.position.signed_qty for share in desk.fills.shares(symbol) if share.position.signed_qty}
        if FOREIGN not in held:
            raise StrangerRefused("NOT_FOREIGN", f"nobody else holds anything of {symbol} on {desk.alias}")
        if len(held) > 1:
            owners = ", ".join(sorted(held.keys() - {FOREIGN}))
            note = f"{owners} holds a position on {symbol} too; the venue keeps one stop for both"
            raise StrangerRefused("SYMBOL_TAKEN", note)
        ours = [row for row in desk.book.live(symbol) if row.owner != FOREIGN or row.state is OrderState.UNKNOWN]
        if ours:
            raise StrangerRefused("ORDERS_WORKING", f"order {ours[0].link_id} on {symbol} is {ours[0].state}")

    async def _read(self, symbol: str) -> VenuePosition:
        """The position at the venue now, which must be the one of the books."""
        desk = self._desk
        found = await desk.port.positions(symbol, priority=Priority.EXIT)
        seen = next((each for each in found if each.symbol == symbol and each.signed_qty), None)
        ledger = desk.fills.net(symbol)
        if seen is None or seen.signed_qty != ledger:
            theirs = Decimal(0) if seen is None else seen.signed_qty
            note = f"the venue holds {theirs} of {symbol}, the ledger says {ledger}; playctl reconcile comes first"
            raise StrangerRefused("POSITION_DIFFERS", note)
        return seen

    def _stop_for(self, seen: VenuePosition, given: Decimal | None) -> Decimal:
        """The stop to set, on the tick nearer to the market, on the losing side of the mark and before liquidation."""
        desk, long = self._desk, seen.signed_qty > 0
        tick = desk.instrument(seen.symbol).tick
        fallback = planned_stop(Expected(seen.signed_qty, None, tick, True), seen, Fallback(desk.settings.fallback_stop_pct))
        wanted = given or seen.stop or fallback or Decimal(0)
        stop = (wanted / tick).to_integral_value(ROUND_CEILING if long else ROUND_FLOOR) * tick
        if stop <= 0 or (stop >= seen.mark_price if long else stop <= seen.mark_price):
            side = "below" if long else "above"
            raise StrangerRefused("BAD_STOP", f"stop {stop} found, a price {side} the mark {seen.mark_price} expected")
        if seen.liq_price and (stop <= seen.liq_price if long else stop >= seen.liq_price):
            note = f"stop {stop} lies behind liquidation at {seen.liq_price}: it would never be reached"
            raise StrangerRefused("BAD_STOP", note)
        return stop

    async def _stop_seen(self, symbol: str, stop: Decimal) -> VenuePosition:
        """The position once the venue shows the stop on it."""
        with anyio.move_on_after(_SEEN_WITHIN_S):
            while True:
                try:
                    seen = await self._read(symbol)
                except (VenueError, LinkError):
                    await anyio.sleep(_LOOK_EVERY_S)
                    continue
                if seen.stop == stop:
                    return seen
                await anyio.sleep(_LOOK_EVERY_S)
        note = f"the venue did not show stop {stop} on {symbol} within {_SEEN_WITHIN_S:g} s; nothing was adopted"
        raise StrangerRefused("STOP_UNSEEN", note)

    def _record(self, seen: VenuePosition, to: str, stop: Decimal, key: str, actor: str) -> Adoption:
        """One transaction: the intent, the two rows, the plan, the orders attached at the venue, the event. No await."""
        desk, symbol = self._desk, seen.symbol
        held = desk.fills.position(FOREIGN, symbol)
        cause, target = f"adopt:{key}", seen.target or None
        identity = intent_id(to, cause, Action.ENTER, 0)
        intent = Intent(
            instance_uid=to,
            instance="",
            account=desk.alias,
            symbol=symbol,
            cause=cause,
            action=Action.ENTER,
            leg=0,
            intent_class=IntentClass.PROTECT,
            side=held.side or Side.BUY,
            qty=abs(held.signed_qty),
            price_ref=held.avg_price,
            bar_close_ms=0,
            expires_ms=0,
            reason="adopted",
            stop=stop,
            target=target,
        )
        bounds = desk.bounds(to)
        with desk.ledger.atomic(desk.fills.forget_cache):
            desk.book.insert_intent(intent, bounds)
            desk.book.close_intent(identity, "adopted")
            taken = desk.fills.hand_over(symbol, to, f"adopt:{identity}", seen.updated_ms)
            desk.fills.set_protection(to, symbol, stop=stop, target=target)
            desk.book.hand_over(symbol, to, target)
            desk.fills.post(
                "adopted",
                to,
                link=identity,
                exec_id=taken,
                action=Action.ENTER,
                reason="adopted",
                order_done=True,
                at_ms=self._market_ms(seen, to),
            )
        desk.booking.news.posted = True
        data = {"step": "done", "qty": text(held.signed_qty), "price": text(held.avg_price), "stop": text(stop)}
        desk.journal.append(
            "position.adopted", data, account=desk.alias, instance=to, symbol=symbol, cause=identity, actor=actor
        )
        scope = symbol_scope(desk.alias, symbol)
        for kind in ("FOREIGN_POSITION",) if desk.book.orphans(symbol) else ("FOREIGN_POSITION", "FOREIGN_ORDER"):
            desk.incidents.resolve(kind, scope, f"adopted by {to}")
        desk.publish()
        return Adoption(symbol, to, held.signed_qty, held.avg_price, held.opened_ms, stop, target)

    def _market_ms(self, seen: VenuePosition, to: str) -> int:
        """
        Now, by our clock: the venue says of the position when it last changed. Of a simulated market, which has a time of its
        own, the newest that is known of it: it goes on while `to` is stopped and decides no bar.
        """
        desk = self._desk
        if desk.environment is not Environment.LOCAL:
            return desk.clock.wall_ms()
        decided_ms, orders = desk.verdicts.newest_ms(to) or 0, desk.book.live(seen.symbol)
        return max(decided_ms, desk.fills.newest_ms, seen.updated_ms, *(row.venue_ms for row in orders))
