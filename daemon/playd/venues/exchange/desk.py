"""Where a signed request takes effect: rights, rate, handler, keep and tell. One way for REST and for the trade socket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from playd.venues.exchange import (
    precheck,
    rest_account,
    rest_asset,
    rest_batch,
    rest_demo,
    rest_position,
    rest_settings,
    rest_trade,
    rest_users,
)
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.keys import ORDER, POSITION, WITHDRAW, ApiKey
from playd.venues.exchange.model import Account
from playd.venues.exchange.rates import Allowance
from playd.venues.exchange.refusal import NOT_PERMITTED, TOO_MANY_VISITS, Refusal
from playd.venues.exchange.requests import SignedAsk, SignedHandler, check_category

READS: Final[dict[str, SignedHandler]] = {
    **rest_trade.READS,
    **rest_position.READS,
    **rest_account.READS,
    **rest_asset.READS,
    **rest_users.READS,
    **rest_settings.READS,
}
WRITES: Final[dict[str, SignedHandler]] = {
    **rest_trade.WRITES,
    **rest_batch.WRITES,
    **rest_position.WRITES,
    **rest_account.WRITES,
    **rest_settings.WRITES,
    **rest_demo.WRITES,
    **rest_asset.WRITES,
    **precheck.WRITES,
}


_RIGHTS: Final = {"/v5/order/": ORDER, "/v5/position/": POSITION, "/v5/asset/withdraw/": WITHDRAW}
"""What a key must be allowed to do for a request that changes something, by the begin of its path; others need no right."""

_RIGHT_OF: Final = {path: right for path in WRITES for begin, right in _RIGHTS.items() if path.startswith(begin)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the user, by which key, from which address. `conn_id` names the trade socket, empty for REST."""

    account: Account
    key: ApiKey
    address: str
    conn_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: code and text, the result, what the venue adds beside it, and what is left of the rate."""

    allowance: Allowance
    code: int = 0
    text: str = "OK"
    result: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def serve(floor: Floor, path: str, params: Mapping[str, Any], caller: Caller) -> Answer:
    """
    Do what a user asks by `path`, a key of `READS` or `WRITES`; keep and tell what changed before answering.

    What the books did before they refused stands, and is told too.
    """
    account = caller.account
    floor.market.stamp()
    number = floor.ledger.note(
        "request",
        uid=account.uid,
        key=caller.key.key,
        address=caller.address,
        conn=caller.conn_id,
        path=path,
        params=dict(params),
    )
    answer = _serve(floor, path, params, caller)
    result = answer.result if path in WRITES else {"rows": len(answer.result.get("list", ()))}
    floor.ledger.note(
        "answer", uid=account.uid, request=number, code=answer.code, text=answer.text, result=result, extra=answer.extra
    )
    return answer


def _serve(floor: Floor, path: str, params: Mapping[str, Any], caller: Caller) -> Answer:
    account = caller.account
    now_s, places = floor.world.clock.mono_s(), rest_batch.places(path, params)
    allowance = floor.rates.take(account.uid, path, now_s, places, account.vip)
    ask = SignedAsk(floor, params, account=account, key=caller.key, granted=allowance.granted)
    try:
        if allowance.refused:
            raise Refusal(TOO_MANY_VISITS, "Too many visits. Exceeded the API Rate Limit.")
        _check_rights(caller.key, path)
        check_category(path, params)
        result = (READS.get(path) or WRITES[path])(ask)
    except Refusal as refusal:
        floor.apply()
        return Answer(allowance, refusal.code, refusal.text, refusal.result)
    floor.apply()
    return Answer(allowance, result=result, extra=ask.extra)


def _check_rights(key: ApiKey, path: str) -> None:
    right = _RIGHT_OF.get(path)
    if path in WRITES and (key.read_only or (right is not None and not key.may(right))):
        raise Refusal(NOT_PERMITTED, "Permission denied, please check your API key permissions.")
