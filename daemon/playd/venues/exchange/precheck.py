"""What an order would do to the margin of its account: tried out on a copy of the books, of which nothing stays."""

import copy
from decimal import Decimal
from typing import Any, Final

from playd.venues.exchange import arrivals
from playd.venues.exchange.refusal import PARAMETER, WRONG_ACCOUNT_MODE, Refusal
from playd.venues.exchange.requests import SignedAsk, SignedHandler
from playd.venues.exchange.rows import Row, wallet_row

_E4: Final = 10_000


def pre_check(ask: SignedAsk) -> dict[str, Any]:
    """Rates of initial and maintenance margin before and after, times 10 000. For accounts in cross margin, as at the venue."""
    if not ask.account.is_cross:
        raise Refusal(WRONG_ACCOUNT_MODE, "pre-check is not available in isolated margin mode")
    if ask.text("triggerPrice"):
        raise Refusal(PARAMETER, "params error: conditional orders cannot be checked")
    books = copy.deepcopy(ask.floor.books)
    account = books.accounts[ask.account.uid]
    before = wallet_row(account, books.listings)
    order = arrivals.create(books, account, ask.params, ask.floor.link_used)
    after = wallet_row(account, books.listings)
    return {
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
        "preImrE4": _rate(before, "accountIMRate"),
        "preMmrE4": _rate(before, "accountMMRate"),
        "postImrE4": _rate(after, "accountIMRate"),
        "postMmrE4": _rate(after, "accountMMRate"),
    }


def _rate(wallet: Row, name: str) -> int:
    return int(Decimal(wallet[name] or "0") * _E4)


WRITES: Final[dict[str, SignedHandler]] = {"/v5/order/pre-check": pre_check}
