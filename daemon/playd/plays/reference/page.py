"""
`daemon/play-reference.md`, from the tables and catalogs of the language. `make generated` writes it, and a golden test holds
the shipped page to what this says.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from playd.core.timeframes import MINUTE_MS
from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.kernels.spec import IndicatorSpec, Value
from playd.kernels.structures.spec import ATR, StructureSpec
from playd.plays.normal_form import NOT_HASHED
from playd.plays.ranges import DETECTOR_RANGES, INDICATOR_RANGES, Interval
from playd.plays.reference import indicator_words, prose, structure_words
from playd.plays.reference.conditions import conditions_chapter, names_chapter
from playd.plays.reference.finding_words import FINDINGS
from playd.plays.reference.kind_words import KindWords
from playd.plays.reference.language import CONTENTS, HEAD, file_rules, limits, time_rules
from playd.plays.reference.market_words import MARKETS
from playd.plays.reference.money import money_chapter
from playd.plays.reference.rows import NOTHING, code, codes, param_row, table, type_of
from playd.plays.reference.sections import actions_chapter, sections_chapter
from playd.plays.reference.verdict_words import VERDICTS
from playd.plays.reference.worked_play import PIECES, worked_play

SAMPLE: Final[dict[str, dict[str, Value]]] = {
    "swing": {"left": 5, "right": 3},
    "fibonacci": {"levels": (0.5,)},
    "derived_zone": {"levels": (0.5,), "max_active": 1},
    "rolling_window": {"size": 20, "source": "high", "mode": "max"},
    "zone": {"zone_type": "demand", "width_atr": 1.0},
}
"""Parameters that must be written, for detectors whose outputs depend on them."""

_AS_IT_IS: Final = ("|", "```", "    ", "#", "* ")
"""How a block begins whose lines are not wrapped."""

fill: Final = partial(textwrap.fill, width=128, break_long_words=False, break_on_hyphens=False)

_PARAM_HEAD: Final = ("parameter", "takes", "default", "meaning")


def page_text() -> str:
    """The whole page."""
    chapters = {
        "A Play, line by line": _worked(),
        "The file": file_rules(NOT_HASHED) + "\n**Limits.** " + limits(),
        "Sections and keys": sections_chapter(),
        "Time": time_rules(),
        "What a condition may name": names_chapter(),
        "Conditions": conditions_chapter(),
        "Actions": actions_chapter(),
        "Stop, target and size": money_chapter(),
        "Indicators": prose.INDICATORS + "".join(_indicator(CATALOG[name]) for name in sorted(CATALOG)),
        "Structures": prose.STRUCTURES.replace("{ATR}", str(_atr_bars()))
        + "".join(_structure(spec) for spec in STRUCTURES.values()),
        "Candle patterns": prose.CANDLES,
        "Synthetic markets": prose.MARKETS + table(("name", "price"), [(code(name), text) for name, text in MARKETS.items()]),
        "Why nothing was done": prose.VERDICTS
        + table(("verdict", "meaning"), [(code(one), text) for one, text in VERDICTS.items()]),
        "What the checker finds": prose.FINDINGS + table(("code", "meaning"), [(one, text) for one, text in FINDINGS.items()]),
        "What a Play cannot do": prose.CANNOT,
    }
    contents = "".join(f"* [{title}](#{_anchor(title)})\n" for title in CONTENTS)
    body = "".join(f"\n## {title}\n\n{_wrapped(chapters[title])}" for title in CONTENTS)
    return f"{_wrapped(HEAD)}\n{contents}{body}"


def _anchor(title: str) -> str:
    """The name by which a link finds a title."""
    return re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-")


def _worked() -> str:
    rows, line = [], 1
    for text, words in PIECES:
        rows.append((str(line), code(text.strip().rstrip("\n")), words))
        line += text.count("\n")
    return f"```yaml\n{worked_play()}```\n\n{table(('line', '', 'what it says'), rows)}"


def _indicator(spec: IndicatorSpec) -> str:
    words = indicator_words.INDICATORS[spec.name]
    params = [param_row(one, indicator_words.parameters_of(spec.name)[one.name]) for one in spec.params]
    outputs = [
        (
            f"**{code(one.name)}**" if one.name == spec.primary else code(one.name),
            type_of(one.type),
            _range(INDICATOR_RANGES, (spec.name, one.name)),
            formula(words.first.get(one.name, words.first.get("", ""))),
            words.outputs[one.name],
        )
        for one in spec.outputs
    ]
    return (
        f"\n### {spec.name}\n\n{words.meaning}\n\nReads {_reads(spec)}. Fades over: {formula(words.fade)} bars.\n\n"
        + (table(_PARAM_HEAD, params) + "\n" if params else "")
        + table(("output", "type", "values", "first", "meaning"), outputs)
    )


def _reads(spec: IndicatorSpec) -> str:
    """What an indicator is made of, as people say it."""
    names = {"src": "*source*", "reference": "close of the second symbol"}
    shown = [names.get(one, one) for one in spec.inputs if one not in ("index", "time") and not one.startswith("swing.")]
    return ", ".join([*shown, *(["a swing on its clock"] if any(one.startswith("swing.") for one in spec.inputs) else [])])


def _structure(spec: StructureSpec) -> str:
    words = structure_words.STRUCTURES[spec.name]
    params = [param_row(one, structure_words.parameters_of(spec.name)[one.name]) for one in spec.params]
    return (
        f"\n### {spec.name}\n\n{words.meaning}\n\nUses: {_uses(spec)}. Warm-up: {_warmup(spec, words)}.\n\n"
        + (table(_PARAM_HEAD, params) + "\n" if params else "")
        + table(("output", "type", "values", "meaning"), _outputs(spec, words.outputs))
    )


def _atr_bars() -> int:
    """Warm-up of the ATR that a detector has without `atr_key`."""
    return CATALOG[ATR].warmup(CATALOG[ATR].defaults(), MINUTE_MS)


def _outputs(spec: StructureSpec, words: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    for one in spec.outputs(spec.settled(SAMPLE.get(spec.name, {}))):
        name = shown_name(one.name)
        values = codes(one.words) if one.words else _range(DETECTOR_RANGES, one.name)
        yield code(name), type_of(one.type), values, words[name]


def shown_name(output: str) -> str:
    """An output with a letter in place of the number that is chosen in the file."""
    return re.sub(r"^zone\[\d+\]", "zone[N]", re.sub(r"^level\[.*\]", "level[x]", output))


def _uses(spec: StructureSpec) -> str:
    """What a detector reads beside candles."""
    found = [f"one {code(use.kind)}{_condition(spec, use.kind)}" for use in spec.uses]
    return ", ".join(found) or "nothing"


def _condition(spec: StructureSpec, kind: str) -> str:
    return prose.OPTIONAL_USES.get((spec.name, kind), "")


def _warmup(spec: StructureSpec, words: KindWords) -> str:
    """Bars that are loaded for it, beside those of what it uses."""
    own = "none of its own" if words.fade == "0" else f"{formula(words.fade)} bars"
    behind = " and that of its ATR" if ATR in spec.inputs else ""
    return f"{own}{', behind that of what it uses' if spec.uses else ''}{behind}"


def formula(text: str) -> str:
    """A formula as people read it."""
    for written, read in ((" * ", " · "), (" - ", " − "), (" // ", " div "), ("==", "="), ("'", ""), (" else ", ", else ")):
        text = text.replace(written, read)
    return text


def _range(of: Mapping[Any, Interval], key: object) -> str:
    """What numbers can be, as the checker knows it."""
    return str(of[key]).replace("-", "−") if key in of else NOTHING


def _wrapped(text: str) -> str:
    """Paragraphs in lines of one length; tables, lists, titles and code as they are."""
    blocks = text.strip("\n").split("\n\n")
    return "\n\n".join(block if block.startswith(_AS_IT_IS) else fill(block) for block in blocks) + "\n"
