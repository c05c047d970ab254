"""Positions of a user: rows, leverage, levels, closed profit."""

from typing import Any, Final

from playd.venues.exchange import added_margin, arrivals, modes
from playd.venues.exchange.config import DEMO
from playd.venues.exchange.refusal import NOT_FOR_UNIFIED, NOT_ON_DEMO, PARAMETER, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, SignedAsk, SignedHandler
from playd.venues.exchange.rest_market import tier_rows
from playd.venues.exchange.rest_trade import row_list
from playd.venues.exchange.rows import by_rest
from playd.venues.exchange.text import plain
from playd.venues.exchange.trading_stop import set_trading_stop
from playd.venues.exchange.wishes import read_position_idx

POSITIONS_MAX: Final = 200


def positions(ask: SignedAsk) -> dict[str, Any]:
    """With `symbol` its row, also when flat; with `settleCoin` open positions only."""
    if ask.is_elsewhere():
        return ask.nothing()
    books, account = ask.floor.books, ask.account
    if ask.text("symbol"):
        listing = arrivals.listing_of(books, ask.params)
        chosen = modes.positions_of(books, account, listing.instrument.symbol)
    elif ask.text("settleCoin") or ask.text("baseCoin"):
        base = ask.text("baseCoin")
        mine = (position for position in account.positions.values() if position.steps)
        chosen = [position for position in mine if base in ("", position.symbol.removesuffix(SETTLE_COIN))]
    else:
        raise Refusal(PARAMETER, "params error: symbol or settleCoin is needed")
    page, cursor = ask.page(chosen, ask.limit(20, POSITIONS_MAX))
    rows = [by_rest("position", books.position_row(account, position)) for position in page]
    return {"category": "linear", "nextPageCursor": cursor, "list": rows}


def leverages(ask: SignedAsk) -> dict[str, Any]:
    """Leverage of every place of the symbol that is asked for, or of all that the account has, with or without a position."""
    if ask.is_elsewhere():
        return {"category": ask.text("category"), "list": []}
    books, account = ask.floor.books, ask.account
    if ask.text("symbol"):
        found = modes.positions_of(books, account, ask.listing().instrument.symbol)
    else:
        found = [*account.positions.values()]
    rows = [
        {
            "symbol": position.symbol,
            "leverage": plain(position.leverage),
            "side": str(position.side or ""),
            "positionIdx": position.idx,
        }
        for position in found
    ]
    return {"category": "linear", "list": rows}


def set_leverage(ask: SignedAsk) -> dict[str, Any]:
    modes.set_leverage(ask.floor.books, ask.account, ask.params)
    return {}


def trading_stop(ask: SignedAsk) -> dict[str, Any]:
    set_trading_stop(ask.floor.books, ask.account, ask.params)
    return {}


def switch_mode(ask: SignedAsk) -> dict[str, Any]:
    modes.switch_mode(ask.floor.books, ask.account, ask.params)
    return {}


def switch_isolated(ask: SignedAsk) -> dict[str, Any]:
    """A margin mode by symbol, which only accounts of the older kind have; see `set-margin-mode`. Raises `Refusal`."""
    raise Refusal(NOT_FOR_UNIFIED, "unified account is forbidden")


def set_levels_mode(ask: SignedAsk) -> dict[str, Any]:
    return {"tpSlMode": modes.set_levels_mode(ask.floor.books, ask.account, ask.params)}


def set_risk_limit(ask: SignedAsk) -> dict[str, Any]:
    """The tier that is named, and no effect: the tier of a position follows its value, as at the venue. Raises `Refusal`."""
    books, listing = ask.floor.books, ask.listing()
    arrivals.place_for(books, ask.account, listing.instrument.symbol, read_position_idx(ask.params))
    named = [row for row in tier_rows(listing) if row["id"] == ask.number("riskId", 0)]
    if not named:
        raise Refusal(PARAMETER, f"params error: riskId {ask.text('riskId')[:20]!r} invalid")
    return {"category": "linear", "riskId": named[0]["id"], "riskLimitValue": named[0]["riskLimitValue"]}


def move_positions(ask: SignedAsk) -> dict[str, Any]:
    """From one user of a master account to another: nobody has two. Raises `Refusal`."""
    if ask.floor.config.environment == DEMO:
        raise Refusal(NOT_ON_DEMO, "Demo trading is not supported")
    raise Refusal(PARAMETER, "params error: fromUid and toUid are not two users of one master account")


def nothing_moved(ask: SignedAsk) -> dict[str, Any]:
    """No position was ever moved."""
    return {"list": [], "nextPageCursor": ""}


def set_auto_margin(ask: SignedAsk) -> dict[str, Any]:
    added_margin.set_auto_margin(ask.floor.books, ask.account, ask.params)
    return {}


def add_margin(ask: SignedAsk) -> dict[str, Any]:
    """The row of the position as it is afterwards."""
    books = ask.floor.books
    position = added_margin.add_margin(books, ask.account, ask.params)
    return books.position_row(ask.account, position)


def closed_pnl(ask: SignedAsk) -> dict[str, Any]:
    """What closing orders earned, newest first."""
    if ask.is_elsewhere():
        return ask.nothing()
    equals = {"symbol": ask.text("symbol")} if ask.text("symbol") else {}
    return row_list(ask.floor.records.closed_pnl(ask.account.uid, equals, ask.period(), ask.limit(50, 100), ask.text("cursor")))


READS: Final[dict[str, SignedHandler]] = {
    "/v5/position/list": positions,
    "/v5/position/symbol-info": leverages,
    "/v5/position/closed-pnl": closed_pnl,
    "/v5/position/move-history": nothing_moved,
}
WRITES: Final[dict[str, SignedHandler]] = {
    "/v5/position/set-leverage": set_leverage,
    "/v5/position/trading-stop": trading_stop,
    "/v5/position/switch-mode": switch_mode,
    "/v5/position/switch-isolated": switch_isolated,
    "/v5/position/set-tpsl-mode": set_levels_mode,
    "/v5/position/set-risk-limit": set_risk_limit,
    "/v5/position/move-positions": move_positions,
    "/v5/position/set-auto-add-margin": set_auto_margin,
    "/v5/position/add-margin": add_margin,
}
