"""May this key, and this account, be used? A pure reading of what the venue says about it, and of how long it lives."""

from typing import Final

from playd.core.modes import Environment
from playd.venues.port import AccountInfo, KeyInfo

CLASSIC: Final = (1, 2)
"""`unifiedMarginStatus` of accounts whose positions other calls would be needed for."""

MARGIN_MODES: Final = {"cross": "REGULAR_MARGIN", "isolated": "ISOLATED_MARGIN"}

LAST_DAYS: Final = 1
"""From this many days before expiry nothing may be started or armed on the account."""


def key_refusal(
    info: KeyInfo,
    environment: Environment,
    *,
    expected_uid: str = "",
    allow_unbound_key: bool = False,
) -> str | None:
    """The first reason not to use the key, or None. `expected_uid` is mandatory for `live`."""
    if environment is Environment.LIVE and not expected_uid:
        return "a live account needs expected_uid"
    if expected_uid and info.uid != expected_uid:
        return f"the key belongs to uid {info.uid}, expected_uid is {expected_uid}"
    if info.read_only:
        return "the key is read-only"
    if not info.can_trade:
        return "the key lacks ContractTrade Order and Position"
    if info.can_withdraw:
        return "the key may move funds (withdrawal or transfer): make one without these rights"
    if environment is Environment.LIVE and not info.bound_to_addresses and not allow_unbound_key:
        return "the key is not bound to addresses: bind it or set allow_unbound_key"
    return None


def mode_refusal(info: AccountInfo, margin_mode: str = "") -> str | None:
    """The first reason not to trade on an account for what it is, or None. `margin_mode` is `cross`, `isolated`, or either."""
    if info.unified_status in CLASSIC:
        return "it is a classic account: upgrade it to a unified one at the venue"
    wanted = MARGIN_MODES.get(margin_mode)
    if wanted is not None and info.margin_mode != wanted:
        return f"its margin mode is {info.margin_mode}, accounts.X.margin_mode says {margin_mode}: change one of the two"
    return None


def key_expires_soon(info: KeyInfo) -> bool:
    """Whether the key is so near its expiry that nothing new may be started with it."""
    return info.days_left is not None and info.days_left <= LAST_DAYS
