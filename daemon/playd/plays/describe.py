"""What a Play comes to, as text for `playd play show`: the normal form with every default, clocks, warm-up, nodes."""

from collections import Counter
from collections.abc import Mapping
from math import isfinite
from typing import Final

from playd.core.timeframes import MINUTE_MS
from playd.plays.comments import Comments
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.formatting import write_play
from playd.plays.model import Play
from playd.plays.program import Node, Program

_NOWHERE: Final = Mark(1, 1)

_MANY: Final = 8
"""Outputs of one node that are worth a line each time; an indicator has fewer, most structures more."""


def describe_play(play: Play) -> str:
    """The normalised Play: hashes, warnings, and the normal form as a Play file, with every default written."""
    lines = [
        f"# play {play.name}  hash {play.play_hash[:16]}  source {play.source_hash[:16]}",
        *(f"# {warning}" for warning in play.warnings),
        write_play(as_document(play.normal_form), Comments()),
    ]
    return "\n".join(lines)


def describe_program(program: Program) -> str:
    """Clocks with the history to load, kernels, the signals, and one line per node in execution order."""
    return "\n".join([*_clock_lines(program), *_kernel_lines(program), *_signal_lines(program), *_node_lines(program)])


def program_form(program: Program) -> dict[str, object]:
    """What `describe_program` says, for programs."""
    columns = program.columns
    return {
        "clocks": [
            {
                "name": clock.name,
                "base": number == 0,
                "execution": number == program.exec_clock,
                "decisions": number == program.decision_clock,
                "warmup_bars": _warmup_bars(program, number),
            }
            for number, clock in enumerate(program.clocks)
        ],
        "warmup_ms": program.warmup_ms,
        "kernels": dict(sorted(Counter(node.kind for node in program.nodes).items())),
        "signals": {name: columns[column].name for name, column in program.signals.items()},
        "nodes": [
            {
                "clock": program.clocks[node.clock].name,
                "kernel": node.kind,
                "inputs": [columns[one].name for one in node.inputs],
                "params": [value for value in node.params.tolist() if isfinite(value)],
                "outputs": [columns[one].name for one in node.outputs],
                "first_bar": columns[node.outputs[0]].ready_ms // program.clocks[node.clock].step_ms,
            }
            for node in program.nodes
        ],
    }


def as_document(form: Mapping[str, object]) -> Map:
    """JSON-able values as a document."""
    item = _item(form)
    assert isinstance(item, Map)
    return item


def _item(value: object) -> Item:
    if isinstance(value, Mapping):
        return Map(tuple(Entry(str(key), _NOWHERE, _item(one)) for key, one in value.items()), _NOWHERE)
    if isinstance(value, list | tuple):
        return Sequence(tuple(_item(one) for one in value), _NOWHERE)
    assert value is None or isinstance(value, bool | int | float | str)
    return Leaf(value, _NOWHERE)


def _warmup_bars(program: Program, clock: int) -> int:
    """Bars of a clock that must come before the window for everything on it to have settled."""
    longest = max((column.warmup_ms for column in program.columns if column.clock == clock), default=0)
    return -(-longest // program.clocks[clock].step_ms)


def _clock_lines(program: Program) -> list[str]:
    lines = ["clocks:"]
    for number, clock in enumerate(program.clocks):
        roles = [("base", 0), ("execution", program.exec_clock)]
        if program.decision_clock != program.exec_clock:
            roles.append(("decisions", program.decision_clock))
        marks = [word for word, at in roles if number == at]
        what = f" ({', '.join(marks)})" if marks else ""
        lines.append(f"  {clock.name}{what}: warm-up {_warmup_bars(program, number)} bars")
    return [*lines, f"history before the window: {_span(program.warmup_ms)}"]


def _kernel_lines(program: Program) -> list[str]:
    counts = sorted(Counter(node.kind for node in program.nodes).items())
    return [f"kernels: {', '.join(f'{kind} × {count}' if count > 1 else kind for kind, count in counts) or 'none'}"]


def _signal_lines(program: Program) -> list[str]:
    return ["signals:", *(f"  {name}: {program.columns[column].name}" for name, column in program.signals.items())]


def _node_lines(program: Program) -> list[str]:
    lines = ["nodes:"]
    for node in program.nodes:
        clock = program.clocks[node.clock]
        outputs = _outputs(program, node)
        inputs = ", ".join(dict.fromkeys(program.columns[one].name for one in node.inputs))
        numbers = " ".join(f"{value:g}" for value in node.params if isfinite(value))
        ready = program.columns[node.outputs[0]].ready_ms // clock.step_ms
        lines.append(f"  {clock.name:>4}  {outputs} = {node.kind}({inputs}; {numbers}), first value after {ready} bars")
    return lines


def _outputs(program: Program, node: Node) -> str:
    """Names of the outputs, of many only those that something reads, and how many more there are."""
    names = [program.columns[one].name for one in node.outputs]
    if len(names) <= _MANY:
        return ", ".join(names)
    read = {one for other in program.nodes for one in other.inputs} | set(program.signals.values())
    shown = [program.columns[one].name for one in node.outputs if one in read]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"


def _span(length_ms: int) -> str:
    minutes = length_ms // MINUTE_MS
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts) or "none"
