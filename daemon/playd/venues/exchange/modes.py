"""What users choose for a symbol or for their account: leverage, one-way or hedge, isolated or cross."""

from decimal import Decimal

from playd.core.orders import Side
from playd.venues.exchange import refusal
from playd.venues.exchange.arrivals import listing_of
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import LEVERAGE_STEP, Listing
from playd.venues.exchange.margin import available, holds_margin, tier_of
from playd.venues.exchange.minute import catch_up
from playd.venues.exchange.model import Account, Position
from playd.venues.exchange.protection import of_position
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.wishes import Request, decimal, text_of, word
from playd.venues.exchange.words import CROSS, ISOLATED, PORTFOLIO, SHORT_IDX

ONE_WAY, HEDGE = "0", "3"


def set_leverage(books: Books, account: Account, request: Request) -> None:
    """
    Leverage of a symbol, of both sides alike except in isolated hedge mode. With a position its margin is computed anew and
    must be there.
    """
    listing = listing_of(books, request)
    symbol = listing.instrument.symbol
    catch_up(books, account, symbol)
    buy, sell = decimal(request, "buyLeverage"), decimal(request, "sellLeverage")
    if buy is None or sell is None:
        raise Refusal(PARAMETER, "params error: buyLeverage and sellLeverage are needed")
    if buy != sell and (account.is_cross or symbol not in account.hedged):
        raise Refusal(PARAMETER, "params error: buyLeverage and sellLeverage must be equal in one-way mode and cross margin")
    places = [books.position(account, symbol, idx) for idx in account.place_indices(symbol)]
    wanted = [(position, sell if position.idx == SHORT_IDX else buy) for position in places]
    for position, leverage in wanted:
        _check_leverage(account, listing, position, leverage)
    if all(position.leverage == leverage for position, leverage in wanted):
        raise Refusal(refusal.LEVERAGE_NOT_MODIFIED, "leverage not modified")
    before = [(position, position.leverage) for position in places]
    for position, leverage in wanted:
        position.leverage = leverage
    if available(account, books.listings) < 0 and any(each.leverage < earlier for each, earlier in before):
        for position, leverage in before:
            position.leverage = leverage
        raise Refusal(refusal.NO_FUNDS, "ab not enough for new leverage")
    for position, _ in wanted:
        position.updated_ms = books.time.now_ms
        books.tell_position(account, position)
    if any(position.steps for position in places):
        books.tell_wallet(account)


def switch_mode(books: Books, account: Account, request: Request) -> None:
    """
    One-way (0) or hedge (3), of one symbol without position and orders, or by coin of every symbol that has none.

    By coin it is also what symbols that are yet to be listed begin with, so that asking twice is no mistake: a bot asks at
    every start.
    """
    hedge = word(request, "mode", (ONE_WAY, HEDGE)) == HEDGE
    if text_of(request, "category") == "inverse":
        raise Refusal(refusal.MODE_NOT_SUPPORTED, "Hedge mode is for USDT perpetuals only")
    if text_of(request, "symbol"):
        symbols = [listing_of(books, request).instrument.symbol]
    elif text_of(request, "coin") == "USDT":
        symbols = [symbol for symbol in books.listings if not _blocked(account, symbol)]
    else:
        raise Refusal(PARAMETER, "params error: symbol or coin is needed, the coin is USDT")
    changed = [symbol for symbol in symbols if (symbol in account.hedged) is not hedge]
    if not changed and text_of(request, "symbol"):
        raise Refusal(refusal.MODE_NOT_MODIFIED, "Position mode is not modified")
    for symbol in changed:
        if (blocked := _blocked(account, symbol)) is not None:
            raise blocked
    account.hedged = sorted({*account.hedged, *changed} if hedge else {*account.hedged} - {*changed})
    books.changes.accounts.add(account.uid)
    for symbol in changed:
        for idx in account.place_indices(symbol):
            books.tell_position(account, books.position(account, symbol, idx))


