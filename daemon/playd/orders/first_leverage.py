"""The leverage of a symbol before anything of it is traded: set while nothing is open, else known as the venue has it."""

from decimal import Decimal
from typing import Final

import anyio

from playd.core.errors import Doubtful, OperatorError, Throttled
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.halts import symbol_scope
from playd.venues.port import Reply

_PAUSES_S: Final = (0.5, 1.0)
"""Before the second and the third try, for an answer that says nothing of what was asked for."""

_LONGEST_S: Final = 5.0
_PASSING: Final = frozenset({ReplyClass.LATER, ReplyClass.CLOCK, ReplyClass.DOUBT})
_TAKEN: Final = frozenset({ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE})


async def set_first_leverage(desk: Desk, symbol: str, leverage: Decimal, *, tries: int) -> bool:
    """
    Set that of a symbol without a position, in at most three `tries`. False where nobody knows what became of it: then its
    leverage is not known, and no entry is judged by one that may not be the venue's. Where it is refused, what the venue showed
    before still holds.

    Raises `OperatorError` where the wallet is an embedded one: with another leverage than its Play's the liquidation of each
    position would be elsewhere than in every backtest. That of another wallet is watched, and shown with the position. Raises
    `VenueError` for what may be answered otherwise in a moment: the life is begun again, and asks again.
    """
    reply = await _asked(desk, symbol, leverage, tries)
    if reply.reply_class in _TAKEN:
        desk.leverage[symbol] = leverage
        desk.incidents.resolve("LEVERAGE", symbol_scope(desk.alias, symbol), f"the venue took {leverage:f}")
        return True
    note = f"leverage {leverage:f} of {symbol} was answered {reply.code}: {reply.text}"
    desk.note_refusal(reply, note)
    if not desk.settings.leverage_kept:
        _raise_if_passing(reply, note)
        raise OperatorError(f"{note}; expected a max_leverage of the Play that the symbol takes")
    desk.incidents.open("LEVERAGE", "warning", symbol_scope(desk.alias, symbol), note)
    if reply.reply_class not in (*_PASSING, ReplyClass.BAN):
        return True
    desk.leverage.pop(symbol, None)
    return False


async def _asked(desk: Desk, symbol: str, leverage: Decimal, tries: int) -> Reply:
    reply = await desk.port.set_leverage(symbol, leverage)
    for pause_s in _PAUSES_S[: tries - 1]:
        if reply.reply_class not in _PASSING:
            break
        await anyio.sleep(max(pause_s, min(_LONGEST_S, reply.retry_after_s)))
        reply = await desk.port.set_leverage(symbol, leverage)
    return reply


def _raise_if_passing(reply: Reply, note: str) -> None:
    """Raise for an answer that says nothing of what was asked for: too fast, banned, late or in doubt."""
    match reply.reply_class:
        case ReplyClass.LATER | ReplyClass.BAN:
            raise Throttled(note, code=reply.code, retry_after_s=reply.retry_after_s)
        case ReplyClass.DOUBT | ReplyClass.CLOCK:
            raise Doubtful(note, code=reply.code)
