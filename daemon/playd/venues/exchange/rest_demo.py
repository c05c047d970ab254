"""Money for demo accounts, on request."""

from decimal import Decimal
from typing import Any, Final

from playd.venues.exchange.config import DEMO
from playd.venues.exchange.moved_money import move_money
from playd.venues.exchange.refusal import NOT_PERMITTED, PARAMETER, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, SignedAsk, SignedHandler
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
    move_money(ask.floor.books, ask.account, amount if kind == _ADD else -amount)
    return {}


def _amount(asked: dict[str, Any]) -> Decimal:
    coin, amount = str(asked.get("coin")), decimal(asked, "amountStr")
    if coin != SETTLE_COIN:
        raise Refusal(PARAMETER, f"params error: the local exchange has no account in {coin[:10]!r}, only in {SETTLE_COIN}")
    if amount is None or not 0 < amount <= MOST_USDT:
        raise Refusal(PARAMETER, f"params error: amountStr must be above 0 and at most {MOST_USDT}")
    return amount


WRITES: Final[dict[str, SignedHandler]] = {"/v5/account/demo-apply-money": apply_money}
