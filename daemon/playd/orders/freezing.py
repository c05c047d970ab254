"""
Stops and cancels wait for their turn at the venue, all of a ban if they must: a freeze meanwhile ends the wait, and so does
what makes the request one that nobody wants any more.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.venues.port import Reply

_LOOK_S: Final = 0.5


def _always() -> bool:
    return True


async def unless_frozen(
    desk: Desk,
    symbol: str,
    owners: tuple[str, ...],
    ask: Callable[[], Awaitable[Reply]],
    wanted: Callable[[], bool] = _always,
) -> Reply:
    """
    The answer to a request of these owners' shares of a symbol; class `later` where the scope was frozen before it came, or the
    request not `wanted` any more.

    A request whose bytes have left by then may take effect, as one does that crosses the freeze on the wire.
    """
    reply = Reply(ReplyClass.LATER, None, "before the venue answered its scope was frozen, or it was not wanted any more")
    async with anyio.create_task_group() as beside:
        beside.start_soon(_end_when_frozen, desk, symbol, owners, wanted, beside.cancel_scope)
        reply = await ask()
        beside.cancel_scope.cancel()
    return reply


async def _end_when_frozen(
    desk: Desk, symbol: str, owners: tuple[str, ...], wanted: Callable[[], bool], asking: anyio.CancelScope
) -> None:
    while True:
        if desk.frozen(symbol, *owners) or not wanted():
            asking.cancel()
            return
        await anyio.sleep(_LOOK_S)
