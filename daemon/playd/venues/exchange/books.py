"""
The books: accounts, listings and everything that happens to them, as changes and frames. Pure and deterministic.

What the outside asks comes through `arrivals`, what the market does through `minute`; both work on one `Books`.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from playd.core.instrument import Instrument
from playd.core.orders import Side
from playd.matching.money import fee_usdt
from playd.venues.exchange import log_rows
from playd.venues.exchange.changes import Changes, Frame
from playd.venues.exchange.margin import BPS
from playd.venues.exchange.model import Account, CancelType, Listing, Order, Position, Status, StopKind
from playd.venues.exchange.rows import ENTRY_PRICE, Fill, Row, execution_row, order_row, position_row, wallet_row
from playd.venues.exchange.settlement import Settled, settle
from playd.venues.exchange.text import decimal_of, exact_sum

DEFAULT_LEVERAGE = Decimal(10)


@dataclass(slots=True)
class MarketTime:
    """
    Where market time stands. `inside` a candle, `fraction` of it has passed and `open_ms` is its open; between two candles
    `open_ms` is still that of the last one. `now_ms` stamps what happens.
    """

    now_ms: int
    open_ms: int
    inside: bool = False
    fraction: float = 0.0


class Books:
    """
    State of the exchange. `id_seed` and the counter decide every id, so that the same requests get the same ids.

    `changes` collects what must be kept and sent; `take_changes` hands it over.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], last_prices: Mapping[str, float], *, now_ms: int, id_seed: str
    ) -> None:
        self.listings = {symbol: Listing(rules, last_prices[symbol]) for symbol, rules in instruments.items()}
        self.accounts: dict[int, Account] = {}
        self.time = MarketTime(now_ms, now_ms)
        self.id_seed = id_seed
        self.counter = 0
        self.changes = Changes()

    def take_changes(self) -> Changes:
        taken, self.changes = self.changes, Changes()
        return taken

    def next_sequence(self) -> int:
        """Rises by one for everything that happens; also the `seq` of matches."""
        self.counter += 1
        return self.counter

    def new_id(self) -> str:
        """An id in the form of a UUID, a function of seed and counter."""
        digest = hashlib.blake2b(f"{self.id_seed}/{self.next_sequence()}".encode(), digest_size=16).digest()
        return str(uuid.UUID(bytes=digest))

    def position(self, account: Account, symbol: str) -> Position:
        """The account's position of a listed symbol; it exists from the first question on."""
        found = account.positions.get(symbol)
        if found is None:
            now_ms = self.time.now_ms
            found = account.positions[symbol] = Position(symbol, DEFAULT_LEVERAGE, created_ms=now_ms, updated_ms=now_ms)
            self.changes.positions.add((account.uid, symbol))
        return found

    # What is kept and told

    def add_order(self, account: Account, order: Order) -> None:
        account.orders[order.order_id] = order
        self.changes.orders[order.order_id] = order

    def touch(self, order: Order) -> Order:
        """Note that an order changed now."""
        order.updated_ms = self.time.now_ms
        self.changes.orders[order.order_id] = order
        return order

    def tell_orders(self, account: Account, orders: Iterable[Order], frame_id: str = "") -> None:
        rows = [order_row(order, self.listings[order.symbol]) for order in orders]
        self._tell(account, "order", rows, frame_id)

    def tell_position(self, account: Account, symbol: str) -> None:
        self.changes.positions.add((account.uid, symbol))
        row = position_row(account, self.position(account, symbol), self.listings[symbol], entry_name=ENTRY_PRICE)
        self._tell(account, "position", [row], "")

    def tell_wallet(self, account: Account) -> None:
        self.changes.accounts.add(account.uid)
        self._tell(account, "wallet", [wallet_row(account, self.listings)], "")

    def tell_funding(self, account: Account, execution: Row, log_row: Row) -> None:
        """A stamp that a position has paid or received."""
        self.changes.executions.append((account.uid, execution))
        self.changes.log.append((account.uid, log_row))
        self._tell(account, "execution", [execution], "")
        self.tell_position(account, execution["symbol"])
        self.tell_wallet(account)

    def _tell(self, account: Account, topic: str, rows: list[Row], frame_id: str) -> None:
        self.changes.frames.append(Frame(account.uid, topic, frame_id or self.new_id(), self.time.now_ms, rows))

    # Ends of orders

    def end(self, account: Account, order: Order, status: Status, cancel_type: CancelType, reason: str = "EC_NoError") -> Order:
        """Take an order out of the open ones; the caller tells. Its position forgets it when it was its stop or target."""
        account.orders.pop(order.order_id)
        order.status, order.cancel_type, order.reject_reason, order.due = status, cancel_type, reason, False
        if order.stop_kind:
            position = self.position(account, order.symbol)
            if position.stop_id == order.order_id:
                position.stop_id = ""
            if position.target_id == order.order_id:
                position.target_id = ""
            self.changes.positions.add((account.uid, order.symbol))
        return self.touch(order)

    # Fills

    def fill(self, account: Account, order: Order, steps: int, ticks: int, *, maker: bool, exec_type: str = "Trade") -> None:
        """
        Fill `steps` of an order whole at `ticks`: execution, order, position, wallet, log; stops follow the position.

        The order ends Filled. Frames of the match come in the order execution, order (with every stop that the closing made
        obsolete), position, wallet; the first two share their id. Stops that the fill brings are told after that.
        """
        listing, position = self.listings[order.symbol], self.position(account, order.symbol)
        held_before = position.steps
        rate = (account.maker_bps if maker else account.taker_bps) / BPS
        fee = decimal_of(fee_usdt(listing.qty(steps), listing.price(ticks), rate))
        signed = steps if order.side is Side.BUY else -steps
        settled = settle(position, listing, signed, ticks, fee, self.time.now_ms)
        position.sequence = sequence = self.next_sequence()
        order.qty_steps, order.filled_steps = steps, steps
        order.filled_value, order.fee = listing.value(steps, ticks), fee
        order.closed_pnl = settled.net_pnl
        fill = Fill(
            exec_id=self.new_id(),
            sequence=sequence,
            time_ms=self.time.now_ms,
            steps=steps,
            ticks=ticks,
            value=order.filled_value,
            fee=fee,
            fee_rate=rate,
            maker=maker,
            exec_type=exec_type,
            closed_steps=settled.closed_steps,
            pnl=settled.pnl,
        )
        ended = [self.end(account, order, Status.FILLED, CancelType.NONE)]
        if held_before and position.steps * held_before <= 0:
            ended += self._clear_reducing_orders(account, order.symbol)
        self._book(account, order, fill, settled)
        self._tell_match(account, order, fill, ended)
        self._protect_after(account, order, position)

    def _book(self, account: Account, order: Order, fill: Fill, settled: Settled) -> None:
        account.wallet = exact_sum(account.wallet, settled.pnl, -fill.fee)
        account.realised_ever = exact_sum(account.realised_ever, settled.pnl, -fill.fee)
        listing, position = self.listings[order.symbol], self.position(account, order.symbol)
        self.changes.log.append((account.uid, log_rows.trade(account, order, fill, position, listing)))
        if settled.closed_steps:
            self.changes.closed_pnl.append((account.uid, log_rows.closed_pnl(order, fill, settled, position, listing)))

    def _tell_match(self, account: Account, order: Order, fill: Fill, ended: list[Order]) -> None:
        frame_id = f"{account.uid}_{order.symbol}_{fill.sequence}"
        row = execution_row(fill, order, self.listings[order.symbol])
        self.changes.executions.append((account.uid, row))
        self._tell(account, "execution", [row], frame_id)
        self.tell_orders(account, ended, frame_id)
        self.tell_position(account, order.symbol)
        self.tell_wallet(account)

    def _clear_reducing_orders(self, account: Account, symbol: str) -> list[Order]:
        """The position is gone or turned: its stop and target and every resting reduce-only order go with it."""
        ended = []
        for order in [order for order in account.orders.values() if order.symbol == symbol]:
            if order.stop_kind:
                ended.append(self.end(account, order, Status.DEACTIVATED, CancelType.POSITION_GONE))
            elif order.reduce_only and not order.due:
                ended.append(self.end(account, order, Status.CANCELLED, CancelType.REDUCE_ONLY))
        return ended

    # Stops

    def _protect_after(self, account: Account, order: Order, position: Position) -> None:
        """Bring the levels of an entry to its position, and the quantity of stops that are there to its size."""
        if position.steps == 0:
            return
        told: list[Order] = []
        if position.side is order.side and (order.stop_ticks or order.target_ticks):
            told += self.set_levels(account, position, order.stop_ticks or None, order.target_ticks or None, order.link_id)
        told += [stop for stop in self._resize_stops(account, position) if stop not in told]
        if told:
            self.tell_orders(account, told)
            self.tell_position(account, position.symbol)

    def set_levels(
        self, account: Account, position: Position, stop_ticks: int | None, target_ticks: int | None, parent_link_id: str
    ) -> list[Order]:
        """Full-mode levels of an open position: None leaves one as it is, 0 removes it. Returns the orders that changed."""
        changed: list[Order] = []
        for kind, ticks, order_id in (
            (StopKind.STOP, stop_ticks, position.stop_id),
            (StopKind.TARGET, target_ticks, position.target_id),
        ):
            present = account.orders.get(order_id)
            if ticks is None or ticks == (present.trigger_ticks if present else 0):
                continue
            if ticks == 0 and present:
                changed.append(self.end(account, present, Status.DEACTIVATED, CancelType.USER))
            elif present:
                present.trigger_ticks = ticks
                changed.append(self.touch(present))
            else:
                changed.append(self._new_stop(account, position, kind, ticks, parent_link_id))
        return changed

    def _new_stop(self, account: Account, position: Position, kind: StopKind, ticks: int, parent_link_id: str) -> Order:
        now_ms = self.time.now_ms
        order = Order(
            order_id=self.new_id(),
            uid=account.uid,
            link_id="",
            parent_link_id=parent_link_id,
            symbol=position.symbol,
            side=Side.SELL if position.steps > 0 else Side.BUY,
            order_type="Market",
            time_in_force="IOC",
            qty_steps=abs(position.steps),
            price_ticks=0,
            reduce_only=True,
            close_on_trigger=True,
            status=Status.UNTRIGGERED,
            create_type=f"CreateBy{kind}",
            stop_kind=kind,
            trigger_ticks=ticks,
            created_ms=now_ms,
            updated_ms=now_ms,
            sequence=self.next_sequence(),
        )
        self.add_order(account, order)
        if kind is StopKind.STOP:
            position.stop_id = order.order_id
        else:
            position.target_id = order.order_id
        self.changes.positions.add((account.uid, position.symbol))
        return order

    def _resize_stops(self, account: Account, position: Position) -> list[Order]:
        held = abs(position.steps)
        stops = [account.orders[order_id] for order_id in (position.stop_id, position.target_id) if order_id]
        resized = [stop for stop in stops if stop.qty_steps != held]
        for stop in resized:
            stop.qty_steps = held
            self.touch(stop)
        return resized
