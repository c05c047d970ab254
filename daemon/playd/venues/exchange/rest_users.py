"""Users below a master account, as a client asks for them at its start: everybody is a master of nobody."""

from typing import Any, Final

from playd.venues.exchange.requests import SignedAsk, SignedHandler

_NO_MORE: Final = "0"
"""The cursor behind the last page of users."""


def nobody(ask: SignedAsk) -> dict[str, Any]:
    return {"subMembers": [], "nextCursor": _NO_MORE}


def nobody_to_transfer_to(ask: SignedAsk) -> dict[str, Any]:
    return {"subMemberIds": [], "transferableSubMemberIds": []}


def no_keys(ask: SignedAsk) -> dict[str, Any]:
    """No user below this one has a key."""
    return {"result": [], "nextPageCursor": ""}


def kind_of_member(ask: SignedAsk) -> dict[str, Any]:
    """One account for everything."""
    return {"accounts": [{"uid": str(ask.account.uid), "accountType": ["UNIFIED"]}]}


READS: Final[dict[str, SignedHandler]] = {
    **dict.fromkeys(("/v5/user/query-sub-members", "/v5/user/submembers", "/v5/user/escrow_sub_members"), nobody),
    "/v5/user/sub-apikeys": no_keys,
    "/v5/user/get-member-type": kind_of_member,
    "/v5/asset/transfer/query-sub-member-list": nobody_to_transfer_to,
}
