"""What the guardian may do at the venue, and nothing else: read, set a stop, close reduce-only, cancel one order by id."""

from collections.abc import Sequence
from decimal import Decimal

from playd.core.errors import LinkError, Throttled, VenueError
from playd.core.ids import is_ours, tag_of
from playd.core.orders import Execution, OrderRequest, Side
from playd.core.reply_codes import ReplyClass
from playd.orders.guardian.judge import Seen
from playd.venues.port import CREATE, Budget, Priority, Reply, VenuePort


class Hands:
    """
    One account's. `tolerances_pct`: slippage of closing orders by rung; rungs behind the last one have no bound.

    While the venue has banned the address nothing waits for the end of the ban: reads raise `Throttled`, writes are answered
    with class `ban`, so that whoever watches can say so and nobody waits behind a watch that sleeps.
    """

    def __init__(self, port: VenuePort, budget: Budget, tolerances_pct: Sequence[Decimal]) -> None:
        self._port = port
        self._budget = budget
        self._tolerances_pct = tuple(tolerances_pct)

    async def read(self) -> Seen:
        """
        All positions and open orders. Raises `VenueError` or `LinkError` when the positions could not be read whole: without
        the orders a position can still be protected and closed.
        """
        self._ask_nothing_while_banned()
        positions = tuple(await self._port.positions(priority=Priority.PROTECT))
        try:
            return Seen(positions, tuple(await self._port.open_orders(priority=Priority.RECONCILE)))
        except (VenueError, LinkError) as error:
            return Seen(positions, (), f"open orders could not be read: {error}")

    async def max_order_qty(self, symbol: str) -> Decimal | None:
        """The venue's largest market order, None for a symbol it does not list. Raises as `read` does."""
        self._ask_nothing_while_banned()
        rules = (await self._port.instruments([symbol])).get(symbol)
        return None if rules is None else rules.max_market_qty

    async def lists(self, symbol: str) -> bool:
        """Whether the venue has a symbol. Raises as `read` does."""
        return await self.max_order_qty(symbol) is not None

    async def set_stop(self, symbol: str, position_idx: int, stop: Decimal) -> Reply:
        """Set the stop of a whole position; its target stays as it is. Setting the same one again changes nothing."""
        if ban := self._ban:
            return ban
        return await self._port.set_stops(symbol, stop=stop, target=None, position_idx=position_idx, priority=Priority.PROTECT)

    async def close(self, symbol: str, position_idx: int, side: Side, qty: Decimal, link_id: str, rung: int) -> Reply:
        """
        Close at the market, reduce-only: it can shrink a position and nothing else, however late it arrives.

        Cancelled while it is under way it may or may not have been executed; the next reading tells.
        """
        if ban := self._ban:
            return ban
        tolerance = self._tolerances_pct[rung] if rung < len(self._tolerances_pct) else None
        order = OrderRequest(
            link_id=link_id,
            symbol=symbol,
            side=side,
            qty=qty,
            reduce_only=True,
            position_idx=position_idx,
            slippage_tolerance_pct=tolerance,
        )
        await self._budget.take(CREATE, Priority.EXIT)
        return await self._port.place(order)

    async def executed(self, symbol: str, link_id: str) -> tuple[Decimal, Decimal]:
        """Quantity and value in USDT of what an order of ours executed. Raises as `read` does."""
        self._ask_nothing_while_banned()
        found = await self._port.executions(symbol=symbol, link_id=link_id, priority=Priority.RECONCILE)
        qty = sum((each.qty for each in found), Decimal(0))
        return qty, sum((each.qty * each.price for each in found), Decimal(0))

    async def traded(self, symbol: str, tag: str, since_ms: int | None) -> list[Execution]:
        """Executions of orders of the instance of `tag`, the daemon's and the guardian's. Raises as `read` does."""
        self._ask_nothing_while_banned()
        found = await self._port.executions(since_ms=since_ms, symbol=symbol, priority=Priority.RECONCILE)
        return [each for each in found if is_ours(each.link_id) and tag_of(each.link_id) == tag]

    async def cancel(self, symbol: str, venue_order_id: str) -> Reply:
        """Cancel one order by the venue's id."""
        if ban := self._ban:
            return ban
        return await self._port.cancel(symbol, venue_order_id=venue_order_id, priority=Priority.CANCEL)

    @property
    def _ban(self) -> Reply | None:
        left_s = self._budget.banned_for_s
        return Reply(ReplyClass.BAN, None, _banned(left_s), retry_after_s=left_s) if left_s else None

    def _ask_nothing_while_banned(self) -> None:
        if left_s := self._budget.banned_for_s:
            raise Throttled(_banned(left_s), code=None, retry_after_s=left_s)


def _banned(left_s: float) -> str:
    return f"the venue has banned this address for another {left_s:.0f} s"
