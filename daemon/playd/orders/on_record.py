"""Values that many rows name, such as the limits of an account: each stands once in `meta`, under the digest of its text."""

from hashlib import sha256
from typing import Final, TypeVar

import orjson

from playd.orders.flat_values import flat_text, unflat
from playd.orders.ledger import Ledger

T = TypeVar("T")

LIMITS: Final = "limits"
"""Kind of `OrderSettings`: all numbers that bound the entries of an account or an instance."""

RULES: Final = "rules"
"""Kind of `Instrument`."""

_KNOWN: Final = 1000
"""Values remembered: more than all instances of a daemon have limits and symbols."""


def named(kind: str, value: object) -> tuple[str, str]:
    """The key of a frozen value, and its text."""
    text = flat_text(value)
    return f"{kind}:{sha256(text.encode()).hexdigest()[:16]}", text


class OnRecord:
    """Puts values on record and reads them. Synchronous; commits nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._keys: dict[int, tuple[object, str]] = {}
        """By identity, with the value so that nothing else gets its number: hashing one costs an entry more than this."""

    def key(self, kind: str, value: object) -> str:
        """The key of a frozen value, which is written if it is new. Not inside a step that may be undone."""
        held = self._keys.get(id(value))
        if held is not None and held[0] is value:
            return held[1]
        key, text = named(kind, value)
        if self._ledger.meta(key) is None:
            self._ledger.set_meta(key, text)
        if len(self._keys) >= _KNOWN:
            self._keys.clear()
        self._keys[id(value)] = value, key
        return key

    def read(self, kind: type[T], key: str) -> T:
        """The value under a key. Raises `LookupError` when there is none, `ValueError` for one of another program."""
        text = self._ledger.meta(key)
        if text is None:
            raise LookupError(f"{key} is not on record")
        return unflat(kind, orjson.loads(text))
