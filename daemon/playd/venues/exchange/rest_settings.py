"""Settings of an account beside leverage and modes: disconnect protection, and questions whose answer is always the same."""

from decimal import Decimal
from typing import Any, Final

from playd.venues.exchange.config import DEMO
from playd.venues.exchange.dcp import PRODUCT, WINDOW_S
from playd.venues.exchange.margin import available
from playd.venues.exchange.refusal import NOT_ON_DEMO, PARAMETER, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, SignedAsk, SignedHandler
from playd.venues.exchange.rest_asset import coins
from playd.venues.exchange.rest_market import instrument_row
from playd.venues.exchange.text import plain
from playd.venues.exchange.wishes import flag

DEFAULT_WINDOW_S: Final = 10
LISTED_PAGE_MAX: Final = 200


def set_dcp(ask: SignedAsk) -> dict[str, Any]:
    """Ask for disconnect protection, which demo does not have. Other products than derivatives have no orders here."""
    if ask.floor.config.environment == DEMO:
        raise Refusal(NOT_ON_DEMO, "Demo trading is not supported")
    window_s = ask.number("timeWindow", DEFAULT_WINDOW_S)
    if not WINDOW_S[0] <= window_s <= WINDOW_S[1]:
        raise Refusal(PARAMETER, f"params error: timeWindow {window_s} is outside {WINDOW_S[0]} to {WINDOW_S[1]} seconds")
    product = ask.text("product") or "OPTIONS"
    if product not in (PRODUCT, "SPOT", "OPTIONS"):
        raise Refusal(PARAMETER, f"params error: product {product[:20]!r} invalid")
    if product == PRODUCT:
        ask.floor.dcp.set_window(ask.account.uid, window_s)
    return {}


def query_dcp(ask: SignedAsk) -> dict[str, Any]:
    """Empty unless it has been asked for."""
    window_s = ask.floor.dcp.window_s(ask.account.uid)
    row = {"product": PRODUCT, "dcpStatus": "ON", "timeWindow": str(window_s)}
    return {"dcpInfos": [row] if window_s else []}


def user_settings(ask: SignedAsk) -> dict[str, Any]:
    """`lpaPerp` says that limit prices outside the band are refused; otherwise they move to its edge."""
    return {
        "lpaSpot": False,
        "lpaPerp": ask.account.band_refuses,
        "deltaEnable": False,
        "smsef": False,
        "fmsef": False,
        "smpType": 0,
    }


def own_instruments(ask: SignedAsk) -> dict[str, Any]:
    """Instruments as this user may trade them."""
    page, cursor = ask.page(ask.listings(), ask.limit(LISTED_PAGE_MAX, LISTED_PAGE_MAX))
    rows = [{**instrument_row(ask, listing), "isPublicRpi": False, "myRpiPermission": False} for listing in page]
    return {"category": ask.text("category") or "linear", "nextPageCursor": cursor, "list": rows}


def collateral(ask: SignedAsk) -> dict[str, Any]:
    """The settlement coin counts in full, nothing can be borrowed."""
    row = {
        "currency": SETTLE_COIN,
        "hourlyBorrowRate": "0",
        "maxBorrowingAmount": "0",
        "freeBorrowingLimit": "0",
        "freeBorrowAmount": "0",
        "borrowAmount": "0",
        "availableToBorrow": "0",
        "otherBorrowAmount": "0",
        "borrowable": False,
        "borrowUsageRate": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
        "collateralRatio": "1",
    }
    return {"list": [row] if ask.text("currency") in ("", SETTLE_COIN) else []}


def smp_group(ask: SignedAsk) -> dict[str, Any]:
    """Nobody is in a group."""
    return {"smpGroup": 0}


def transferable(ask: SignedAsk) -> dict[str, Any]:
    """What is free of each coin that is asked for. It could be taken out if there were a way."""
    wallet = wallet_free(ask)
    asked = [coin for coin in ask.text("coinName").split(",") if coin in coins(ask)]
    if not asked:
        raise Refusal(PARAMETER, "params error: coinName invalid")
    amounts = {coin: wallet if coin == SETTLE_COIN else "0" for coin in asked}
    return {"availableWithdrawal": amounts[asked[0]], "availableWithdrawalMap": amounts}


def wallet_free(ask: SignedAsk) -> str:
    """The free balance in USDT."""
    return plain(max(available(ask.account, ask.floor.books.listings), Decimal(0)))


def no_rows(ask: SignedAsk) -> dict[str, Any]:
    """Nothing is borrowed, and there are no options."""
    return {"list": [], "nextPageCursor": ""}


def set_price_action(ask: SignedAsk) -> dict[str, Any]:
    """Whether limit prices outside the band move to its edge or are refused. One setting for all futures."""
    if ask.text("category") not in ("linear", "inverse"):
        raise Refusal(PARAMETER, "params error: category invalid")
    if not ask.text("modifyEnable"):
        raise Refusal(PARAMETER, "params error: modifyEnable is needed")
    ask.account.band_refuses = not flag(ask.params, "modifyEnable")
    ask.floor.books.changes.accounts.add(ask.account.uid)
    return {}


def confirm_margin_rate(ask: SignedAsk) -> dict[str, Any]:
    """No change of a maintenance margin rate is ever pending."""
    ask.listing()
    return {}


READS: Final[dict[str, SignedHandler]] = {
    "/v5/account/query-dcp-info": query_dcp,
    "/v5/account/user-setting-config": user_settings,
    "/v5/account/instruments-info": own_instruments,
    "/v5/account/collateral-info": collateral,
    "/v5/account/smp-group": smp_group,
    "/v5/account/withdrawal": transferable,
    "/v5/account/borrow-history": no_rows,
    "/v5/asset/coin-greeks": no_rows,
}
WRITES: Final[dict[str, SignedHandler]] = {
    "/v5/order/disconnected-cancel-all": set_dcp,
    "/v5/account/set-limit-px-action": set_price_action,
    "/v5/position/confirm-pending-mmr": confirm_margin_rate,
}
