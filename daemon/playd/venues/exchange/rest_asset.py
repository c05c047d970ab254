"""Coins and balances as clients ask for them at start. There is one coin with money in it, and no way in or out."""

from typing import Any, Final

from playd.venues.exchange.requests import SETTLE_COIN, Ask, SignedAsk, SignedHandler
from playd.venues.exchange.rows import Row
from playd.venues.exchange.text import plain


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


READS: Final[dict[str, SignedHandler]] = {
    "/v5/asset/coin/query-info": coin_info,
    "/v5/asset/transfer/query-account-coins-balance": coin_balance,
}
