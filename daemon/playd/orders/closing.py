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
from playd.orders.flattening import ByHand, executed, flatten_intent
from playd.orders.order_book import FOREIGN
from playd.orders.overtaken import BY_HAND
from playd.orders.panic_report import slippage_bps
from playd.venues.port import Priority

_MARK_WITHIN_S: Final = 1.0
"""Nobody waits longer for the price that slippage is measured against."""

_STOP_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Closed:
    """
    One owner's share: signed quantities in base coin before and after, what the orders of this command executed and at what
    average price, and why nothing was sent (yet), if so. `slippage_bps` is against the mark, read beside the first order;
    None where it was not, as `stop_at_venue` where the position could not be read afterwards; that is zero for none.
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
        self._by_hand = ByHand(desk, exits)

    async def close(self, symbol: str, pct: Decimal, *, key: str) -> list[Closed]:
        """
        Close `pct` percent (above 0, at most 100) of what every instance holds of `symbol`, in whole steps, at least one.

        Returns once it is gone or after ten seconds, and at most five more for the stop that is left; what is left is driven on
        in the background, over restarts too (`refused` says what was not sent by then, and will be).
        A part of a symbol whose rules nobody knows is refused, and a part of a share that another close is yet to reduce:
        two parts of what is there now would add up.
        """
        shares = [share for share in self._desk.fills.shares(symbol) if share.position.signed_qty and share.owner != FOREIGN]
        found, seen = list[Closed](), list[VenuePosition]()
        async with anyio.create_task_group() as group:
            if shares:  # no close waits for what only its report needs
                group.start_soon(self._look, symbol, seen)
            for share in shares:
                group.start_soon(self._close, share, pct, key, found)
        mark = seen[0].mark_price if seen else Decimal(0)
        after = await self._read(symbol, _STOP_WITHIN_S) if found else None
        stop = None if after is None else after.stop
        found = [replace(each, slippage_bps=_slippage(each, mark), stop_at_venue=stop) for each in found]
        return sorted(found, key=lambda each: each.owner)

    async def _look(self, symbol: str, seen: list[VenuePosition]) -> None:
        if (found := await self._read(symbol, _MARK_WITHIN_S)) is not None:
            seen.append(found)

    async def _read(self, symbol: str, within_s: float) -> VenuePosition | None:
        with anyio.move_on_after(within_s), suppress(VenueError, LinkError):
            rows = await self._desk.port.positions(symbol, priority=Priority.EXIT)
            return next((row for row in rows if row.symbol == symbol), None)
        return None

    async def _close(self, share: Share, pct: Decimal, key: str, found: list[Closed]) -> None:
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
        identity = intent_id(share.owner, intent.cause, intent.action, intent.leg)
        if pct < 100 and (why := self._by_hand.begun(share.owner, share.symbol, beside=identity)):
            note = f"another command closes some of it already: {why}"
            found.append(Closed(share.owner, before, before, wanted, note))
            return
        verdict = await self._by_hand.close(intent)
        after = desk.fills.position(share.owner, share.symbol).signed_qty
        refused = "" if verdict.has_order or not after else verdict.text  # its stop may have closed it meanwhile
        closed, value = executed(desk.book.of_intent(identity))
        average = value / closed if closed else Decimal(0)
        found.append(Closed(share.owner, before, after, wanted, refused, closed, average))


def _slippage(each: Closed, mark: Decimal) -> Decimal | None:
    return slippage_bps(mark, each.average_price, is_long=each.before > 0)
