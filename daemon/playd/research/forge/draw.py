"""Seeded choices, and values of keys and parameters within what their tables allow."""

import math
from collections.abc import Sequence
from typing import Final, TypeVar

from numpy.random import PCG64, Generator, SeedSequence

from playd.kernels.spec import ParamSpec
from playd.plays.reader import Key, Table

T = TypeVar("T")

_LONGEST: Final = 30
"""Numbers of bars are drawn up to this much above the least, so that kernels become ready on short markets."""

_DIGITS: Final = 4
_ANYWHERE: Final = 0.2
"""How often a key with a whole range above 0 is drawn from all of it."""

_WORD: Final = 0.4
"""How often a number that may be a word is one."""

_LEVELS: Final = (-0.272, 0.0, 0.236, 0.382, 0.5, 0.618, 0.786, 1.0, 1.618)


class Draw:
    """The same key, the same choices in the same order."""

    def __init__(self, *key: int) -> None:
        """Numbers of `key` are not negative."""
        self._random = Generator(PCG64(SeedSequence(key)))

    def chance(self, share: float) -> bool:
        """True in so many cases of 1."""
        return bool(self._random.random() < share)

    def integer(self, low: int, high: int) -> int:
        """Both ends included."""
        return int(self._random.integers(low, high, endpoint=True))

    def number(self, low: float, high: float) -> float:
        """Between the two, with few digits; evenly in size where both are above 0 and far apart."""
        if low > 0 and high / low > 20:
            value = math.exp(float(self._random.uniform(math.log(low), math.log(high))))
        else:
            value = float(self._random.uniform(low, high))
        return min(max(float(f"{value:.{_DIGITS}g}"), low), high)

    def one_of(self, choices: Sequence[T]) -> T:
        """One of a sequence that is not empty."""
        return choices[self.integer(0, len(choices) - 1)]

    def some(self, choices: Sequence[T], least: int, most: int) -> list[T]:
        """So many different ones, in random order; as many as there are when that is less."""
        order = self._random.permutation(len(choices))
        return [choices[int(i)] for i in order[: self.integer(min(least, len(choices)), min(most, len(choices)))]]

    def key(self, key: Key) -> bool | int | float | str:
        """A value that a table allows for a number, an integer, a word or a boolean. ValueError for other kinds."""
        if key.words:
            return self.one_of(key.words)
        if key.kind == "bool":
            return self.chance(0.5)
        if key.kind == "int":
            low = int(key.low or 0)
            return self.integer(low, low + _LONGEST if key.high is None else min(low + _LONGEST, int(key.high)))
        if key.kind != "number":
            raise ValueError(f"the forge cannot draw a value of kind {key.kind} for `{key.name}`")
        if key.low and key.high and self.chance(_ANYWHERE):
            return self.number(key.low, key.high)
        return self.number(*_bounds(key))

    def keys(self, table: Table, names: Sequence[str], share: float = 0.4) -> dict[str, object]:
        """Those required of these keys of a table, and of the others each in so many cases of 1."""
        known = [table.key(name) for name in names]
        return {key.name: self.key(key) for key in known if key.required or self.chance(share)}

    def param(self, spec: ParamSpec) -> object:
        """A value of a parameter. ValueError for a kind that is not known here."""
        if spec.kind == "word":
            return self.one_of(spec.words)
        if spec.kind == "bool":
            return self.chance(0.5)
        if spec.kind == "numbers":
            return self.some([level for level in _LEVELS if spec.lo <= level <= spec.hi], 1, min(4, spec.most))
        if spec.kind == "int":
            return self.integer(int(spec.lo), int(min(spec.hi, spec.lo + _LONGEST)))
        if spec.kind == "float":
            if spec.words and self.chance(_WORD):
                return self.one_of(spec.words)
            low = max(spec.lo, 0.1) if spec.above_lo else max(spec.lo, -10.0)
            return self.number(low, min(spec.hi, 10.0))
        raise ValueError(f"the forge cannot draw a parameter of kind {spec.kind}, `{spec.name}`")


def _bounds(key: Key) -> tuple[float, float]:
    """Around the default where there is one, else from the lowest value, or a little above it, on."""
    low = -10.0 if key.low is None else key.low
    high = math.inf if key.high is None else key.high
    if isinstance(key.default, int | float) and key.default > 0:
        return max(low, 0.3 * key.default), min(high, 3.0 * key.default)
    if low == 0 and key.above:
        return min(0.1, high), min(high, 2000.0)
    return low, min(high, low + 10)
