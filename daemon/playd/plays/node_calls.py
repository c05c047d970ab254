"""
Kernels at work on the rows of one Program: over whole rows, or over one block of bars at a time without keeping the rest.

A bar index has no meaning to a kernel, so that a block can lie at the beginning of a short row as well as in the middle of a
long one. Only kernels that look back, or across clocks, need whole rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from playd.kernels.compiled import Kernel, Row, Table
from playd.plays.program import Program

BLOCK_BARS: Final = 8192
"""Bars that all nodes of a clock work through before the next: eight rows of a block are half a second-level cache."""

BLOCK_ROOM: Final = BLOCK_BARS + 8
"""
Length of a row of a block. At a power of two the same bar of all rows would compete for a few places of the first-level cache,
and a kernel with many outputs would take twice as long.
"""


@dataclass(frozen=True, slots=True, eq=False)
class WholeCall:
    """A node whose inputs and outputs are whole rows."""

    kernel: Kernel
    inputs: tuple[Row, ...]
    params: Row
    state: Row
    table: Table

    def run(self, start: int, stop: int) -> None:
        """Work through the bars `start…stop`."""
        self.kernel(self.inputs, self.params, self.state, self.table, start, stop)


@dataclass(frozen=True, slots=True, eq=False)
class BlockCall:
    """
    A node that sees one block of bars at a time. `passing` says which inputs are rows of one block; the others are whole.

    The table is one block if it is `forgotten`, else one whole row, of which any piece is contiguous.
    """

    kernel: Kernel
    inputs: tuple[Row, ...]
    passing: tuple[bool, ...]
    params: Row
    state: Row
    table: Table
    forgotten: bool

    def run(self, start: int, stop: int) -> None:
        """Work through the bars `start…stop`, at most a block."""
        inputs = tuple(row if short else row[start:stop] for row, short in zip(self.inputs, self.passing, strict=True))
        table = self.table if self.forgotten else self.table[:, start:stop]
        self.kernel(inputs, self.params, self.state, table, 0, stop - start)


def in_blocks(program: Program, stages: Sequence[Sequence[int]]) -> tuple[frozenset[int], frozenset[int]]:
    """
    Nodes that can run block by block when only signals are wanted, and those of them whose outputs need not be kept.

    `stages` are nodes that run one after the other over the same block.
    """
    nodes, columns = program.nodes, program.columns
    stage_of = {i: number for number, stage in enumerate(stages) for i in stage}
    kept = {columns[one].node for one in program.signals.values()}
    blockwise = set[int]()
    for i in reversed(range(len(nodes))):  # whoever reads a node comes after it, and so is settled before it
        sources = {columns[one].node for one in nodes[i].inputs} - {-1}
        crosses = any(columns[one].clock != nodes[i].clock for one in nodes[i].inputs)
        if nodes[i].lookback or crosses or (i in kept and len(nodes[i].outputs) > 1):
            kept |= {i, *sources}
        else:
            blockwise.add(i)
            kept |= {source for source in sources if stage_of[source] != stage_of[i]}
    return frozenset(blockwise), frozenset(blockwise - kept)
