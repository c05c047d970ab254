"""What a Play comes to, as text for `playd play show`: the normal form with every default, clocks, warm-up, nodes."""

from math import isfinite

import orjson

from playd.core.timeframes import MINUTE_MS
from playd.plays.model import Play
from playd.plays.program import Program


def describe_play(play: Play) -> str:
    """The normalised Play: hashes, warnings, and the normal form as indented JSON, in the order of the file format."""
    lines = [
        f"play {play.name}  hash {play.play_hash[:16]}  source {play.source_hash[:16]}",
        *play.warnings,
        orjson.dumps(play.normal_form, option=orjson.OPT_INDENT_2).decode(),
    ]
    return "\n".join(lines)


def describe_program(program: Program) -> str:
    """Clocks, the history to load, the signals, and one line per node in execution order."""
    return "\n".join([*_clock_lines(program), *_signal_lines(program), *_node_lines(program)])


def _clock_lines(program: Program) -> list[str]:
    names = []
    for number, clock in enumerate(program.clocks):
        marks = [word for word, at in (("base", 0), ("execution", program.exec_clock)) if number == at]
        names.append(f"{clock.name} ({', '.join(marks)})" if marks else clock.name)
    return [f"clocks: {', '.join(names)}", f"history before the window: {_span(program.warmup_ms)}"]


def _signal_lines(program: Program) -> list[str]:
    return ["signals:", *(f"  {name}: {program.columns[column].name}" for name, column in program.signals.items())]


def _node_lines(program: Program) -> list[str]:
    lines = ["nodes:"]
    for node in program.nodes:
        clock = program.clocks[node.clock]
        outputs = ", ".join(program.columns[one].name for one in node.outputs)
        inputs = ", ".join(dict.fromkeys(program.columns[one].name for one in node.inputs))
        numbers = " ".join(f"{value:g}" for value in node.params if isfinite(value))
        ready = program.columns[node.outputs[0]].ready_ms // clock.step_ms
        lines.append(f"  {clock.name:>4}  {outputs} = {node.kind}({inputs}; {numbers}), first value after {ready} bars")
    return lines


def _span(length_ms: int) -> str:
    minutes = length_ms // MINUTE_MS
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts) or "none"
