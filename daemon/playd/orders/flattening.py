"""Exits that no bar of a Play decided: a share that panic, protection or a person closes. Reduce-only, as every exit is."""

from decimal import Decimal
from typing import Final

import anyio

from playd.core.ids import intent_id
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.orders.exits import Exits
from playd.orders.gateway import Instance, Verdict
from playd.orders.rows import OrderRow

_ZERO: Final = Decimal(0)

CLOSED_WITHIN_S: Final = 10.0
"""How long a person waits for a share to be gone; what is left then is driven on in the background, over restarts too."""

BY_HAND: Final = "closed by hand"


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


async def close_by_hand(exits: Exits, intent: Intent) -> Verdict:
    """Send it, however large (an attempt is as much as the venue takes at once), and wait `CLOSED_WITHIN_S` for its end."""
    verdict = await submit_flatten(exits, intent)
    with anyio.move_on_after(CLOSED_WITHIN_S):
        await exits.ended(intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg))
    return verdict


def executed(attempts: list[OrderRow]) -> tuple[Decimal, Decimal]:
    """Quantity in base coin and value in USDT that the attempts of an intent executed."""
    return sum((row.cum_qty for row in attempts), _ZERO), sum((row.cum_qty * row.avg_price for row in attempts), _ZERO)
