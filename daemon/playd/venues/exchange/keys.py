"""API keys: whose they are, what they may do, from where, until when, and on which of the venue's environments."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from playd.venues.exchange.config import MAINNET
from playd.venues.exchange.records import Records

ORDER: Final = "Order"
POSITION: Final = "Position"
WITHDRAW: Final = "Withdraw"
TRADING: Final = (ORDER, POSITION)
RIGHTS: Final[dict[str, tuple[str, ...]]] = {
    "ContractTrade": TRADING,
    "Derivatives": ("DerivativesTrade",),
    "Spot": ("SpotTrade",),
    "Options": ("OptionsTrade",),
    "Wallet": ("AccountTransfer", "SubMemberTransfer", WITHDRAW),
    "Exchange": ("ExchangeHistory",),
    **dict.fromkeys(("CopyTrading", "BlockTrade", "NFT", "Affiliate", "Earn"), ()),
}
"""Every right that a key may have, by the group that `query-api` lists it under. Only the first group opens something here."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """
    One key of one user. `secret` signs with HMAC; for `rsa` it is the public key in PEM form, and the user has the other half.

    `addresses` empty means any. `expires_ms` and `created_ms` are wall-clock epoch ms; 0 never expires.
    """

    key: str
    secret: str
    uid: int
    note: str = ""
    read_only: bool = False
    rights: tuple[str, ...] = (*TRADING, "DerivativesTrade")
    addresses: tuple[str, ...] = ()
    environment: str = MAINNET
    rsa: bool = False
    created_ms: int = 0
    expires_ms: int = 0

    def may(self, right: str) -> bool:
        return right in self.rights

    def permissions(self) -> dict[str, list[str]]:
        """Rights by group, empty groups included."""
        return {group: [right for right in names if right in self.rights] for group, names in RIGHTS.items()}


class KeyRing:
    """Every key of an exchange, in memory and in its records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._keys = {key.key: key for key in map(_load, records.keys())}

    def find(self, key: str) -> ApiKey | None:
        return self._keys.get(key)

    def of_user(self, uid: int) -> Iterator[ApiKey]:
        """The user's keys, oldest first."""
        return (key for key in self._keys.values() if key.uid == uid)

    def keep(self, key: ApiKey) -> None:
        """Add a key, or replace the one of that name."""
        self._records.keep_key(key.key, orjson.dumps(asdict(key)).decode())
        self._keys[key.key] = key


def _load(text: str) -> ApiKey:
    fields: dict[str, Any] = orjson.loads(text)
    return ApiKey(**{**fields, "rights": tuple(fields["rights"]), "addresses": tuple(fields["addresses"])})
