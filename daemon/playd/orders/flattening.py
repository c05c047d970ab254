"""Exits that no bar of a Play decided: a share that panic, protection or a person closes. Reduce-only, as every exit is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import anyio

from playd.core.ids import intent_id
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.gateway import Instance, Verdict
from playd.orders.rows import OrderRow

_ZERO: Final = Decimal(0)

CLOSED_WITHIN_S: Final = 10.0
"""How long a person waits for a share to be gone; what is left then is driven on in the background, over restarts too."""

BY_HAND: Final = "closed by hand"

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


async def submit_flatten(exits: Exits, intent: Intent, most: Callable[[], Decimal] | None = None) -> Verdict:
    """Send it on behalf of its owner, who need not run. See `Exits.submit`."""
    return await exits.submit(intent, Instance(intent.instance_uid, "", intent.symbol, 0), most=most)


@dataclass(slots=True, eq=False)
class _Beginning:
    """An exit that nobody has on record yet."""

    intent: Intent
    most: Callable[[], Decimal] | None
    verdict: Verdict | None = None
    over: anyio.Event = field(default_factory=anyio.Event)


class ByHand:
    """
    Exits on a person's word, of one account. Each is begun in the background: what waits for its turn (the end of a ban, the
    guardian) is sent also when nobody waits for the answer any more.
    """

    def __init__(self, desk: Desk, exits: Exits) -> None:
        self._desk = desk
        self._exits = exits
        self._beginning: dict[str, _Beginning] = {}

    async def close(self, intent: Intent, most: Callable[[], Decimal] | None = None) -> Verdict:
        """
        Send it, however large (an attempt is as much as the venue takes at once), and wait `CLOSED_WITHIN_S` for its end. Of
        `most` see `Exits.begin`.

        From the first step on `waits` knows of it, until an order is on record. See `NOT_SENT`.
        """
        desk, identity = self._desk, _identity(intent)
        verdict = None
        with anyio.move_on_after(CLOSED_WITHIN_S):
            verdict = await self._begun(intent, identity, most)
            await self._exits.ended(identity)
        if verdict is not None:
            return verdict
        if orders := desk.book.of_intent(identity):
            return Verdict("SENT", f"order is {orders[-1].state}", link_id=orders[-1].link_id)
        return Verdict(NOT_SENT, self.waits(intent.instance_uid, intent.symbol) or "the account is not open: nothing was sent")

    def waits(self, owner: str, symbol: str) -> str:
        """Why an exit of an owner's share was not sent yet, if there is one; else empty."""
        desk, waiting = self._desk, [each.intent for each in self._beginning.values()]
        if (owner, symbol) not in [(each.instance_uid, each.symbol) for each in waiting]:
            return ""
        why = "its turn has not come"
        if banned_s := desk.budget.banned_for_s:
            why = f"the venue has banned this address for another {banned_s:.0f} s"
        elif desk.halts.guardian.claims.theirs(owner):
            why = "the guardian is closing this share"
        return f"nothing was sent yet: {why}; it is sent then, unless the daemon ends before"

    async def _begun(self, intent: Intent, identity: str, most: Callable[[], Decimal] | None) -> Verdict | None:
        """The answer to the first attempt; None where the account ended before there was one."""
        beginning = self._beginning.get(identity)
        if beginning is None:
            beginning = self._beginning[identity] = _Beginning(intent, most)
            if not self._desk.spawn(self._begin, identity):
                await self._begin(identity)  # what was begun is on record, and goes on with the account
        await beginning.over.wait()
        return beginning.verdict

    async def _begin(self, identity: str) -> None:
        beginning = self._beginning[identity]
        try:
            beginning.verdict = await submit_flatten(self._exits, beginning.intent, beginning.most)
        finally:
            del self._beginning[identity]
            beginning.over.set()


def executed(attempts: list[OrderRow]) -> tuple[Decimal, Decimal]:
    """Quantity in base coin and value in USDT that the attempts of an intent executed."""
    return sum((row.cum_qty for row in attempts), _ZERO), sum((row.cum_qty * row.avg_price for row in attempts), _ZERO)


def _identity(intent: Intent) -> str:
    return intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg)
