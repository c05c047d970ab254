"""Coins and balances as clients ask for them at start. There is one coin with money in it, and no way in or out."""

from typing import Any, Final

from playd.venues.exchange.refusal import WITHDRAWAL_CLOSED, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, Ask, SignedAsk, SignedHandler
from playd.venues.exchange.rows import Row
from playd.venues.exchange.text import plain

_ON_CHAIN: Final = ("deposit/query-record", "deposit/query-internal-record", "withdraw/query-record")
_TRANSFERS: Final = ("query-inter-transfer-list", "query-universal-transfer-list")


def coin_info(ask: SignedAsk) -> dict[str, Any]:
    """Every coin that a listed symbol is made of. No chain: nothing can be deposited or withdrawn."""
    wanted = ask.text("coin")
    return {"rows": [_coin(name) for name in coins(ask) if wanted in ("", name)]}


def coins(ask: Ask) -> list[str]:
    """The settlement coin first, then the base coins in the order of their symbols."""
    return [SETTLE_COIN, *(symbol.removesuffix(SETTLE_COIN) for symbol in ask.floor.books.listings)]


def coin_balance(ask: SignedAsk) -> dict[str, Any]:
    """The unified wallet, asked for as an asset."""
    wallet = plain(ask.account.wallet)
    row = {"coin": SETTLE_COIN, "walletBalance": wallet, "transferBalance": wallet, "bonus": "0"}
    wanted = ask.text("coin")
    chosen = [row] if wanted in ("", SETTLE_COIN) else []
    return {"memberId": str(ask.account.uid), "accountType": ask.text("accountType") or "UNIFIED", "balance": chosen}


def _coin(name: str) -> Row:
    return {"name": name, "coin": name, "remainAmount": "0", "chains": []}


def one_coin_balance(ask: SignedAsk) -> dict[str, Any]:
    """The balance of the coin that is asked for; zero of one that nobody has here."""
    coin = ask.text("coin")
    wallet = plain(ask.account.wallet) if coin == SETTLE_COIN else "0"
    row = {"coin": coin, "walletBalance": wallet, "transferBalance": wallet, "bonus": "0"}
    kind, uid = ask.text("accountType") or "UNIFIED", str(ask.account.uid)
    return {"accountId": uid, "accountType": kind, "bizType": 1, "memberId": uid, "balance": row}


def withdraw(ask: SignedAsk) -> dict[str, Any]:
    """Nothing: a key may have the right to it, and no coin has a way out. Raises `Refusal`."""
    coin = ask.text("coin")[:20]
    raise Refusal(WITHDRAWAL_CLOSED, f"Withdrawal of this currency has been closed: {coin!r} has no chain here")


def nothing_on_chain(ask: SignedAsk) -> dict[str, Any]:
    """There is no chain: nothing was ever deposited or withdrawn."""
    return {"rows": [], "nextPageCursor": ""}


def no_transfers(ask: SignedAsk) -> dict[str, Any]:
    """There is one account for everything: nobody has moved anything between two."""
    return {"list": [], "nextPageCursor": ""}


def no_deliveries(ask: SignedAsk) -> dict[str, Any]:
    """Contracts with a date, and USDC perpetuals with their settlements, are not listed here."""
    return ask.nothing()


READS: Final[dict[str, SignedHandler]] = {
    "/v5/asset/coin/query-info": coin_info,
    "/v5/asset/transfer/query-account-coins-balance": coin_balance,
    "/v5/asset/transfer/query-account-coin-balance": one_coin_balance,
    **dict.fromkeys((f"/v5/asset/{name}" for name in _ON_CHAIN), nothing_on_chain),
    **dict.fromkeys((f"/v5/asset/transfer/{name}" for name in _TRANSFERS), no_transfers),
    **dict.fromkeys(("/v5/asset/delivery-record", "/v5/asset/settlement-record"), no_deliveries),
}
WRITES: Final[dict[str, SignedHandler]] = {"/v5/asset/withdraw/create": withdraw}
