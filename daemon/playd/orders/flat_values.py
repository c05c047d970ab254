"""
Frozen dataclasses as JSON and back, exactly: fields by name in their order, decimals as texts, numbers that are none by name.

The same value gives the same text. What another program wrote, whose fields have other names, is refused and not guessed at.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")
_Turn = Callable[[Any], Any]


def flat(value: object) -> Any:
    """A value as what JSON holds."""
    kind: Any = type(value)
    return _teller(kind)(value)


def flat_text(value: object) -> str:
    """The same as text."""
    return orjson.dumps(flat(value)).decode()


def unflat(kind: type[T], told: Any) -> T:
    """The value that `flat` told. Raises `ValueError` where it is none of this program's, naming the field."""
    hint: Any = kind
    found: T = _reader(hint)(told)
    return found


@cache
def _teller(kind: Any) -> _Turn:
    """Chosen once for each type: an order waits for this."""
    if kind is Decimal:
        return str
    if kind is float:
        return _float
    if issubclass(kind, Enum):
        return attrgetter("value")
    if is_dataclass(kind):
        return _dataclass_teller(tuple(field.name for field in fields(kind)))
    if issubclass(kind, tuple | list):
        return lambda values: [flat(each) for each in values]
    if issubclass(kind, frozenset | set):
        return lambda values: sorted(flat(each) for each in values)
    if issubclass(kind, Mapping):
        return lambda values: {name: flat(each) for name, each in values.items()}
    return _itself


def _dataclass_teller(names: tuple[str, ...]) -> _Turn:
    return lambda value: {name: flat(getattr(value, name)) for name in names}


def _itself(value: Any) -> Any:
    return value


def _float(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)


@cache
def _reader(hint: Any) -> _Turn:
    """How what JSON holds becomes a value of an annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (read,) = [_reader(each) for each in args if each is not type(None)]
        return lambda told: None if told is None else read(told)
    if origin is tuple:
        return _tuple_reader(args)
    if origin is frozenset:
        return lambda told: frozenset(map(_reader(args[0]), told))
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Decimal | float | Enum):
        return hint
    return _itself


def _tuple_reader(args: tuple[Any, ...]) -> _Turn:
    if len(args) == 2 and args[1] is ...:
        return lambda told: tuple(map(_reader(args[0]), told))
    return lambda told: tuple(_reader(each)(value) for each, value in zip(args, told, strict=True))


def _dataclass_reader(kind: Any) -> _Turn:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def read(told: Any) -> Any:
        try:
            other = ", ".join(sorted(told.keys() ^ readers.keys()))
        except AttributeError as error:
            raise ValueError(f"{kind.__name__}: found {type(told).__name__}, expected fields") from error
        if other:
            raise ValueError(f"{kind.__name__}: found other fields than expected: {other}")
        return kind(**{name: readers[name](value) for name, value in told.items()})

    return read
