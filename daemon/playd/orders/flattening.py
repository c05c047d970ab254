"""Exits that no bar of a Play decided: a share that panic, protection or a person closes. Reduce-only, as every exit is."""

from decimal import Decimal
from typing import Final

import anyio

from playd.core.ids import intent_id
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.orders.desk import Desk
from playd.orders.exits import ON_RECORD, Exits
from playd.orders.gateway import FLAT, FROZEN, REPLAY, SENT, Instance, Verdict
from playd.orders.order_book import FOREIGN
from playd.orders.overtaken import BY_HAND, OPENED_SINCE
from playd.orders.rows import OrderRow

_ZERO: Final = Decimal(0)

CLOSED_WITHIN_S: Final = 10.0
"""How long a person waits for a share to be gone; what is left then is driven on in the background, over restarts too."""

NOT_SENT: Final = "NOT_SENT"
"""Verdict: nothing was sent while somebody waited; the text says why, and whether it will be."""


def flatten_intent(
    account: str,
    owner: str,
    symbol: str,
    side: Side,
    qty: Decimal,
    *,
    price_ref: Decimal,
    cause: str,
    reason: str,
    leg: int = 1,
) -> Intent:
    """
    The intent to close `qty` (base coin) of an owner's share by orders of `side`, at a price of about `price_ref` USDT.

    `cause` and `leg` make its identity, so that the same word of the same cause is one exit.
    """
    return Intent(
        instance_uid=owner,
        instance="",
        account=account,
        symbol=symbol,
        cause=cause,
        action=Action.FLATTEN,
        leg=leg,
        intent_class=IntentClass.EXIT,
        side=side,
        qty=qty,
        price_ref=price_ref,
        bar_close_ms=0,
        expires_ms=0,
        reason=reason,
    )


async def submit_flatten(exits: Exits, intent: Intent) -> Verdict:
    """Send it on behalf of its owner, who need not run. See `Exits.submit`."""
    return await exits.submit(intent, Instance(intent.instance_uid, "", intent.symbol, 0))


class ByHand:
    """
    Exits on a person's word, of one account. Each is on record before it waits for anything: what waits for its turn (the end
    of a ban, the guardian) is sent also when nobody waits for the answer any more, and an instance's by the next start too.
    """

    def __init__(self, desk: Desk, exits: Exits) -> None:
        self._desk = desk
        self._exits = exits

    async def close(self, intent: Intent) -> Verdict:
        """
        Have it sent, however large (an attempt is as much as the venue takes at once), and wait `CLOSED_WITHIN_S` for its end.

        From the first step on `waits` knows of it, until it has an order. See `NOT_SENT`.
        """
        desk, identity = self._desk, intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg)
        verdict = self._exits.put_on_record(intent)
        if verdict.code != ON_RECORD:
            return self._as_it_stands(identity, verdict)
        with anyio.move_on_after(CLOSED_WITHIN_S):
            if not desk.spawn(self._exits.finish, identity):
                await self._exits.finish(identity)  # what was begun is on record, and goes on with the account
            await self._exits.ended(identity)
        if orders := desk.book.of_intent(identity):
            return Verdict(SENT, f"order is {orders[-1].state}", link_id=orders[-1].link_id)
        if why := self.waits(intent.instance_uid, intent.symbol):
            return Verdict(NOT_SENT, why)
        if frozen := desk.frozen(intent.symbol, intent.instance_uid):
            return Verdict(FROZEN, frozen)
        return self._as_it_stands(identity, Verdict(FLAT, "there is nothing to reduce"))

    def _as_it_stands(self, identity: str, verdict: Verdict) -> Verdict:
        """The verdict of a close that has no order: why it waits, if it does, or that it was withdrawn meanwhile."""
        stored = self._desk.book.intent(identity)
        if stored is None or verdict.code == REPLAY or self._desk.book.of_intent(identity):
            return verdict
        if not stored.outcome and (why := self.waits(stored.instance, stored.symbol)):
            return Verdict(NOT_SENT, why)
        if stored.outcome == "withdrawn":
            return Verdict(FROZEN, "its scope was frozen while it waited: nothing was sent, and nothing will be")
        if stored.outcome == OPENED_SINCE:
            return Verdict(FLAT, "what was to be closed is gone: what is open was opened since, and only a new word closes it")
        return Verdict(FLAT, "there was nothing to reduce") if stored.outcome else verdict

    def begun(self, owner: str, symbol: str, *, beside: str) -> str:
        """Whether another close of an owner's share than the intent `beside` is not done, and why not yet; else empty."""
        for each in self._desk.book.open_intents():
            if (each.instance, each.symbol, each.reason) == (owner, symbol, BY_HAND) and each.id != beside:
                return self.waits(owner, symbol) or f"exit {each.id} is driven on"
        return ""

    def waits(self, owner: str, symbol: str) -> str:
        """Why an exit of an owner's share was not sent yet, if there is one; else empty."""
        desk = self._desk
        mine = [each for each in desk.book.open_intents() if (each.instance, each.symbol) == (owner, symbol)]
        if not any(each.action == Action.FLATTEN and not desk.book.of_intent(each.id) for each in mine):
            return ""
        why = "its turn has not come"
        if banned_s := desk.budget.banned_for_s:
            why = f"the venue has banned this address for another {banned_s:.0f} s"
        elif desk.halts.guardian.claims.theirs(owner):
            why = "the guardian is closing this share"
        until = (
            "unless its account is opened anew before" if owner == FOREIGN else "by the next start if the daemon ends before"
        )
        return f"nothing was sent yet: {why}; it is sent then, {until}"


def executed(attempts: list[OrderRow]) -> tuple[Decimal, Decimal]:
    """Quantity in base coin and value in USDT that the attempts of an intent executed."""
    return sum((row.cum_qty for row in attempts), _ZERO), sum((row.cum_qty * row.avg_price for row in attempts), _ZERO)
