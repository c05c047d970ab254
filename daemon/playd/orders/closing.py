"""
A position of our own, closed or made smaller by a person: reduce-only, by the way that every exit takes.

Nothing is halted by it. An instance that holds a part of the symbol hears of its fills as of any other, and goes on deciding.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.ids import intent_id
from playd.core.orders import Side, VenuePosition
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.fills import Share
from playd.orders.flattening import BY_HAND, close_by_hand, executed, flatten_intent
from playd.orders.order_book import FOREIGN
from playd.orders.panic_report import slippage_bps
from playd.venues.port import Priority

_MARK_WITHIN_S: Final = 1.0
"""Nobody waits longer for the price that slippage is measured against."""

_STOP_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Closed:
    """
    One owner's share: signed quantities in base coin before and after, what the orders of this command executed and at what
    average price, and why nothing was sent, if so. `slippage_bps` is against the mark before; None where that was not read, as
    `stop_at_venue` where the position could not be read afterwards; that is zero for none.
    """

    owner: str
    before: Decimal
    after: Decimal
    wanted: Decimal
    refused: str = ""
    closed: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    slippage_bps: Decimal | None = None
    stop_at_venue: Decimal | None = None

    @property
    def is_done(self) -> bool:
        """Whether everything that was wanted is gone."""
        return not self.refused and abs(self.before) - abs(self.after) >= self.wanted


class Closing:
    """Closes shares of one account's symbols on a person's word."""

    def __init__(self, desk: Desk, exits: Exits) -> None:
        self._desk = desk
        self._exits = exits

    async def close(self, symbol: str, pct: Decimal, *, key: str) -> list[Closed]:
        """
        Close `pct` percent (above 0, at most 100) of what every instance holds of `symbol`, in whole steps, at least one.

        Returns once it is gone or after ten seconds; what is left is driven on in the background, over restarts too. A part of
        a symbol whose rules nobody knows is refused.
        """
        shares = [share for share in self._desk.fills.shares(symbol) if share.position.signed_qty and share.owner != FOREIGN]
        found: list[Closed] = []
        seen = await self._read(symbol, _MARK_WITHIN_S) if shares else None
        mark = seen.mark_price if seen is not None else Decimal(0)
        async with anyio.create_task_group() as group:
            for share in shares:
                group.start_soon(self._close, share, pct, key, mark, found)
        after = await self._read(symbol, _STOP_WITHIN_S) if found else None
        stop = None if after is None else after.stop
        return [replace(each, stop_at_venue=stop) for each in sorted(found, key=lambda each: each.owner)]

    async def _read(self, symbol: str, within_s: float) -> VenuePosition | None:
        with anyio.move_on_after(within_s), suppress(VenueError, LinkError):
            rows = await self._desk.port.positions(symbol, priority=Priority.EXIT)
            return next((row for row in rows if row.symbol == symbol), None)
        return None

    async def _close(self, share: Share, pct: Decimal, key: str, mark: Decimal, found: list[Closed]) -> None:
        desk, before = self._desk, share.position.signed_qty
        wanted, rules = abs(before), desk.instruments.get(share.symbol)
        if pct < 100:
            if rules is None:
                note = f"the venue lists no {share.symbol} and nobody knows its step; 100 percent expected"
                found.append(Closed(share.owner, before, before, wanted * pct / 100, note))
                return
            wanted = max(rules.step, (wanted * pct / 100 / rules.step).to_integral_value(ROUND_FLOOR) * rules.step)
        side, price = Side.SELL if before > 0 else Side.BUY, share.position.avg_price
        intent = flatten_intent(
            desk.alias, share.owner, share.symbol, side, wanted, price_ref=price, cause=f"close:{key}", reason=BY_HAND
        )
        verdict = await close_by_hand(self._exits, intent)
        after = desk.fills.position(share.owner, share.symbol).signed_qty
        refused = "" if verdict.has_order else verdict.text
        closed, value = executed(desk.book.of_intent(intent_id(share.owner, intent.cause, intent.action, intent.leg)))
        average = value / closed if closed else Decimal(0)
        slippage = slippage_bps(mark, average, is_long=before > 0)
        found.append(Closed(share.owner, before, after, wanted, refused, closed, average, slippage))
