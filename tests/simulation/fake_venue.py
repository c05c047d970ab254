"""
A venue in memory that keeps the port's promises and, on demand, every fault a real one may show.

Faults are scripted per write and per private event, see `venue_script`. Its books stay honest, see `venue_books`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.candles import Candle
from playd.core.errors import LinkError
from playd.core.instrument import Instrument
from playd.core.orders import Execution, OrderRequest, Side, VenueOrder, VenuePosition, Wallet
from playd.core.reply_codes import ReplyClass, classify
from playd.venues.pages import note
from playd.venues.port import AccountInfo, ExecutionUpdate, KeyInfo, Priority, Reply, RiskTier, Transaction
from playd.world.ports import Clock
from tests.rows import SYMBOL, ZERO, instrument
from tests.simulation.venue_books import WORKING, VenueBooks
from tests.simulation.venue_rows import Held, log_of, transfer_of
from tests.simulation.venue_script import ARRIVES_S, EventFault, Script, WriteFault


class FakeVenue(VenueBooks):
    """The port to the books of one account, and what others do there meanwhile."""

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        super().__init__(clock, script or Script())
        self.key = KeyInfo("1", read_only=False, can_trade=True, can_withdraw=False, bound_to_addresses=True, days_left=None)
        self.tiers = (RiskTier(Decimal(2_000_000), Decimal("0.005")),)
        self.placed: list[OrderRequest] = []
        self.barriers: list[int] = []
        self.before_place: Callable[[OrderRequest], None] = lambda _order: None
        self.before_cancel: Callable[[str], None] = lambda _key: None
        self.cancels: list[str] = []
        self.deposit = Decimal(10_000)
        self.transfers: list[Transaction] = []
        self.log_reads = 0

    # -- what tests do ---------------------------------------------------------------------------------------------------

    def hit_stop(self, symbol: str = SYMBOL) -> None:
        """The market trades through the attached stop."""
        position = self.book[symbol]
        self._close(symbol, position.signed, position.stop, link="", order_id=position.stop_order_id, kind="StopLoss")

    def close_by_hand(self, symbol: str = SYMBOL) -> None:
        """Somebody closes the position in the venue's app."""
        position = self.book[symbol]
        self._ids += 1
        self._close(symbol, position.signed, self.price, link="", order_id=f"app-{self._ids}", kind="")

    def pay_funding(self, fee: Decimal, *, at_ms: int | None = None) -> None:
        """A funding stamp for the position traded last, at `at_ms` if its execution comes late."""
        last, now_ms = self.execution_rows[-1], self.clock.wall_ms()
        name, seq = f"f-{len(self.execution_rows) + 1}", last.seq + 1000
        row = replace(last, exec_id=name, venue_order_id=name, link_id="", fee=fee, exec_type="Funding", seq=seq)
        row = replace(row, create_type="", closed_size=ZERO, time_ms=now_ms if at_ms is None else at_ms)
        self.execution_rows.append(row)
        self._tell(ExecutionUpdate(row, now_ms))

    def remove_stop(self, symbol: str = SYMBOL) -> None:
        """Somebody removes the stop in the venue's app. Only one of the two messages about it may get lost."""
        self.script.events[:0] = [EventFault.NONE]
        position = self.book[symbol]
        position.stop = ZERO
        position.seq += 1
        self._gone(position.stop_order_id)
        self._tell_position(symbol)

    def transfer(self, amount: Decimal) -> None:
        """Money comes in, or goes out."""
        self.transfers.append(transfer_of(amount, self.clock.wall_ms()))

    def open_foreign(self, qty: Decimal, symbol: str = SYMBOL) -> None:
        """Somebody opens a position in the venue's app, or trades against the one that is there; a sale is negative."""
        self._ids += 1
        side, held = Side.BUY if qty > 0 else Side.SELL, self.signed(symbol)
        closed = min(abs(qty), abs(held)) if held * qty < 0 else ZERO
        self._execute(symbol, side, abs(qty), self.price, link="", order_id=f"app-{self._ids}", stop_type="", closed=closed)
        if held * qty < 0 and abs(qty) > abs(held):
            self._move(symbol, -held, self.price)  # flat for a moment: what hung on the position is gone
            qty += held
        self._move(symbol, qty, self.price)
        self._tell_position(symbol)

    def by_hand(
        self,
        link_id: str = "by-hand",
        side: Side = Side.BUY,
        qty: str = "0.010",
        price: int | None = 40_000,
        *,
        stop: Decimal | None = None,
        reduce_only: bool = False,
    ) -> None:
        """Somebody else sends an order, in the venue's app or by a program. With a price it is a limit, which rests."""
        limit = {} if price is None else {"order_type": "Limit", "price": Decimal(price), "time_in_force": "GTC"}
        order = OrderRequest(link_id, SYMBOL, side, Decimal(qty), stop=stop, reduce_only=reduce_only, **limit)
        rested, self.resting = self.resting, self.resting or price is not None
        code, self.resting = self._accept(order), rested
        assert code == 0, f"the venue refuses it: {code}"

    def fill_resting(self) -> None:
        """The next open: resting orders fill, but for one that the open has cut or ended on the way."""
        for order in [*self.orders.values()]:
            if order.status == "New" and self.orders[order.venue_order_id] is order:
                self._fill(order)

    def fill_part(self, qty: Decimal) -> None:
        """A part of the resting order is executed; what is left of it goes on working."""
        order = next(
            order for order in self.orders.values() if order.status in WORKING[:2] and order.qty - order.cum_qty >= qty
        )
        done, reduces = order.cum_qty + qty, order.reduce_only
        after = replace(order, status="Filled" if done == order.qty else "PartiallyFilled", cum_qty=done, avg_price=self.price)
        closed = qty if reduces else ZERO
        kind = order.stop_order_type
        self._execute(order.symbol, order.side, qty, self.price, order.link_id, order.venue_order_id, kind, closed)
        self.orders[order.venue_order_id] = after
        self._move(order.symbol, qty if order.side is Side.BUY else -qty, self.price)
        if not reduces:
            self.book[order.symbol].stop = order.stop
        self._report(after)
        if not reduces:
            self._attach_stop(order.symbol, parent=order.link_id)
        self._tell_position(order.symbol)

    # -- the port ----------------------------------------------------------------------------------------------------------

    async def place(self, order: OrderRequest) -> Reply:
        with anyio.CancelScope(shield=True):  # whoever is cancelled after the bytes left hears the reply first
            return await self._placed(order)

    async def _placed(self, order: OrderRequest) -> Reply:
        self.before_place(order)
        self.placed.append(order)
        fault = self.script.writes.pop(0) if self.script.writes else WriteFault.NONE
        await anyio.sleep(0.005)
        if fault is WriteFault.LOST_BEFORE:
            return Reply(ReplyClass.DOUBT, None, "time-out")
        if fault is WriteFault.THROTTLED:
            return Reply(ReplyClass.LATER, 10006, "too fast", retry_after_s=0.2)
        if fault is WriteFault.DELAYED:
            asyncio.get_running_loop().call_later(ARRIVES_S, self._accept, order)
            return Reply(ReplyClass.DOUBT, None, "connection reset")
        code = self._accept(order)
        if fault is WriteFault.LOST_AFTER:
            return Reply(ReplyClass.DOUBT, None, "time-out")
        if fault is WriteFault.SLOW:
            await anyio.sleep(1.0)
        if fault is WriteFault.ODD_CODE:
            return Reply(classify(987654), 987654, "what?")
        return Reply(classify(code), code, "", venue_order_id=self._id_of(order.link_id) if code == 0 else "")

    async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
        self.before_cancel(link_id or venue_order_id)
        self.cancels.append(link_id or venue_order_id)
        fault = self.script.cancels.pop(0) if self.script.cancels else WriteFault.NONE
        await anyio.sleep(0.005)
        if fault is WriteFault.LOST_BEFORE:
            return Reply(ReplyClass.DOUBT, None, "time-out")
        code = self._take_back(link_id, venue_order_id)
        if fault is WriteFault.LOST_AFTER:
            return Reply(ReplyClass.DOUBT, None, "time-out")
        return Reply(classify(code), code, "")

    async def set_stops(
        self, symbol: str, *, stop: Decimal | None, target: Decimal | None, position_idx: int = 0, priority: Priority
    ) -> Reply:
        fault = self.script.stops.pop(0) if self.script.stops else WriteFault.NONE
        await anyio.sleep(0.005)
        if fault is WriteFault.LOST_BEFORE:
            return Reply(ReplyClass.DOUBT, None, "time-out")
        if fault is WriteFault.THROTTLED:
            return Reply(ReplyClass.LATER, 10006, "too fast", retry_after_s=0.2)
        if self.script.refused_stops:
            self.script.refused_stops -= 1
            return Reply(classify(10001), 10001, "can not set tp/sl/ts for zero position")
        position = self.book.setdefault(symbol, Held())
        if position.signed == 0:
            return Reply(classify(10001), 10001, "zero position")
        position.stop = position.stop if stop is None else stop
        position.target = position.target if target is None else target
        position.seq += 1
        self._attach_stop(symbol, parent="")
        self._tell_position(symbol)
        return (
            Reply(ReplyClass.DOUBT, None, "time-out") if fault is WriteFault.LOST_AFTER else Reply(ReplyClass.ACCEPTED, 0, "")
        )

    async def set_leverage(self, symbol: str, leverage: Decimal) -> Reply:
        return Reply(ReplyClass.NO_CHANGE, 110043, "")

    async def open_orders(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenueOrder]:
        await self._read()
        return [order for order in self.orders.values() if order.status in WORKING and symbol in (None, order.symbol)]

    async def order_realtime(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        await self._read()
        if self.script.hidden_reads:
            return None
        if venue_order_id:
            return self.orders.get(venue_order_id)
        return next((order for order in self.orders.values() if order.link_id == link_id), None)

    async def order_history(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        return await self.order_realtime(symbol, link_id, venue_order_id=venue_order_id, priority=priority)

    async def executions(
        self,
        *,
        since_ms: int | None = None,
        symbol: str = "",
        link_id: str = "",
        venue_order_id: str = "",
        priority: Priority,
    ) -> Sequence[Execution]:
        await self._read()
        if link_id and self.script.hidden_reads:
            self.script.hidden_reads -= 1
            return []
        self.script.lagging_lists -= (lags := self.script.lagging_lists > 0)
        return [
            row
            for row in self.execution_rows
            if not (lags and row.time_ms > self.clock.wall_ms() - 1000)
            and (since_ms is None or row.time_ms >= since_ms)
            and symbol in ("", row.symbol)
            and link_id in ("", row.link_id)
            and venue_order_id in ("", row.venue_order_id)
        ]

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        await self._read()
        if symbol is not None:
            return [self._position(symbol)]
        return [self._position(name) for name, position in self.book.items() if position.signed]

    async def wallet(self, *, priority: Priority) -> Wallet:
        await self._read()
        cash = self.deposit + sum((row.change for row in log_of(self.execution_rows, self.transfers)), ZERO)
        return Wallet(cash, cash, cash, ZERO, None, None, self.clock.wall_ms())

    async def transactions(
        self, *, since_ms: int | None = None, until_ms: int | None = None, priority: Priority
    ) -> Sequence[Transaction]:
        await self._read()
        self.log_reads += 1
        low_ms, high_ms = since_ms or 0, until_ms or self.clock.wall_ms()
        return [row for row in log_of(self.execution_rows, self.transfers) if low_ms <= row.time_ms <= high_ms]

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        return {symbol: instrument(symbol) for symbol in symbols}

    async def risk_tiers(self, symbol: str) -> tuple[RiskTier, ...]:
        return self.tiers

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        return []

    async def key_info(self) -> KeyInfo:
        return self.key

    async def account_info(self) -> AccountInfo:
        return AccountInfo("ISOLATED_MARGIN", 5)

    async def clock_offset_ms(self) -> tuple[float, float]:
        return 0.0, 1.0

    async def barrier_done(self, number: int) -> None:
        self.barriers.append(number)

    async def _read(self) -> None:
        asked_ms = self.clock.wall_ms()
        await anyio.sleep(0.002)
        if self.script.failing_reads:
            self.script.failing_reads -= 1
            note("/fake/read", asked_ms, self.clock.wall_ms(), failure="read failed")
            raise LinkError("read failed")
        note("/fake/read", asked_ms, self.clock.wall_ms())
