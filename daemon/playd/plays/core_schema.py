"""What a scalar of YAML 1.2 is: by its look in the core schema, or by the tag that its author wrote."""

import math
import re
from typing import Final

from ruamel.yaml.nodes import Node, SequenceNode

Scalar = bool | int | float | str | None

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "tag:yaml.org,2002:str": (str,),
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (int, float),
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:null": (type(None),),
}
"""What a tag promises of its value."""

_TAG: Final = re.compile(r"(&\S+\s+)?!")


def is_tagged(node: Node) -> bool:
    """Whether the author wrote a tag: then it decides, not the look of the text."""
    mark = node.start_mark
    return _TAG.match(mark.buffer, mark.index) is not None


_INT: Final = re.compile(r"[-+]?[0-9]+\Z")
OCTAL: Final = re.compile(r"[-+]?0[0-7]{1,300}\Z")
"""Digits that readers of YAML 1.1 took for octal ones."""

_BASED: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


def core_value(text: str) -> Scalar:
    """Value of a plain scalar by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        # Thousands of digits are no number of a Play, and Python refuses to convert them.
        return int(text) if len(text) <= 300 else math.inf
    if _BASED.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    return text


def fits_tag(tag: str, value: Scalar) -> bool:
    """Whether a scalar's value is what its tag says."""
    kinds = _KINDS.get(tag, ())
    return isinstance(value, kinds) and isinstance(value, bool) == (kinds == (bool,))


def is_plain_collection(node: Node) -> bool:
    """Whether a list or map has no tag of its own, or the one that says what it is anyway."""
    return str(node.tag) == ("tag:yaml.org,2002:seq" if isinstance(node, SequenceNode) else "tag:yaml.org,2002:map")
