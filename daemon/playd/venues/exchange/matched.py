"""The compiled matching functions, asked about one order or one position of an account. Nothing is decided here."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.instrument import synthetic_instrument
from playd.core.orders import Side
from playd.matching.book import open_position, protect, submit_entry, submit_limit_entry
from playd.matching.minute import fill_due_orders, gap_test, inside_minute
from playd.matching.money import bankruptcy_price, fee_usdt, funding_usdt
from playd.matching.records import ENTERED, FOK, GTC, IOC, POST_ONLY, Records, new_book, new_fills, new_terms
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import Listings, margin_of, order_cost, risk_of
from playd.venues.exchange.model import Account, Order, Position

_TIME_IN_FORCE: Final = {"GTC": GTC, "IOC": IOC, "FOK": FOK, "PostOnly": POST_ONLY}
_NO_BOUND: Final = float("inf")
"""Margin is checked by the books, because only the part of an order that opens something needs any."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill at `ticks`. `reason` is a code of `matching.records`."""

    ticks: int
    maker: bool
    reason: int


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that is over without a fill, for a `reason` of `matching.records`."""

    reason: int


def meet_price(account: Account, listings: Listings, position: Position, order: Order) -> Trade | Ended | None:
    """An order that has just arrived, or has come to an open, against the present price. None: it rests."""
    book = _order_book(order)
    book["entry_resting"] = not order.due
    fills = new_fills()
    count = fill_due_orders(book, _terms(account, listings, position), listings[order.symbol].last, _NO_BOUND, fills, 0)
    return _read(fills, listings[order.symbol], order) if count else None


def meet_extremes(
    account: Account, listings: Listings, position: Position, order: Order, high: float, low: float
) -> Trade | Ended | None:
    """A resting limit order against what came after it began to rest."""
    book = _order_book(order)
    book["entry_resting"] = 1
    fills = new_fills()
    count = inside_minute(book, _terms(account, listings, position), high, low, high, low, fills, 0)
    return _read(fills, listings[order.symbol], order) if count else None


def reduce_at_open(account: Account, listings: Listings, position: Position, order: Order) -> Trade | None:
    """
    A limit order that only reduces, at an open: it is met as the limit target of its position. An open beyond its price fills
    it there, as a maker; at its price it rests, and the stop of the candle goes before it.
    """
    terms, fills = _terms(account, listings, position), new_fills()
    book = new_book(target_is_limit=True)
    open_position(book, terms, position.direction, abs(position.steps), float(position.entry))
    protect(book, terms, 0, order.price_ticks)
    book["liquidation_price"] = math.nan  # whether the position ends otherwise is asked elsewhere
    price = listings[order.symbol].last
    if not gap_test(book, terms, price, price, fills, 0):
        return None
    return _trade(fills, listings[order.symbol], up=position.steps < 0, own_ticks=order.price_ticks)


def exit_at_open(account: Account, listings: Listings, position: Position, open_price: float) -> Trade | None:
    """Whether stop, target or liquidation end a position at an open."""
    terms = _terms(account, listings, position)
    fills = new_fills()
    book = _position_book(account, listings[position.symbol], position, terms, with_target=True)
    count = gap_test(book, terms, open_price, open_price, fills, 0)
    return _exit(fills, listings, position) if count else None


def exit_inside(
    account: Account, listings: Listings, position: Position, high: float, low: float, *, with_target: bool
) -> Trade | None:
    """Whether they end it inside a candle. `with_target` is False for a position that a resting order opened in it."""
    terms = _terms(account, listings, position)
    fills = new_fills()
    book = _position_book(account, listings[position.symbol], position, terms, with_target=with_target)
    count = inside_minute(book, terms, high, low, high, low, fills, 0)
    return _exit(fills, listings, position) if count else None


def bankruptcy_ticks(account: Account, listings: Listings, position: Position) -> int:
    """The price at which the venue takes a position over, rounded against its holder as matching does."""
    listing, risk = listings[position.symbol], risk_of(account, position, listings)
    price = bankruptcy_price(position.direction, float(position.entry), risk.leverage)
    return listing.whole_ticks(price, up=position.direction < 0)


def _order_book(order: Order) -> Records:
    book = new_book()
    direction = 1 if order.side is Side.BUY else -1
    if order.is_market:
        submit_entry(book, direction, order.left_steps, 0, 0)
    else:
        tif = _TIME_IN_FORCE[order.time_in_force]
        submit_limit_entry(book, direction, order.left_steps, order.price_ticks, tif, 0, 0)
    return book


def _position_book(account: Account, listing: Listing, position: Position, terms: Records, *, with_target: bool) -> Records:
    book = new_book()
    open_position(book, terms, position.direction, abs(position.steps), float(position.entry))
    stop, target = (_of_candle(account, listing, order_id) for order_id in (position.stop_id, position.target_id))
    protect(book, terms, stop.trigger_ticks if stop else 0, target.trigger_ticks if target and with_target else 0)
    return book


def _of_candle(account: Account, listing: Listing, order_id: str) -> Order | None:
    """A stop or target that candles of the last price decide about; one that looks at another price follows that one's path."""
    order = account.orders.get(order_id)
    return order if order and order.trigger_by not in listing.others else None


