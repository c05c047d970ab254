"""Money for demo accounts, on request."""

from decimal import Decimal
from typing import Any, Final

from playd.venues.exchange import log_rows
from playd.venues.exchange.config import DEMO
from playd.venues.exchange.refusal import NO_FUNDS, NOT_PERMITTED, PARAMETER, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, SignedAsk, SignedHandler
from playd.venues.exchange.text import exact_sum
from playd.venues.exchange.wishes import decimal

MOST_USDT: Final = 100_000
_ADD, _REDUCE = 0, 1


def apply_money(ask: SignedAsk) -> dict[str, Any]:
    """Add to or take from the wallet; on demo only. There is no account in other coins than USDT."""
    if ask.floor.config.environment != DEMO:
        raise Refusal(NOT_PERMITTED, "demo funds are for demo accounts")
    kind = ask.number("adjustType", _ADD)
    if kind not in (_ADD, _REDUCE):
        raise Refusal(PARAMETER, f"params error: adjustType {kind} invalid")
    asked = ask.params.get("utaDemoApplyMoney")
    if not isinstance(asked, list) or not asked or not all(isinstance(each, dict) for each in asked):
        raise Refusal(PARAMETER, "params error: utaDemoApplyMoney must be a list of coin and amountStr")
    amount = sum((_amount(each) for each in asked), Decimal(0))
    account, books = ask.account, ask.floor.books
    change = amount if kind == _ADD else -amount
    if exact_sum(account.wallet, change) < 0:
        raise Refusal(NO_FUNDS, "the wallet has less than that")
    account.wallet = exact_sum(account.wallet, change)
    books.changes.log.append((account.uid, log_rows.deposit(account, change, books.time.now_ms, books.next_sequence())))
    books.tell_wallet(account)
    return {}


def _amount(asked: dict[str, Any]) -> Decimal:
    coin, amount = str(asked.get("coin")), decimal(asked, "amountStr")
    if coin != SETTLE_COIN:
        raise Refusal(PARAMETER, f"params error: the local exchange has no account in {coin[:10]!r}, only in {SETTLE_COIN}")
    if amount is None or not 0 < amount <= MOST_USDT:
        raise Refusal(PARAMETER, f"params error: amountStr must be above 0 and at most {MOST_USDT}")
    return amount


WRITES: Final[dict[str, SignedHandler]] = {"/v5/account/demo-apply-money": apply_money}
