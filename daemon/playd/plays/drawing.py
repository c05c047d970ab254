"""A Program as a drawing, inputs left of what reads them: DOT for graph tools, or SVG that a browser shows."""

from collections import defaultdict
from dataclasses import dataclass
from math import isfinite
from typing import Final
from xml.sax.saxutils import escape

from playd.plays.program import Node, Program

_LETTER: Final = 6.2
"""Width of a letter of the drawing's font, in pixels."""

_LINE, _PAD, _GAP_X, _GAP_Y, _MARGIN = 14, 8, 60, 14, 20
_COLOURS: Final = ("#e8f0fe", "#e6f4ea", "#fef7e0", "#fce8e6", "#f3e8fd", "#e4f7fb")


@dataclass(frozen=True, slots=True)
class _Box:
    """A kernel or a candle field: its lines of text, its clock, the boxes it reads, and whether decisions read it."""

    lines: tuple[str, ...]
    clock: int
    inputs: tuple[str, ...]
    signal: bool


def dot(program: Program) -> str:
    """The graph in the DOT language, one cluster per clock."""
    boxes = _boxes(program)
    lines = ["digraph play {", "  rankdir=LR;", '  node [shape=box, fontname="monospace", fontsize=10];']
    for number, clock in enumerate(program.clocks):
        lines += [f"  subgraph cluster_{number} {{", f'    label="{clock.name}";']
        for name, box in boxes.items():
            if box.clock == number:
                label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in box.lines)
                style = ", style=bold" if box.signal else ""
                lines.append(f'    {name} [label="{label}"{style}];')
        lines.append("  }")
    lines += [f"  {source} -> {name};" for name, box in boxes.items() for source in box.inputs]
    return "\n".join([*lines, "}"]) + "\n"


def svg(program: Program) -> str:
    """The graph as one SVG picture; the colour of a box says its clock, a thick frame that decisions read it."""
    boxes = _boxes(program)
    layers = _layers(boxes)
    places: dict[str, tuple[float, float, float, float]] = {}
    x, height = float(_MARGIN), 0.0
    for layer in layers:
        width = max(max(len(line) for line in boxes[name].lines) for name in layer) * _LETTER + 2 * _PAD
        y = float(_MARGIN + 2 * _LINE)
        for name in sorted(layer, key=lambda one: _middle(boxes[one], places)):
            tall = len(boxes[name].lines) * _LINE + _PAD
            places[name] = (x, y, width, tall)
            y += tall + _GAP_Y
        x, height = x + width + _GAP_X, max(height, y)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{x:.0f}" height="{height + _MARGIN:.0f}" '
        f'font-family="monospace" font-size="10">'
    )
    wires = [_wire(places[source], places[name]) for name, box in boxes.items() for source in box.inputs]
    return (
        "\n".join([head, *_legend(program), *wires, *(_drawn(box, places[name]) for name, box in boxes.items()), "</svg>"])
        + "\n"
    )


def _boxes(program: Program) -> dict[str, _Box]:
    """Boxes by an id, candle fields first."""
    columns, signals = program.columns, set(program.signals.values())
    fields = {
        f"c{number}": _Box((column.name,), column.clock, (), number in signals)
        for number, column in enumerate(columns)
        if column.node < 0 and any(number in node.inputs for node in program.nodes)
    }
    nodes = {}
    for number, node in enumerate(program.nodes):
        sources = (f"c{one}" if columns[one].node < 0 else f"n{columns[one].node}" for one in node.inputs)
        names = tuple(columns[one].name for one in node.outputs)
        read = bool(signals & set(node.outputs))
        nodes[f"n{number}"] = _Box((*names, _kernel_text(node)), node.clock, tuple(dict.fromkeys(sources)), read)
    return {**fields, **nodes}


def _kernel_text(node: Node) -> str:
    numbers = " ".join(f"{value:g}" for value in node.params if isfinite(value))
    return f"{node.kind} {numbers}".strip()


def _layers(boxes: dict[str, _Box]) -> list[list[str]]:
    """Boxes by their longest way from the candles. Inputs come before what reads them."""
    depth: dict[str, int] = {}
    layers: dict[int, list[str]] = defaultdict(list)
    for name, box in boxes.items():
        depth[name] = max((depth[source] + 1 for source in box.inputs), default=0)
        layers[depth[name]].append(name)
    return [layers[level] for level in sorted(layers)]


def _middle(box: _Box, places: dict[str, tuple[float, float, float, float]]) -> float:
    """Height at which the inputs of a box stand on average, so that wires cross little."""
    heights = [places[source][1] for source in box.inputs]
    return sum(heights) / len(heights) if heights else 0.0


def _wire(source: tuple[float, float, float, float], target: tuple[float, float, float, float]) -> str:
    x1, y1 = source[0] + source[2], source[1] + source[3] / 2
    x2, y2 = target[0], target[1] + target[3] / 2
    bend = (x2 - x1) / 2
    curve = f"M{x1:.0f},{y1:.0f} C{x1 + bend:.0f},{y1:.0f} {x2 - bend:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
    return f'<path d="{curve}" fill="none" stroke="gray"/>'


def _drawn(box: _Box, place: tuple[float, float, float, float]) -> str:
    x, y, width, tall = place
    colour, frame = _COLOURS[box.clock % len(_COLOURS)], 2.5 if box.signal else 0.8
    lines = [
        f'<text x="{x + _PAD:.0f}" y="{y + _LINE * (i + 1):.0f}">{escape(line)}</text>' for i, line in enumerate(box.lines)
    ]
    rect = f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{tall:.0f}" rx="3" fill="{colour}" stroke="black" '
    return "\n".join([f'{rect}stroke-width="{frame}"/>', *lines])


def _legend(program: Program) -> list[str]:
    return [
        f'<text x="{_MARGIN + 60 * number}" y="{_MARGIN}">'
        f'<tspan fill="{_COLOURS[number % len(_COLOURS)]}" stroke="black" stroke-width="0.4">■</tspan> {clock.name}</text>'
        for number, clock in enumerate(program.clocks)
    ]
