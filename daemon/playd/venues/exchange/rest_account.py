"""The account itself: wallet, settings, fees, log, key."""

from datetime import UTC, datetime
from typing import Any, Final

from playd.core.timeframes import DAY_MS
from playd.venues.exchange import modes
from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.margin import BPS
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, SignedAsk, SignedHandler
from playd.venues.exchange.rest_trade import row_list
from playd.venues.exchange.rows import Row, empty_coin, wallet_row
from playd.venues.exchange.text import float_text

NEVER_MS: Final = 3650 * DAY_MS
"""How far ahead the end of a key lies that has none."""


def wallet_balance(ask: SignedAsk) -> dict[str, Any]:
    """The wallet. Coins without money are left out unless `coin` names them."""
    if ask.text("accountType") != "UNIFIED":
        raise Refusal(PARAMETER, "params error: accountType must be UNIFIED")
    row = wallet_row(ask.account, ask.floor.books.listings)
    asked = [coin for coin in ask.text("coin").split(",") if coin]
    if asked:
        held = {each["coin"]: each for each in row["coin"]}
        row["coin"] = [held.get(coin) or empty_coin(coin) for coin in asked]
    return {"list": [row]}


def info(ask: SignedAsk) -> dict[str, Any]:
    window_s = ask.floor.dcp.window_s(ask.account.uid)
    return {
        "marginMode": ask.account.margin_mode,
        "unifiedMarginStatus": 5,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
        "updatedTime": "0",
        "dcpStatus": "ON" if window_s else "OFF",
        "timeWindow": window_s,
        "smpGroup": 0,
    }


def fee_rate(ask: SignedAsk) -> dict[str, Any]:
    """Of the symbol that is asked for, or of all; nothing in other categories."""
    account = ask.account
    rates = {"takerFeeRate": float_text(account.taker_bps / BPS), "makerFeeRate": float_text(account.maker_bps / BPS)}
    return {"list": [{"symbol": listing.instrument.symbol, **rates} for listing in ask.listings()]}


def set_margin_mode(ask: SignedAsk) -> dict[str, Any]:
    modes.set_margin_mode(ask.floor.books, ask.account, ask.params)
    return {"reasons": []}


def transaction_log(ask: SignedAsk) -> dict[str, Any]:
    """Everything that changed the wallet, newest first; the sum of `change` is the wallet balance."""
    if ask.is_elsewhere() or ask.text("currency") not in ("", SETTLE_COIN):
        return ask.nothing()
    if ask.text("transSubType"):
        return ask.nothing()  # no row here has one
    equals = {column: ask.text(name) for name, column in (("type", "type"), ("symbol", "symbol")) if ask.text(name)}
    if ask.text("baseCoin"):
        equals["symbol"] = ask.text("baseCoin") + SETTLE_COIN
    return row_list(ask.floor.records.log(ask.account.uid, equals, ask.period(DAY_MS), ask.limit(20, 50), ask.text("cursor")))


def query_api(ask: SignedAsk) -> dict[str, Any]:
    """What this key is and may do."""
    return key_row(ask.key, ask.floor.world.clock.wall_ms(), ask.account.vip)


def key_row(key: ApiKey, wall_ms: int, vip: int = 0) -> Row:
    """A key as its user sees it. Keys that are bound to addresses show no meaningful end, as at the venue."""
    expires_ms = 0 if key.addresses else key.expires_ms or wall_ms + NEVER_MS
    return {
        "id": str(key.uid),
        "note": key.note,
        "apiKey": key.key,
        "readOnly": int(key.read_only),
        "secret": "",
        "permissions": key.permissions(),
        "ips": list(key.addresses) or ["*"],
        "type": 1,
        "deadlineDay": -2 if key.addresses else (expires_ms - wall_ms) // DAY_MS,
        "expiredAt": _rfc3339(expires_ms),
        "createdAt": _rfc3339(key.created_ms),
        "uta": 1,
        "unified": 0,
        "userID": key.uid,
        "inviterID": 0,
        "vipLevel": f"VIP-{vip}" if vip else "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": key.secret if key.rsa else "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
    }


def _rfc3339(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


READS: Final[dict[str, SignedHandler]] = {
    "/v5/account/wallet-balance": wallet_balance,
    "/v5/account/info": info,
    "/v5/account/fee-rate": fee_rate,
    "/v5/account/transaction-log": transaction_log,
    "/v5/user/query-api": query_api,
}
WRITES: Final[dict[str, SignedHandler]] = {
    "/v5/account/set-margin-mode": set_margin_mode,
}
