"""
Closing what a panic found open: share by share, side by side, each as an exit of its owner, so that everybody keeps the books.

What is being closed already is gone on with, never closed by a second order beside it.
"""

from decimal import Decimal
from typing import Final

import anyio
from anyio.abc import TaskGroup

from playd.core.ids import intent_id
from playd.core.orders import Action, Side, VenuePosition
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.flattening import executed, flatten_intent
from playd.orders.gateway import Instance
from playd.orders.order_book import FOREIGN
from playd.orders.panic_report import PanicScope
from playd.orders.panic_run import PanicRun, place_of
from playd.orders.share_claims import WAIT_S

_PASS_S: Final = 5.0
_CLOSED_S: Final = 0.1
_LAST_S: Final = 0.5  # so long the close of what nobody here holds waits for the answers to those of instances
_ZERO: Final = Decimal(0)

Share = tuple[VenuePosition, str, Decimal]
"""What an owner has of a position, signed."""


class PanicCloses:
    """Of one account. Closes are driven to their end by the account, and in `closing` while that does not run."""

    def __init__(self, desk: Desk, exits: Exits) -> None:
        self._desk = desk
        self._exits = exits

    async def begin(self, run: PanicRun, open_now: list[VenuePosition], closing: TaskGroup) -> bool:
        """
        Begin to close what is open, share by share and side by side, because any may be put off by the venue. What nobody here
        holds comes last: should less be open than was read, the venue cuts that and no instance's share. False when nothing is
        being closed.
        """
        closes, ours, others = list[bool](), list[Share](), list[Share]()
        for position in open_now:
            parts = self._parts(run.scope, position)
            driven = self._join(run, position, {owner for owner, _ in parts}, closing)
            closes += [True] * len(driven)
            # An intent that is not done climbs its own ladder; a second one beside it would only race with it.
            for owner, signed in [part for part in parts if part[0] not in driven]:
                (others if owner == FOREIGN else ours).append((position, owner, signed))
        answered, expected = anyio.Event(), len(closes) + len(ours)

        async def close(position: VenuePosition, owner: str, signed: Decimal) -> None:
            closes.append(await self._close(run, position, owner, signed, closing))
            if len(closes) == expected:
                answered.set()

        with anyio.move_on_after(_PASS_S) as patience:
            async with anyio.create_task_group() as sending:
                for share in ours:
                    sending.start_soon(close, *share)
                if ours and others:
                    with anyio.move_on_after(_LAST_S):
                        await answered.wait()
                for share in others:
                    sending.start_soon(close, *share)
        return any(closes) or patience.cancelled_caught

    async def wait(self, run: PanicRun) -> None:
        """Until every intent that closes for this panic is done, at most one pass."""
        with anyio.move_on_after(_PASS_S):
            while open_intents := [intent for intent in self._desk.book.open_intents() if intent.id in run.intents]:
                for row in self._desk.book.of_intent(open_intents[0].id)[-1:]:
                    # The order's last change may be over before its intent is closed: nobody wakes us for that.
                    await self._desk.changed(row.link_id, _CLOSED_S)

    async def _close(self, run: PanicRun, position: VenuePosition, owner: str, signed: Decimal, closing: TaskGroup) -> bool:
        """One closing intent per piece of the venue's largest market order, each driven from birth on. False when none is."""
        symbol, price, side = position.symbol, position.mark_price, Side.SELL if signed > 0 else Side.BUY
        alias, rules = self._desk.alias, self._desk.instruments.get(symbol)
        rest, closes = abs(signed), False
        while rest > 0:
            piece = rest if rules is None else min(rest, rules.max_market_qty)
            rest -= piece
            leg = run.leg = run.leg + 1  # others are closed beside this one, and count on while it is sent
            intent = flatten_intent(
                alias, owner, symbol, side, piece, price_ref=price, cause=run.cause, reason=run.reason, leg=leg
            )
            whose = Instance(owner, "", symbol, 0)
            # All of a position that daemon and guardian close at once is no more than there is of it.
            wait_s = WAIT_S if run.scope.instance_uid else None
            verdict = await self._exits.begin(intent, whose, position_idx=position.position_idx, wait_s=wait_s)
            if not verdict.has_order:
                run.problems.append(f"{symbol}: {verdict.text}")
                break
            closes = True
            self._follow(run, intent_id(owner, run.cause, Action.FLATTEN, leg), (_ZERO, _ZERO), closing)
        return closes

    def _join(self, run: PanicRun, position: VenuePosition, owners: set[str], closing: TaskGroup) -> set[str]:
        """
        Whose share is being closed already: by this panic, by one of another scope or life, or because it had no stop. This one
        goes on with what they began.
        """
        found = [intent for intent in self._desk.book.open_intents() if intent.action == Action.FLATTEN]
        found = [intent for intent in found if intent.symbol == position.symbol and intent.instance in owners]
        joined = set[str]()
        for intent in found:
            orders = self._desk.book.of_intent(intent.id)
            if not orders or place_of(orders[0]) != place_of(position):
                continue  # it waits for its turn, and finds nothing to do then; or it closes the other side
            joined.add(intent.instance)
            if intent.id not in run.intents:
                self._follow(run, intent.id, executed(orders), closing)
        return joined

    def _follow(self, run: PanicRun, identity: str, executed: tuple[Decimal, Decimal], closing: TaskGroup) -> None:
        """Drive a closing intent, or wait for who drives it, until it is done."""
        run.intents[identity] = executed
        if not self._desk.spawn(self._exits.finish, identity):
            closing.start_soon(self._exits.finish, identity)

    def _parts(self, scope: PanicScope, position: VenuePosition) -> list[tuple[str, Decimal]]:
        """
        Whose share is to be closed. Owners first, so that each keeps its own books; what the venue holds beyond them last.
        """
        if scope.instance_uid:
            return [(scope.instance_uid, self._desk.fills.position(scope.instance_uid, position.symbol).signed_qty)]
        owned = [
            (share.owner, share.position.signed_qty)
            for share in self._desk.fills.shares(position.symbol)
            if share.position.signed_qty * position.signed_qty > 0 and share.owner != FOREIGN
        ]
        rest = position.signed_qty - sum((signed for _, signed in owned), _ZERO)
        return [*owned, (FOREIGN, rest)] if rest * position.signed_qty > 0 else owned
