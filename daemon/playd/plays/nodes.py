"""
From text to the nodes of YAML, in steps. Scanning is three quarters of all the reading of a Play.

ruamel.yaml composes a document in one piece; here its events become its nodes one after the other.
"""

from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import BaseResolver

from playd.plays.steps import Steps

_EVENTS_A_STEP: Final = 50
"""Begins and ends of values that are read in one step: about two milliseconds."""


def node_steps(text: str) -> Steps[Node | None]:
    """The root of the only document, None of an empty one. Raises as ruamel.yaml does."""
    yaml = YAML(typ="safe", pure=True)
    root: Node | None = None
    anchors: dict[str, Node] = {}
    open_ones: list[CollectionNode] = []
    keys: list[Node | None] = []
    """Of each that is open: the key whose value comes next."""
    for number, event in enumerate(yaml.parse(text)):
        if number % _EVENTS_A_STEP == 0:
            yield
        if isinstance(event, CollectionEndEvent):
            open_ones.pop()
            keys.pop()
        elif isinstance(event, DocumentStartEvent) and root is not None:
            expected, found = "expected a single document in the stream", "but found another document"
            raise ComposerError(expected, root.start_mark, found, event.start_mark)
        node = _node_of(event, yaml.resolver, anchors)
        if node is None:
            continue
        if not open_ones:
            root = node
        elif isinstance(open_ones[-1], SequenceNode):
            open_ones[-1].value.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            open_ones[-1].value.append((keys[-1], node))
            keys[-1] = None
        if isinstance(node, CollectionNode) and not isinstance(event, AliasEvent):
            open_ones.append(node)
            keys.append(None)
    return root


def _node_of(event: Event, resolver: BaseResolver, anchors: dict[str, Node]) -> Node | None:
    """The node that begins with an event, None when none does; what an alias names is the same node once more."""
    if isinstance(event, AliasEvent):
        if event.anchor not in anchors:
            raise ComposerError(None, None, f"found undefined alias {event.anchor!r}", event.start_mark)
        return anchors[event.anchor]
    node: Node
    if isinstance(event, ScalarEvent):
        tag = _tag_of(event, ScalarNode, event.value, resolver)
        node = ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style, anchor=event.anchor)
    elif isinstance(event, SequenceStartEvent | MappingStartEvent):
        kind = SequenceNode if isinstance(event, SequenceStartEvent) else MappingNode
        tag = _tag_of(event, kind, None, resolver)
        node = kind(tag, [], event.start_mark, None, flow_style=event.flow_style, anchor=event.anchor)
    else:
        return None
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _tag_of(
    event: ScalarEvent | SequenceStartEvent | MappingStartEvent, kind: type[Node], value: str | None, resolver: BaseResolver
) -> object:
    """The tag that is written, or the one that YAML gives such a value."""
    if event.ctag is None or str(event.ctag) == "!":
        return resolver.resolve(kind, value, event.implicit)
    return event.ctag
