"""Faults of accounts: what somebody else does with them, by hand or because the venue must. Everything goes the usual way."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final

from playd.venues.exchange import arrivals, modes
from playd.venues.exchange.arrivals import LinkUsed
from playd.venues.exchange.books import Books
from playd.venues.exchange.faults.board import Act
from playd.venues.exchange.faults.model import Event, Fault
from playd.venues.exchange.liquidation import deleverage, sell_part, take_over
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.model import Account, Position
from playd.venues.exchange.moved_money import move_money
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.text import decimal_of, plain
from playd.venues.exchange.trading_stop import set_trading_stop
from playd.venues.exchange.words import CancelType, Status

Do = Callable[[Books, Account, str, Fault, LinkUsed], bool]
"""Does it to one account and symbol. Returns whether there was anything to do."""


def account_acts(books: Books, apply: Callable[[], None], link_used: LinkUsed) -> dict[str, Act]:
    """Acts by kind; `apply` keeps and tells what they change."""

    def act(do: Do, fault: Fault, event: Event) -> bool:
        done = False
        targets = [*_targets(books, fault, event)]
        if do is _transfer:  # a wallet has no symbol: once
            targets = [*{account.uid: (account, symbol) for account, symbol in targets}.values()]
        for account, symbol in targets:
            try:
                done = do(books, account, symbol, fault, link_used) or done
            except Refusal:  # nothing to do it to, or not now: it is tried again at the next moment
                continue
        apply()
        return done

    return {kind: partial(act, do) for kind, do in _ACTS.items()}


def _targets(books: Books, fault: Fault, event: Event) -> Iterator[tuple[Account, str]]:
    """Accounts and symbols that the fault names; those of the event that set it off where it names none."""
    for account in [*books.accounts.values()]:
        if _is_meant(account.alias, fault.where.account, (event.account,)):
            for symbol in books.listings:
                if _is_meant(symbol, fault.where.symbol, event.symbols):
                    yield account, symbol


def _is_meant(name: str, pattern: str, of_event: tuple[str, ...]) -> bool:
    named = [each for each in of_event if each]
    return fnmatchcase(name, pattern) if pattern else not named or name in named


def _wish(symbol: str, **more: Any) -> dict[str, Any]:
    return {"category": "linear", "symbol": symbol, **more}


def _positions(account: Account, symbol: str) -> list[Position]:
    return [position for position in account.places(symbol) if position.steps]


def _close(books: Books, account: Account, symbol: str, fault: Fault, link_used: LinkUsed) -> bool:
    listing = books.listings[symbol]
    for position in _positions(account, symbol):
        held, steps = abs(position.steps), _share_of(position, listing, fault)
        side = "Sell" if position.steps > 0 else "Buy"
        qty = "0" if steps == held else plain(listing.qty_decimal(steps))  # zero closes what lies between two steps, too
        whole = {"reduceOnly": True, "closeOnTrigger": True, "positionIdx": position.idx}
        wish = _wish(symbol, side=side, orderType="Market", qty=qty, **whole)
        arrivals.create(books, account, wish, link_used)
        return True
    return False


def _open(books: Books, account: Account, symbol: str, fault: Fault, link_used: LinkUsed) -> bool:
    wish = _wish(symbol, side=fault.text("side"), orderType="Market", qty=fault.text("qty"))
    arrivals.create(books, account, wish, link_used)
    return True


def _cancel_all(books: Books, account: Account, symbol: str, fault: Fault, _: LinkUsed) -> bool:
    return bool(arrivals.cancel_all(books, account, _wish(symbol, orderFilter=_FILTERS[fault.text("what")])))


def _remove_stop(books: Books, account: Account, symbol: str, fault: Fault, _: LinkUsed) -> bool:
    naked = False
    for position in _positions(account, symbol):
        stop = account.orders.get(position.stop_id)
        if stop is not None and fault.text("by") == "venue":
            books.tell_orders(account, [books.end(account, stop, Status.DEACTIVATED, CancelType.LIQUIDATION_AHEAD)])
            books.tell_position(account, position)
            naked = True
        elif stop is not None:
            set_trading_stop(books, account, _wish(symbol, stopLoss="0", tpslMode="Full", positionIdx=position.idx))
            naked = True
    return naked


def _change_leverage(books: Books, account: Account, symbol: str, fault: Fault, _: LinkUsed) -> bool:
    text = f"{fault.number('leverage'):g}"
    modes.set_leverage(books, account, _wish(symbol, buyLeverage=text, sellLeverage=text))
    return True


def _liquidate(books: Books, account: Account, symbol: str, fault: Fault, _: LinkUsed) -> bool:
    for position in _positions(account, symbol):
        steps, ticks = _share_of(position, books.listings[symbol], fault), _ticks_now(books, symbol)
        if steps == abs(position.steps):
            take_over(books, account, position, ticks)
        else:
            sell_part(books, account, position, steps, ticks)
        return True
    return False


def _deleverage(books: Books, account: Account, symbol: str, fault: Fault, _: LinkUsed) -> bool:
    for position in _positions(account, symbol):
        steps = _share_of(position, books.listings[symbol], fault)
        deleverage(books, account, position, steps, _ticks_now(books, symbol))
        return True
    return False


def _transfer(books: Books, account: Account, _: str, fault: Fault, __: LinkUsed) -> bool:
    move_money(books, account, decimal_of(fault.number("usdt")))
    return True


def _share_of(position: Position, listing: Listing, fault: Fault) -> int:
    """The share of a position that the fault names, in whole steps of the rules: one at least, at most all of it."""
    held, apart = abs(position.steps), listing.steps_apart
    return min(max(round(held * fault.number("share") / apart) * apart, apart), held)


def _ticks_now(books: Books, symbol: str) -> int:
    listing = books.listings[symbol]
    return listing.whole_ticks(listing.last, up=False)


_FILTERS: Final = {"all": "", "orders": "Order", "stops": "StopOrder"}
_ACTS: Final[dict[str, Do]] = {
    "manual_close": _close,
    "manual_open": _open,
    "cancel_all": _cancel_all,
    "remove_stop": _remove_stop,
    "change_leverage": _change_leverage,
    "transfer": _transfer,
    "liquidate": _liquidate,
    "deleverage": _deleverage,
}
