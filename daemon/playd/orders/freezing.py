"""Stops and cancels wait for their turn at the venue, all of a ban if they must: a freeze meanwhile ends the wait."""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.venues.port import Reply

_LOOK_S: Final = 0.5


async def unless_frozen(desk: Desk, symbol: str, owners: tuple[str, ...], ask: Callable[[], Awaitable[Reply]]) -> Reply:
    """
    The answer to a request of these owners' shares of a symbol; class `later` where the scope was frozen before it came.

    A request whose bytes have left by then may take effect, as one does that crosses the freeze on the wire.
    """
    reply = Reply(ReplyClass.LATER, None, "its scope was frozen before the venue answered")
    async with anyio.create_task_group() as beside:
        beside.start_soon(_end_when_frozen, desk, symbol, owners, beside.cancel_scope)
        reply = await ask()
        beside.cancel_scope.cancel()
    return reply


async def _end_when_frozen(desk: Desk, symbol: str, owners: tuple[str, ...], asking: anyio.CancelScope) -> None:
    while True:
        if desk.frozen(symbol, *owners):
            asking.cancel()
            return
        await anyio.sleep(_LOOK_S)
