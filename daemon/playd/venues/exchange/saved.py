"""Accounts, positions and orders as JSON text and back, exactly."""

from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeVar, get_type_hints

import orjson

from playd.venues.exchange.model import Account, Order, Position

T = TypeVar("T", Account, Order, Position)

_KEPT_APART: Final = frozenset({"positions", "orders"})
"""Fields of an account that have rows of their own."""

_OF_ACCOUNT: Final = tuple(field.name for field in fields(Account) if field.name not in _KEPT_APART)


def dump(thing: Account | Order | Position) -> str:
    """JSON of the fields. Decimals and words are texts."""
    if isinstance(thing, Account):
        return orjson.dumps({name: getattr(thing, name) for name in _OF_ACCOUNT}, default=str).decode()
    return orjson.dumps(thing, default=str).decode()


def load(kind: type[T], text: str) -> T:
    """The value that `dump` wrote."""
    converters = _CONVERTERS[kind]
    values = {name: converters[name](value) if name in converters else value for name, value in orjson.loads(text).items()}
    return kind(**values)


def _converters(kind: type) -> dict[str, Any]:
    """How JSON becomes the fields that JSON cannot hold."""
    return {
        name: hint
        for name, hint in get_type_hints(kind).items()
        if hint is Decimal or (isinstance(hint, type) and issubclass(hint, Enum))
    }


_CONVERTERS: Final = {kind: _converters(kind) for kind in (Account, Order, Position)}