def _terms(account: Account, listings: Listings, position: Position) -> Records:
    risk, listing = risk_of(account, position, listings), listings[position.symbol]
    return new_terms(
        listing.counted,
        taker_bps=account.taker_bps,
        maker_bps=account.maker_bps,
        slippage_bps=account.slippage_bps,
        leverage=risk.leverage,
        mm_rate=risk.mm_rate,
        mm_deduction_usdt=risk.deduction_usdt if not listing.others else math.inf,  # else the mark's path liquidates
    )


def _read(fills: Records, listing: Listing, order: Order) -> Trade | Ended:
    if fills[0]["event"] == ENTERED:
        return _trade(fills, listing, up=order.side is Side.BUY, own_ticks=order.price_ticks)
    return Ended(int(fills[0]["reason"]))


def _exit(fills: Records, listings: Listings, position: Position) -> Trade:
    return _trade(fills, listings[position.symbol], up=position.steps < 0)


def _trade(fills: Records, listing: Listing, *, up: bool, own_ticks: int = 0) -> Trade:
    """
    Trades are on the tick of the rules, rounded `up` for who buys; only a limit order (`own_ticks`) that is older than a
    coarser tick may lie between two, and is never filled beyond its own price.
    """
    maker = bool(fills[0]["is_maker"])
    ticks = listing.allowed_ticks(int(fills[0]["price_ticks"]), up=up)
    if maker:
        ticks = min(ticks, own_ticks) if up else max(ticks, own_ticks)
    return Trade(ticks, maker, int(fills[0]["reason"]))


def warm_up() -> None:
    """Compile, or load from the cache, what the market uses, so that the first fill does not stop the clock for seconds."""
    listing = Listing(synthetic_instrument("BTCUSDT", 100.0), 100.0)
    listings = {"BTCUSDT": listing}
    account = Account(0, "", 5.5, 2.0, 1.0, Decimal(0))
    position = account.positions["BTCUSDT"] = Position("BTCUSDT", Decimal(10), steps=1, entry=Decimal(100))
    order = Order("", 0, "", "BTCUSDT", Side.BUY, "Market", "IOC", 1, 0, False, 0, 0, 0)
    meet_price(account, listings, position, order)
    order.order_type, order.time_in_force, order.price_ticks = "Limit", "GTC", 1
    meet_extremes(account, listings, position, order, 101.0, 99.0)
    exit_at_open(account, listings, position, 100.0)
    exit_inside(account, listings, position, 101.0, 99.0, with_target=True)
    margin_of(account, position, listings)
    order_cost(account, listing, Side.BUY, 1, 100.0, Decimal(10))
    fee_usdt(1.0, 100.0, 0.00055)
    funding_usdt(1, 1.0, 100.0, 0.0001)
