"""Building the graph of a Program: columns and nodes, each computation once, in an order that kernels can run in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Final

from playd.kernels import asof, offset
from playd.kernels.compiled import Load, Row
from playd.plays.program import DERIVED_FIELDS, NUMBERS, Clock, Column, Meaning, Node
from playd.plays.steps import Steps

Ordered = tuple[tuple[Column, ...], tuple[Node, ...], dict[int, int]]
"""Columns, nodes, and old to new column numbers."""

_NODES_A_STEP: Final = 500
"""Nodes or columns that are put into their order in one step: about two milliseconds."""

NEVER_STALE_MS: Final = 2**50
"""A bar length so large that alignment never calls a value stale."""


@dataclass(slots=True)
class Graph:
    """Columns and nodes while they are being found; a clock exists once something is computed on it."""

    clocks: list[Clock]
    columns: list[Column] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    _fields: dict[tuple[int, str], int] = field(default_factory=dict)
    _known: dict[tuple[int, str, tuple[int, ...], bytes], tuple[int, ...]] = field(default_factory=dict)

    def clock(self, step_ms: int) -> int:
        """The place of the clock with bars of that length."""
        clock = Clock(step_ms)
        if clock not in self.clocks:
            self.clocks.append(clock)
        return self.clocks.index(clock)

    def candle(self, clock: int, name: str) -> int:
        """The column of a candle field."""
        key = (clock, name)
        if key not in self._fields:
            step_ms = self.clocks[clock].step_ms
            label = f"{name}@{self.clocks[clock].name}"
            self._fields[key] = len(self.columns)
            self.columns.append(Column(clock, label, -1, step_ms, self._slack_ms(clock), name))
        return self._fields[key]

    def _slack_ms(self, clock: int) -> int:
        """A slower clock may lose its first bar, which the history can cut."""
        return self.clocks[clock].step_ms if self.clocks[clock] != self.clocks[0] else 0

    def node(
        self,
        clock: int,
        kind: str,
        load: Load,
        inputs: Sequence[int],
        params: Row,
        state_size: int,
        lookback: int,
        firsts: Sequence[int],
        fade_bars: Sequence[int],
        labels: Sequence[str],
        *,
        meanings: Sequence[Meaning] = (),
        waits: bool = True,
    ) -> tuple[int, ...]:
        """
        The output columns of a computation, shared when it is known already.

        `firsts` and `fade_bars` say, per output, how many bars after the inputs it becomes valid, and settles. Without `waits`
        the former counts from the first bar of the clock, whatever the inputs need. `meanings`, per output: plain numbers if
        not given.
        """
        key = (clock, kind, tuple(inputs), params.tobytes())
        if key in self._known:
            return self._known[key]
        step_ms = self.clocks[clock].step_ms
        ready = max(self.columns[one].ready_ms for one in inputs) if waits else step_ms
        warm = max(self.columns[one].warmup_ms for one in inputs)
        outputs = tuple(range(len(self.columns), len(self.columns) + len(labels)))
        node = len(self.nodes)
        for label, first, fade, meaning in zip(labels, firsts, fade_bars, meanings or [NUMBERS] * len(labels), strict=True):
            settled_ms = warm + (first + fade) * step_ms
            self.columns.append(Column(clock, label, node, ready + first * step_ms, settled_ms, meaning=meaning))
        self.nodes.append(Node(clock, kind, load, tuple(inputs), params, state_size, lookback, outputs))
        self._known[key] = outputs
        return outputs

    def shifted(self, column: int, bars: int) -> int:
        """The column `bars` bars earlier on its own clock."""
        if bars == 0:
            return column
        source = self.columns[column]
        label = f"{source.name}[-{bars}]"
        params = offset.pack(bars)
        return self.node(
            source.clock,
            "offset",
            offset.kernel,
            (column,),
            params,
            offset.STATE_SIZE,
            bars,
            (bars,),
            (0,),
            (label,),
            meanings=(source.meaning,),
        )[0]

    def aligned(self, column: int, clock: int, *, stale: bool = True) -> int:
        """The column as seen from `clock`: closed bars only. With `stale` false, a value lasts until the next one."""
        source = self.columns[column]
        if source.clock == clock:
            return column
        inputs = (column, self.candle(source.clock, "close_time"), self.candle(clock, "close_time"))
        params = asof.pack(self.clocks[source.clock].step_ms if stale else NEVER_STALE_MS)
        label = f"{source.name}@{self.clocks[clock].name}"
        meanings, size = (source.meaning,), asof.STATE_SIZE
        return self.node(clock, asof.KIND, asof.kernel, inputs, params, size, 0, (0,), (0,), (label,), meanings=meanings)[0]

    def rename(self, column: int, name: str) -> None:
        """Give a column the name that people know it by, unless it has one."""
        known = self.columns[column]
        if known.node >= 0 and not known.name.startswith(("actions.", "setups.")):
            self.columns[column] = replace(known, name=name)

    def ordered(self, wanted: Sequence[int]) -> Steps[Ordered]:
        """
        In steps: what `wanted` needs, and nothing else: columns, nodes in execution order, and old to new column numbers.

        Nodes of one clock stand together as far as their inputs allow, so that a block of bars stays in the cache.
        """
        needed = self._needed(wanted)
        yield
        missing = {node: len(self._depends_on(node)) for node in needed}
        followers: dict[int, list[int]] = {node: [] for node in needed}
        for node in needed:
            for one in self._depends_on(node):
                followers[one].append(node)
        yield
        ready: dict[int, list[int]] = {clock: [] for clock in range(len(self.clocks))}
        for node in sorted(node for node in needed if not missing[node]):
            ready[self.nodes[node].clock].append(node)  # sorted, so a heap
        order: list[int] = []
        clock = max((self.nodes[i].clock for i in sorted(needed)), key=self._step_ms, default=0)
        while len(order) < len(needed):
            if not ready[clock]:
                clock = max((each for each, nodes in ready.items() if nodes), key=self._step_ms)
            node = heappop(ready[clock])
            order.append(node)
            if len(order) % _NODES_A_STEP == 0:
                yield
            for one in followers[node]:
                missing[one] -= 1
                if not missing[one]:
                    heappush(ready[self.nodes[one].clock], one)
        return (yield from self._renumbered(order, wanted))

    def _step_ms(self, clock: int) -> int:
        return self.clocks[clock].step_ms

    def _depends_on(self, node: int) -> set[int]:
        return {self.columns[one].node for one in self.nodes[node].inputs} - {-1}

    def _needed(self, wanted: Sequence[int]) -> set[int]:
        needed: set[int] = set()
        front = [self.columns[one].node for one in wanted]
        while front:
            node = front.pop()
            if node >= 0 and node not in needed:
                needed.add(node)
                front.extend(self._depends_on(node))
        return needed

    def _renumbered(
        self, order: list[int], wanted: Sequence[int]
    ) -> Steps[tuple[tuple[Column, ...], tuple[Node, ...], dict[int, int]]]:
        found: dict[int, None] = {}
        for node in order:
            fields = [one for one in self.nodes[node].inputs if self.columns[one].node < 0]
            found |= dict.fromkeys((*fields, *self.nodes[node].outputs))
        kept = [*(found | dict.fromkeys(wanted))]
        new = {old: number for number, old in enumerate(kept)}
        place = {old: number for number, old in enumerate(order)}
        columns: list[Column] = []
        for one in kept:
            if len(columns) % _NODES_A_STEP == 0:
                yield
            columns.append(replace(self.columns[one], node=place.get(self.columns[one].node, -1)))
        nodes: list[Node] = []
        for i in order:
            if len(nodes) % _NODES_A_STEP == 0:
                yield
            inputs, outputs = (tuple(new[one] for one in each) for each in (self.nodes[i].inputs, self.nodes[i].outputs))
            nodes.append(replace(self.nodes[i], inputs=inputs, outputs=outputs))
        return tuple(columns), tuple(nodes), new


def derived_fields(columns: Sequence[Column], clock: int) -> tuple[str, ...]:
    """The fields made from the open time that columns of a clock need."""
    return tuple(name for name in DERIVED_FIELDS if any(one.clock == clock and one.field == name for one in columns))
