"""
From blocks of actions to one truth per action, as decisions read them.

Where exits of a side close different shares of the position, the first true one in the order of the list says which.

Decisions try exits before entries, and of two entries the long first. Blocks may say otherwise about the two entries only,
because a position is what exits need and entries exclude: where a short is emitted before a long, a column says when it is
tried first.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from playd.kernels import certain, chosen
from playd.plays.graph import Graph
from playd.plays.model import ActionName, Block, Emit
from playd.plays.steps import Steps
from playd.plays.truths import TruthCompiler

_NO_PARAMS = np.empty(0)

EXEC_CLOSES: Final = "timeframes.exec"
"""Name of the column that is true at the decisions at which the execution clock closes, where others are between them."""


class BlockCompiler:
    """Compiles the blocks of one Play, each on the clock on which it is looked at, into columns of the decision clock."""

    def __init__(self, graph: Graph, exec_clock: int, decisions: TruthCompiler, names: dict[str, int]) -> None:
        """`decisions` compiles on the decision clock. `names` gets what is compiled under its path."""
        self._graph = graph
        self._exec_clock = exec_clock
        self._decisions = decisions
        self._names = names

    def signals(self, blocks: Sequence[Block], truths: Sequence[TruthCompiler]) -> Steps[dict[str, int]]:
        """
        In steps: column of each action that is emitted, of each side's share that changes from exit to exit, and of the
        short's turn where it may come first (`program.SIGNALS`).

        `truths`: per block, what compiles its conditions.
        """
        emissions: list[tuple[Emit, int]] = []
        for i, (block, clock) in enumerate(zip(blocks, truths, strict=True)):
            emissions += yield from self._emissions(block, i, clock)
        actions = dict.fromkeys(emit.action for emit, _ in emissions)
        signals = {str(action): self._signal(action, emissions) for action in actions}
        return signals | self._shares(emissions) | self._short_first(emissions)

    def _shares(self, emissions: list[tuple[Emit, int]]) -> dict[str, int]:
        """Per side, the percentage of its first true exit; absent when all of them close the same share."""
        found: dict[str, int] = {}
        for side in ("exit_long", "exit_short"):
            exits = [(emit.percent, column) for emit, column in emissions if emit.action in ("exit_all", side)]
            percents, columns = [percent for percent, _ in exits], [column for _, column in exits]
            if len(set(percents)) > 1:
                clock, label, params = self._graph.columns[columns[0]].clock, f"{side}_pct", chosen.pack(percents)
                load, size = partial(chosen.kernel, len(columns)), chosen.STATE_SIZE
                found[label] = self._graph.node(clock, "chosen", load, columns, params, size, 0, (0,), (0,), (label,))[0]
        return found

    def _emissions(self, block: Block, number: int, truths: TruthCompiler) -> Steps[list[tuple[Emit, int]]]:
        """What the block emits with the column that is true when it does, in order."""
        path = f"actions[{number}]"
        if len(block.cases) == 1 and not block.otherwise:
            case = block.cases[0]
            own_name = len(case.emit) == 1 and block.id == case.emit[0].action
            when = yield from truths.truth(case.when, f"actions.{block.id}" if own_name else f"{path}.cases[0].when")
            fired = self._due(when, f"{path}.cases[0]")
            return [(emit, fired) for emit in case.emit]
        whens: list[int] = []
        for k, case in enumerate(block.cases):
            whens.append((yield from truths.truth(case.when, f"{path}.cases[{k}].when")))
        emissions: list[tuple[Emit, int]] = []
        for k, case in enumerate(block.cases):
            place = f"{path}.cases[{k}]"
            fired = self._due(self._unless(whens[k], whens[:k], truths, place), place)
            emissions.extend((emit, fired) for emit in case.emit)
        if block.otherwise:
            none = [truths.combined("not", (when,), f"{path}.else.not[{k}]") for k, when in enumerate(whens)]
            fired = self._due(truths.combined("all", none, f"{path}.else"), f"{path}.else")
            emissions.extend((emit, fired) for emit in block.otherwise)
        return emissions

    def _due(self, column: int, path: str) -> int:
        """The column as decisions see it; one of the execution clock is true at its own closes only."""
        if self._graph.columns[column].clock == self._decisions.clock:
            return column
        self._names.setdefault(EXEC_CLOSES, self._decisions.closing(self._exec_clock))
        return self._decisions.at_closes(column, f"{path}.due")

    def _signal(self, action: ActionName, emissions: list[tuple[Emit, int]]) -> int:
        fired = dict.fromkeys(column for emit, column in emissions if emit.action == action)
        return self._decisions.combined("any", list(fired), f"actions.{action}")

    def _short_first(self, emissions: list[tuple[Emit, int]]) -> dict[str, int]:
        """True where an entry_short is, and no entry_long that is emitted before it; absent where every long stands before."""
        path, entries = "actions.short_first", [one for one in emissions if one[0].action in ("entry_long", "entry_short")]
        last = max((place for place, (emit, _) in enumerate(entries) if emit.action == "entry_long"), default=0)
        longs, turns = list[int](), list[int]()
        for emit, column in entries[:last]:
            if emit.action == "entry_long":
                longs.append(column)
                continue
            here = f"{path}[{len(turns)}]"
            if longs:  # those before an earlier short are in one column: machine code is made for each number of inputs
                longs = [self._decisions.combined("any", longs, f"{here}.any")]
            turns.append(self._unless(column, longs, self._decisions, here))
        return {"short_first": self._decisions.combined("any", turns, path)} if turns else {}

    def _unless(self, column: int, others: list[int], truths: TruthCompiler, path: str) -> int:
        """True where `column` is true and none of `others` is; an unknown one does not hinder. All are of one clock."""
        if not others:
            return column
        hindrances = [truths.combined("not", (self._certain(one),), f"{path}.not[{k}]") for k, one in enumerate(others)]
        return truths.combined("all", [self._certain(column), *hindrances], path)

    def _certain(self, column: int) -> int:
        known = self._graph.columns[column]
        label = f"certain({known.name})"
        return self._graph.node(
            known.clock, "certain", certain.kernel, (column,), _NO_PARAMS, certain.STATE_SIZE, 0, (0,), (0,), (label,)
        )[0]
