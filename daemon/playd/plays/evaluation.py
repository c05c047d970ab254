"""
When conditions are looked at.

A block of actions is looked at as a whole, because its cases exclude each other: at every minute when one of its conditions,
setups included, names the price of a minute, else at the closes of the execution clock. A setup has no clock of its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from playd.core.timeframes import MINUTE_MS, NAME_OF_MS
from playd.plays.conditions import Arith, Expr, Operand, Ref, UseSetup, children_of, operands_of
from playd.plays.model import Block, Play
from playd.plays.names import MINUTE_PRICES

_PLACE: Final = re.compile(r"(actions|setups)(\[\d+\]|\.\w+)")
"""The beginning of a path: a block of actions or a setup."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    Attributes:
        exec_ms: Bar length of the execution clock.
        blocks_ms: Bar length of the evaluation clock of each block, in the order of the blocks.
        setups_ms: Those of the clocks on which a setup is looked at, by its name; of the execution clock if nothing uses it.
        names: Of each block: in the mapping form the name of its action.
    """

    exec_ms: int
    blocks_ms: tuple[int, ...]
    setups_ms: Mapping[str, frozenset[int]]
    names: tuple[str, ...]

    @property
    def decision_ms(self) -> int:
        """Bar length of the clock on which decisions are due: that of the minute if a block needs it, else of execution."""
        return min((self.exec_ms, *self.blocks_ms))

    def clocks_of(self, path: str) -> tuple[int, ...]:
        """Bar lengths of the clocks on which what stands at `path` is looked at, fastest first; none if it was not read."""
        found = _PLACE.match(path)
        if found is None:
            return ()
        section, place = found[1], found[2].strip(".[]")
        if section == "setups":
            return tuple(sorted(self.setups_ms.get(place, ())))
        number = int(place) if place.isdigit() else self.names.index(place) if place in self.names else len(self.names)
        return self.blocks_ms[number : number + 1]

    def path_of_setup(self, name: str, clock_ms: int) -> str:
        """The path of a setup on one clock: one that is looked at on two has two truths, and so two paths."""
        twice = len(self.setups_ms[name]) > 1 and clock_ms != self.exec_ms
        return f"setups.{name}@{NAME_OF_MS[clock_ms]}" if twice else f"setups.{name}"


def evaluation_of(play: Play) -> Evaluation:
    """The clocks of a checked Play."""
    return evaluation(play.timeframes.exec_ms, play.setups, play.actions)


def evaluation(exec_ms: int, setups: Sequence[tuple[str, Expr]], blocks: Sequence[Block]) -> Evaluation:
    """The clocks of `blocks`, which use `setups`; setups that form a cycle or are missing are looked at as far as they go."""
    known = dict(setups)
    blocks_ms: list[int] = []
    clocks: dict[str, set[int]] = {name: set() for name in known}
    for block in blocks:
        used = set[str]()
        conditions = [one for case in block.cases for one in _with_setups(case.when, known, used)]
        is_minutely = any(
            ref.id in MINUTE_PRICES for one in conditions for operand in operands_of(one) for ref in _refs(operand)
        )
        blocks_ms.append(MINUTE_MS if is_minutely else exec_ms)
        for name in used:
            clocks[name].add(blocks_ms[-1])
    setups_ms = {name: frozenset(found or (exec_ms,)) for name, found in clocks.items()}
    return Evaluation(exec_ms, tuple(blocks_ms), setups_ms, tuple(block.id for block in blocks))


def _with_setups(expr: Expr, setups: Mapping[str, Expr], used: set[str]) -> Iterator[Expr]:
    """Every node of a tree and of the setups below it, each of those once; their names are added to `used`."""
    yield expr
    if isinstance(expr, UseSetup) and expr.name in setups and expr.name not in used:
        used.add(expr.name)
        yield from _with_setups(setups[expr.name], setups, used)
    for child in children_of(expr):
        yield from _with_setups(child, setups, used)


def _refs(operand: Operand) -> Iterator[Ref]:
    if isinstance(operand, Ref):
        yield operand
    elif isinstance(operand, Arith):
        yield from _refs(operand.left)
        yield from _refs(operand.right)
