"""
The books of the fake venue: what an order does to orders, positions and executions there, and what its stream tells of that.

They are honest: what `orders` and `book` hold is the truth that tests compare the ledger with.
"""

from dataclasses import replace
from decimal import Decimal

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.orders import Execution, OrderRequest, Side, VenueOrder, VenuePosition
from playd.venues.port import ExecutionUpdate, OrderUpdate, PositionUpdate, PrivateEvent, StreamDown, StreamUp
from playd.world.ports import Clock
from tests.rows import SYMBOL, ZERO, execution
from tests.simulation.venue_rows import Held, order_row, position_row, stop_row
from tests.simulation.venue_script import EventFault, Script

WORKING = ("New", "PartiallyFilled", "Untriggered")


class VenueBooks:
    """
    One account. Orders fill at once at `price`, unless `resting` holds them until `fill_resting`; limits that only reduce
    always rest.
    """

    def __init__(self, clock: Clock, script: Script) -> None:
        self.clock = clock
        self.script = script
        self.price = Decimal("50000.0")
        self.liquidation = ZERO
        self.resting = False
        self.fill_share = Decimal(1)
        self.effects: list[OrderRequest] = []
        self.orders: dict[str, VenueOrder] = {}
        self.execution_rows: list[Execution] = []
        self.book: dict[str, Held] = {}
        self.links: set[str] = set()
        self._ids, self._late = 0, list[PrivateEvent]()
        self._send, self._receive = anyio.create_memory_object_stream[PrivateEvent](100_000)
        self.stream_up = False

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

    def signed(self, symbol: str = SYMBOL) -> Decimal:
        return self.book[symbol].signed if symbol in self.book else ZERO

    def stop_of(self, symbol: str = SYMBOL) -> Decimal:
        return self.book[symbol].stop if symbol in self.book else ZERO

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