def set_margin_mode(books: Books, account: Account, request: Request) -> None:
    """Isolated or cross for the whole account; asking for what is set changes nothing. Its margin must suffice there too."""
    wanted = text_of(request, "setMarginMode")
    if wanted == PORTFOLIO:
        raise _mode_failed("the local exchange has no portfolio margin")
    if wanted not in (ISOLATED, CROSS):
        raise Refusal(PARAMETER, f"params error: setMarginMode {wanted[:30]!r} invalid")
    for symbol in dict.fromkeys(position.symbol for position in account.positions.values()):
        catch_up(books, account, symbol)
    before, account.margin_mode = account.margin_mode, wanted
    if wanted == before:
        return
    if available(account, books.listings) < 0:
        account.margin_mode = before
        raise _mode_failed("the available balance does not suffice")
    for position in account.positions.values():
        if account.is_cross:
            position.extra_margin = Decimal(0)  # the whole balance stands behind every position now
        if position.steps:
            books.tell_position(account, position)
    books.tell_wallet(account)


def set_levels_mode(books: Books, account: Account, request: Request) -> str:
    """
    Whether stops and targets of a symbol are for all of a position (`Full`) or for a part of it (`Partial`) where an order or a
    trading stop does not say.
    """
    symbol, wanted = listing_of(books, request).instrument.symbol, word(request, "tpSlMode", ("Full", "Partial"))
    partial = wanted == "Partial"
    if (symbol in account.in_parts) is partial:
        raise Refusal(refusal.STOPS_NOT_MODIFIED, "not modified")
    account.in_parts = sorted({*account.in_parts, symbol} if partial else {*account.in_parts} - {symbol})
    books.changes.accounts.add(account.uid)
    return wanted


def positions_of(books: Books, account: Account, symbol: str) -> list[Position]:
    """The rows of a symbol, flat ones included: one, or in hedge mode long and short."""
    return [books.position(account, symbol, idx) for idx in account.place_indices(symbol)]


def _mode_failed(reason: str) -> Refusal:
    """A margin mode that cannot be set, with its reason in the result too, as the venue has it."""
    code = refusal.MARGIN_MODE_FAILED
    return Refusal(code, f"Set margin mode failed: {reason}", {"reasons": [{"reasonCode": str(code), "reasonMsg": reason}]})


def _check_leverage(account: Account, listing: Listing, position: Position, leverage: Decimal) -> None:
    most = listing.instrument.max_leverage
    if listing.tiers:
        tier = max(tier_of(listing, _value_usdt(account, listing, position, side)) for side in Side)
        most = min(most, listing.tiers[tier].max_leverage)
    if leverage > most:
        raise Refusal(refusal.RISK_LIMIT, f"cannot set leverage {leverage} above {most} due to risk limit level")
    if leverage < 1 or leverage % LEVERAGE_STEP:  # behind the bound: a remainder needs a quotient that can be written
        raise Refusal(PARAMETER, f"params error: leverage {leverage} is not a multiple of {LEVERAGE_STEP} from 1 on")


def _value_usdt(account: Account, listing: Listing, position: Position, side: Side) -> float:
    """What a position is worth on a side with all that rests there."""
    held = listing.qty(abs(position.steps)) * float(position.entry) if position.side is side else 0.0
    resting = (each for each in of_position(account, position) if each.side is side and holds_margin(each))
    return held + sum(listing.qty(each.left_steps) * listing.price(each.price_ticks) for each in resting)


def _blocked(account: Account, symbol: str) -> Refusal | None:
    if any(position.steps for position in account.places(symbol)):
        return Refusal(refusal.MODE_HAS_POSITION, "Position exists, so you cannot switch position mode.")
    if any(order.symbol == symbol for order in account.orders.values()):
        return Refusal(refusal.MODE_HAS_ORDERS, "Order exists, so you cannot switch position mode.")
    return None
