"""
A venue in memory that keeps the port's promises and, on demand, every fault a real one may show.

Faults are scripted per write and per private event, see `venue_script`. The venue itself stays honest: what `orders` and
`positions` hold is the truth that tests compare the ledger with.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.candles import Candle
from playd.core.errors import LinkError
from playd.core.instrument import Instrument
from playd.core.orders import Execution, OrderRequest, Side, VenueOrder, VenuePosition, Wallet
from playd.core.reply_codes import ReplyClass, classify
from playd.venues.pages import note
from playd.venues.port import (
    AccountInfo,
    ExecutionUpdate,
    KeyInfo,
    OrderUpdate,
    PositionUpdate,
    Priority,
    PrivateEvent,
    Reply,
    RiskTier,
    StreamDown,
    StreamUp,
    Transaction,
)
from playd.world.ports import Clock
from tests.rows import SYMBOL, ZERO, execution, instrument
from tests.simulation.venue_rows import Held, log_of, order_row, position_row, stop_row, transfer_of
from tests.simulation.venue_script import ARRIVES_S, EventFault, Script, WriteFault

WORKING = ("New", "PartiallyFilled", "Untriggered")


class FakeVenue:
    """
    One account. Orders fill at once at `price`, unless `resting` holds them until `fill_resting`; limits that only reduce
    always rest.
    """

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        self.clock = clock
        self.script = script or Script()
        self.key = KeyInfo("1", read_only=False, can_trade=True, can_withdraw=False, bound_to_addresses=True, days_left=None)
        self.price = Decimal("50000.0")
        self.liquidation = ZERO
        self.tiers = (RiskTier(Decimal(2_000_000), Decimal("0.005")),)
        self.resting = False
        self.fill_share = Decimal(1)
        self.placed: list[OrderRequest] = []
        self.effects: list[OrderRequest] = []
        self.orders: dict[str, VenueOrder] = {}
        self.execution_rows: list[Execution] = []
        self.book: dict[str, Held] = {}
        self.links: set[str] = set()
        self.barriers: list[int] = []
        self.before_place: Callable[[OrderRequest], None] = lambda _order: None
        self.before_cancel: Callable[[str], None] = lambda _key: None
        self.cancels: list[str] = []
        self.deposit = Decimal(10_000)
        self.transfers: list[Transaction] = []
        self.log_reads = 0
        self._ids, self._late = 0, list[PrivateEvent]()
        self._send, self._receive = anyio.create_memory_object_stream[PrivateEvent](100_000)
        self.stream_up = False

    # -- what tests do ---------------------------------------------------------------------------------------------------

    @property
    def events(self) -> MemoryObjectReceiveStream[PrivateEvent]:
        return self._receive

    def connect(self, number: int = 1) -> None:
        self.stream_up = True
        self._send.send_nowait(StreamUp(number))

    def disconnect(self) -> None:
        self.stream_up = False
        self._send.send_nowait(StreamDown("test"))

    def new_stream(self) -> MemoryObjectReceiveStream[PrivateEvent]:
        """A fresh private stream, as after a restart of the daemon: what the old one held is lost."""
        self.close_stream()
        self._late = []
        self._send, self._receive = anyio.create_memory_object_stream[PrivateEvent](100_000)
        return self._receive

    def close_stream(self) -> None:
        self.stream_up = False
        self._send.close()
        self._receive.close()

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

    def signed(self, symbol: str = SYMBOL) -> Decimal:
        return self.book[symbol].signed if symbol in self.book else ZERO

    def stop_of(self, symbol: str = SYMBOL) -> Decimal:
        return self.book[symbol].stop if symbol in self.book else ZERO

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

    # -- the venue's inside --------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        asked_ms = self.clock.wall_ms()
        await anyio.sleep(0.002)
        if self.script.failing_reads:
            self.script.failing_reads -= 1
            note("/fake/read", asked_ms, self.clock.wall_ms(), failure="read failed")
            raise LinkError("read failed")
        note("/fake/read", asked_ms, self.clock.wall_ms())

    def _accept(self, request: OrderRequest) -> int:
        if request.link_id in self.links:
            return 110072
        if self.script.codes:
            return self.script.codes.pop(0)
        held = self.signed(request.symbol)
        reduces = held * (1 if request.side is Side.SELL else -1) > 0
        if request.reduce_only and not reduces:
            return 110017
        self.links.add(request.link_id)
        self.effects.append(request)
        self._ids += 1
        qty = min(request.qty, abs(held)) if request.reduce_only else request.qty
        order = order_row(f"o-{self._ids}", request, qty, self.clock.wall_ms())
        self._report(order)
        if not (self.resting or (order.reduce_only and order.order_type == "Limit")):
            self._fill(order)
        return 0

    def _take_back(self, link_id: str, venue_order_id: str) -> int:
        for key, order in self.orders.items():
            if (order.link_id == link_id and link_id) or (order.venue_order_id == venue_order_id and venue_order_id):
                if order.status not in WORKING:
                    return 110008 if order.status == "Filled" else 110001
                self._report(replace(self.orders[key], status="Cancelled", cancel_type="CancelByUser"))
                held = self.book.get(order.symbol)
                if held is not None and held.stop_order_id == order.venue_order_id:
                    held.stop, held.seq = ZERO, held.seq + 1
                    self._tell_position(order.symbol)
                return 0
        return 110001

    def _fill(self, order: VenueOrder) -> None:
        qty = order.qty
        if order.reduce_only:
            qty = min(qty, abs(self.signed(order.symbol)))
        qty = (qty * self.fill_share).quantize(Decimal("0.001"))
        signed = qty if order.side is Side.BUY else -qty
        if qty == 0:
            self._report(replace(order, status="Cancelled", cancel_type="CancelByReduceOnly"))
            return
        closed = qty if order.reduce_only else ZERO
        self._execute(order.symbol, order.side, qty, self.price, order.link_id, order.venue_order_id, "", closed)
        status = "Filled" if qty == order.qty else "Cancelled"
        self.orders[order.venue_order_id] = replace(order, status=status)  # what the position loses is not cut off it once more
        self._move(order.symbol, signed, self.price)
        position = self.book[order.symbol]
        if not order.reduce_only:
            forgotten = self.script.no_attached_stop > 0
            self.script.no_attached_stop -= forgotten
            position.stop = ZERO if forgotten else order.stop
            position.target = order.target
        self._report(replace(order, status=status, cum_qty=qty, avg_price=self.price))
        if not order.reduce_only:
            self._attach_stop(order.symbol, parent=order.link_id)
        self._tell_position(order.symbol)

    def _close(self, symbol: str, signed: Decimal, price: Decimal, link: str, order_id: str, kind: str) -> None:
        side = Side.SELL if signed > 0 else Side.BUY
        self._execute(symbol, side, abs(signed), price, link, order_id, kind, abs(signed))
        if self.book[symbol].stop_order_id == order_id:
            self.book[symbol].stop_order_id = ""  # it fills, so nothing clears it
        self._move(symbol, -signed, price)
        if order_id in self.orders:
            order = self.orders[order_id]
            # It is as large as the position, which others may have added to.
            self._report(replace(order, status="Filled", qty=abs(signed), cum_qty=abs(signed), avg_price=price))
        self._tell_position(symbol)

    def _execute(
        self, symbol: str, side: Side, qty: Decimal, price: Decimal, link: str, order_id: str, stop_type: str, closed: Decimal
    ) -> None:
        position = self.book.setdefault(symbol, Held())
        position.seq += 1
        row = execution(
            f"e-{len(self.execution_rows) + 1}",
            side,
            qty,
            price,
            link_id=link,
            venue_order_id=order_id,
            symbol=symbol,
            fee=qty * price * Decimal("0.00055"),
            create_type="CreateByStopLoss" if stop_type else "CreateByUser",
            stop_order_type=stop_type,
            closed_size=closed,
            seq=position.seq,
            time_ms=self.clock.wall_ms(),
        )
        self.execution_rows.append(row)
        self._tell(ExecutionUpdate(row, self.clock.wall_ms()))

    def _move(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        position = self.book.setdefault(symbol, Held())
        before, position.signed = position.signed, position.signed + signed
        if before == 0:
            position.entry = price
        if position.signed == 0:
            position.stop = position.target = ZERO
            self._gone(position.stop_order_id)
        self._cut_targets(symbol)

    def _attach_stop(self, symbol: str, parent: str) -> None:
        position = self.book[symbol]
        self._gone(position.stop_order_id)
        if position.stop == 0:
            return
        self._ids += 1
        position.stop_order_id = f"s-{self._ids}"
        order = stop_row(position.stop_order_id, symbol, position.signed, position.stop, parent, self.clock.wall_ms())
        self._report(order)

    def _cut_targets(self, symbol: str) -> None:
        """Limits that only reduce are never more than the position; without one they end."""
        held = abs(self.signed(symbol))
        for order in [*self.orders.values()]:
            if order.symbol == symbol and order.reduce_only and order.order_type == "Limit" and order.status in WORKING:
                if held == 0:
                    self._report(replace(order, status="Cancelled", cancel_type="CancelByReduceOnly"))
                elif order.qty - order.cum_qty > held:
                    self._report(replace(order, qty=order.cum_qty + held))

    def _gone(self, order_id: str) -> None:
        order = self.orders.get(order_id)
        if order is not None and order.status == "Untriggered":
            self._report(replace(order, status="Deactivated", cancel_type="CancelByTpSlTsClear"))

    def _report(self, order: VenueOrder) -> None:
        order = replace(order, updated_ms=self.clock.wall_ms())
        self.orders[order.venue_order_id] = order
        self._tell(OrderUpdate(order, self.clock.wall_ms()))

    def _tell_position(self, symbol: str) -> None:
        self._tell(PositionUpdate(self._position(symbol), self.clock.wall_ms()))

    def _tell(self, event: PrivateEvent) -> None:
        if not self.stream_up:
            return
        fault = self.script.events.pop(0) if self.script.events else EventFault.NONE
        if fault is EventFault.LATE:
            self._late.append(event)
            return
        late, self._late = self._late, []
        for each in [event] * {EventFault.LOST: 0, EventFault.NONE: 1, EventFault.DOUBLED: 2}[fault] + late:
            self._send.send_nowait(each)

    def _position(self, symbol: str) -> VenuePosition:
        position = self.book.get(symbol, Held())
        return position_row(symbol, position, self.price, self.liquidation, self.clock.wall_ms())

    def _id_of(self, link: str) -> str:
        return next((order.venue_order_id for order in self.orders.values() if order.link_id == link), "")
