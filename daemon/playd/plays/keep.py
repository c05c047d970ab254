"""
How much of the past a running Program keeps. Pure.

Kernels need their state and their look back, nothing older (`kernels.compiled`). Everything beyond that is kept for people, who
ask why a bar was decided as it was.
"""

from dataclasses import dataclass
from typing import Final

from playd.core.canonical import digest
from playd.kernels import asof
from playd.plays.program import Program

_BESIDE: Final = 2
"""Rows beyond the look back: the newest bar when the oldest kept one closed, and the bar a crossing compares with."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The bars of every clock that lie within the last `base_bars` base steps, and of every clock at least `least_bars`."""

    base_bars: int
    least_bars: int

    @property
    def spare_bars(self) -> int:
        """Base bars beyond what is kept that gather before anything is dropped: copying what stays then costs little a bar."""
        return max(self.base_bars // 8, 1)


def reaches(program: Program) -> tuple[int, ...]:
    """For each clock, how many bars before a kept one are kept as well, because its value was made of them."""
    found = [0] * len(program.clocks)
    for node in program.nodes:
        for one in node.inputs:
            clock = program.columns[one].clock
            found[clock] = max(found[clock], node.lookback)
    return tuple(reach + _BESIDE for reach in found)


def alignments(program: Program) -> tuple[tuple[int, int], ...]:
    """Nodes whose state holds a position in the rows of another clock, with that clock."""
    return tuple(
        (place, program.columns[node.inputs[0]].clock) for place, node in enumerate(program.nodes) if node.kind == asof.KIND
    )


def program_digest(program: Program) -> str:
    """Equal for two Programs whose kernels and rows have the same meaning, one by one."""
    nodes = [
        [node.kind, node.clock, list(node.inputs), node.params.tobytes().hex(), node.state_size, list(node.outputs)]
        for node in program.nodes
    ]
    columns = [[column.clock, column.node, column.field] for column in program.columns]
    return digest([[clock.step_ms for clock in program.clocks], program.exec_clock, columns, nodes])
