"""
The books: accounts, listings and everything that happens to them, as changes and frames. Pure and deterministic.

What the outside asks comes through `arrivals` and its neighbours, what the market does through `minute`; both work on one
`Books`, and every fill goes through `fills`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from playd.core.instrument import Instrument
from playd.venues.exchange.adl import indicator
from playd.venues.exchange.changes import Changes, Frame
from playd.venues.exchange.listing import ENDLESS, Listing, MarketTerms
from playd.venues.exchange.margin import holds_margin
from playd.venues.exchange.model import Account, Order, Position, place_of
from playd.venues.exchange.rows import ENTRY_PRICE, Row, order_row, position_row, wallet_row
from playd.venues.exchange.words import CancelType, Status

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


Heard = Callable[[int, str], bool]
"""Whether anybody listens to a private topic of a user: else its frames need not be made."""


def by_somebody(uid: int, topic: str) -> bool:
    """Books that nobody watches say everything."""
    return True


def _all_of_it(_: Account, __: Order) -> float:
    """Orders fill as far as the market has something for them."""
    return 1.0


def is_engaged(account: Account, symbol: str) -> bool:
    """Whether an account has a position or an open order in a symbol: else the market does nothing to it there."""
    return any(order.symbol == symbol for order in account.orders.values()) or any(
        position.steps for position in account.places(symbol)
    )


class Books:
    """
    State of the exchange; `terms` say how deep its markets are. `id_seed` and the counter decide every id, so that the same
    requests get the same ids.

    `changes` collects what must be kept and sent; `take_changes` hands it over.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        last_prices: Mapping[str, float],
        *,
        now_ms: int,
        id_seed: str,
        terms: MarketTerms = ENDLESS,
        heard: Heard = by_somebody,
    ) -> None:
        self.listings = {
            symbol: Listing(rules, last_prices[symbol], tiers=terms.tiers) for symbol, rules in instruments.items()
        }
        self.accounts: dict[int, Account] = {}
        self.time = MarketTime(now_ms, now_ms)
        self.id_seed = id_seed
        self.terms = terms
        self.heard = heard
        self.counter = 0
        self.changes = Changes()
        self.fill_share: Callable[[Account, Order], float] = _all_of_it
        """How much of an order may fill, as a share; below 1 on command only."""

    def take_changes(self) -> Changes:
        taken, self.changes = self.changes, Changes()
        return taken

    def next_sequence(self) -> int:
        """Rises by one for everything that happens; also the `seq` of matches."""
        self.counter += 1
        return self.counter

    def new_id(self) -> str:
        """An id in the form of a UUID, a function of seed and counter."""
        word = hashlib.blake2b(f"{self.id_seed}/{self.next_sequence()}".encode(), digest_size=16).hexdigest()
        return f"{word[:8]}-{word[8:12]}-{word[12:16]}-{word[16:20]}-{word[20:]}"

    def position(self, account: Account, symbol: str, idx: int = 0) -> Position:
        """The account's position of a listed symbol and side of hedge mode; it exists from the first question on."""
        place = place_of(symbol, idx)
        found = account.positions.get(place)
        if found is None:
            now_ms = self.time.now_ms
            leverage = self._leverage(account, symbol)
            found = Position(symbol, leverage, idx=idx, created_ms=now_ms, updated_ms=now_ms)
            account.positions[place] = found
            self.changes.positions.add((account.uid, place))
        return found

    def position_of(self, account: Account, order: Order) -> Position:
        """The position that an order opens, adds to or reduces."""
        return self.position(account, order.symbol, order.position_idx)

    def _leverage(self, account: Account, symbol: str) -> Decimal:
        """Leverage of a place that is new: that of the symbol's other places."""
        return next((each.leverage for each in account.positions.values() if each.symbol == symbol), DEFAULT_LEVERAGE)

    def engaged(self) -> dict[str, list[Account]]:
        """
        Accounts with a position or an open order in a symbol, by symbol, in the order of their creation. The market does
        nothing to any other: of a hundred accounts and fifty symbols hardly anybody is concerned by a price.
        """
        found: dict[str, list[Account]] = {}
        for account in self.accounts.values():
            symbols = {order.symbol for order in account.orders.values()}
            symbols.update(position.symbol for position in account.positions.values() if position.steps)
            for symbol in symbols:
                found.setdefault(symbol, []).append(account)
        return found

    def change_rules(self, rules: Instrument) -> None:
        """
        A symbol has other rules from now on. What rests and what is held stays as it is, whatever tick or step it was made
        for. Everything that changed before must have been kept.
        """
        symbol = rules.symbol
        listing = self.listings[symbol]
        finer = listing.change_rules(rules)
        if not finer:
            return
        self.changes.finer.append(finer)
        for steps in listing.gone.parts:
            steps.update({side: count * finer.steps for side, count in steps.items()})
        for account in self.accounts.values():
            for order in account.orders.values():
                if order.symbol == symbol:
                    order.count_finer(finer.ticks, finer.steps)
                    self.changes.orders[order.order_id] = order
            for position in account.places(symbol):
                position.steps *= finer.steps
                self.changes.positions.add((account.uid, position.place))

    # What is kept and told

    def add_order(self, account: Account, order: Order) -> None:
        account.orders[order.order_id] = order
        self.changes.orders[order.order_id] = order

    def drop_order(self, account: Account, order: Order) -> None:
        """Forget an order that is refused before anybody has heard of it."""
        del account.orders[order.order_id], self.changes.orders[order.order_id]

    def touch(self, order: Order) -> Order:
        """Note that an order changed now."""
        order.updated_ms = self.time.now_ms
        self.changes.orders[order.order_id] = order
        self.changes.told.pop(order.order_id, None)
        return order

    def tell_orders(self, account: Account, orders: Iterable[Order], frame_id: str = "") -> None:
        rows = [order_row(order, self.listings[order.symbol]) for order in orders]
        self.changes.told.update((row["orderId"], row) for row in rows)
        self._tell(account, "order", lambda: rows, frame_id)

    def tell_position(self, account: Account, position: Position) -> None:
        """Tell a position that has changed."""
        self.changes.positions.add((account.uid, position.place))
        self._tell_position(account, position)

    def _tell_position(self, account: Account, position: Position) -> None:
        self._tell(account, "position", lambda: [self.position_row(account, position, entry_name=ENTRY_PRICE)])

    def tell_taken(self, account: Account, position: Position, status: str) -> None:
        """Tell a position that the venue is about to close: `Liq` because its margin is gone, `Adl` for somebody else's."""
        row = {**self.position_row(account, position, entry_name=ENTRY_PRICE), "positionStatus": status}
        self._tell(account, "position", lambda: [row])

    def position_row(self, account: Account, position: Position, *, entry_name: str = "avgPrice") -> Row:
        """A position as users see it."""
        adl_rank = indicator(self.accounts.values(), self.listings[position.symbol], position)
        return position_row(account, position, self.listings, adl_rank=adl_rank, entry_name=entry_name)

    def tell_around(self, account: Account, orders: Iterable[Order]) -> None:
        """
        What is told beside orders that came, changed or went without a fill: their positions, even when nothing moved there,
        and the wallet, of which an order may keep a part back.
        """
        around = list(orders)
        for place in dict.fromkeys(place_of(order.symbol, order.position_idx) for order in around):
            if place in account.positions:
                self._tell_position(account, account.positions[place])
        if any(holds_margin(order) for order in around):
            self._tell_wallet(account)

    def tell_wallet(self, account: Account) -> None:
        """Tell a wallet that has changed."""
        self.changes.accounts.add(account.uid)
        self._tell_wallet(account)

    def _tell_wallet(self, account: Account) -> None:
        self._tell(account, "wallet", lambda: [wallet_row(account, self.listings)])

    def tell_execution(self, account: Account, execution: Row, frame_id: str = "") -> None:
        self.changes.executions.append((account.uid, execution))
        self._tell(account, "execution", lambda: [execution], frame_id)

    def _tell(self, account: Account, topic: str, rows: Callable[[], list[Row]], frame_id: str = "") -> None:
        if self.heard(account.uid, topic):
            frame = Frame(account.uid, topic, frame_id or self.new_id(), self.time.now_ms, rows())
            self.changes.frames.append(frame)
        elif not frame_id:
            self.next_sequence()  # ids do not depend on who listens

    # Ends of orders

    def end(self, account: Account, order: Order, status: Status, cancel_type: CancelType, reason: str = "EC_NoError") -> Order:
        """Take an order out of the open ones; the caller tells. Its position forgets it when it was its stop or target."""
        account.orders.pop(order.order_id)
        order.status, order.cancel_type, order.reject_reason, order.due = status, cancel_type, reason, False
        if order.stop_kind.protects:
            position = self.position_of(account, order)
            if position.stop_id == order.order_id:
                position.stop_id = ""
            if position.target_id == order.order_id:
                position.target_id = ""
            if position.trailing_id == order.order_id:
                position.trailing_id = ""
            self.changes.positions.add((account.uid, position.place))
        return self.touch(order)
