"""
Which swing an anchored indicator starts over at: the one that `anchor_structure` names, else the only one
on its clock. Known once the structures are read, because they in turn may read features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from playd.core.timeframes import NAME_OF_MS
from playd.kernels.anchors import ANCHOR_SOURCE, ANCHOR_STRUCTURE, MANUAL
from playd.kernels.catalog import CATALOG
from playd.plays.conditions import Ref
from playd.plays.document import Item, Map
from playd.plays.findings import Mark, Report, did_you_mean, one_of
from playd.plays.model import Feature, Structure
from playd.plays.names import Names

_SWING: Final = "swing"


def with_swings(
    features: tuple[Feature, ...], structures: tuple[Structure, ...], section: Item | None, names: Names, report: Report
) -> tuple[Feature, ...]:
    """
    The features, each anchored one with the id of its swing among its parameters; the swing counts as used.

    `section` is where they are written. Findings: E307 no swing, several, or not one on that clock; E104 a swing beside an
    anchor that needs none; E313 a swing whose own ATR is made of the feature; W304 for the anchor that is the first bar.
    """
    found = tuple(_with_swing(one, structures, section, names, report) for one in features)
    _refuse_circles(found, structures, section, report)
    return found


def _with_swing(
    feature: Feature, structures: tuple[Structure, ...], section: Item | None, names: Names, report: Report
) -> Feature:
    if ANCHOR_SOURCE not in CATALOG[feature.indicator].params:
        return feature
    params, mark, path = dict(feature.params), _mark(section, feature.id), _path(feature.id)
    written = params.get(ANCHOR_STRUCTURE.name)
    if params[ANCHOR_SOURCE.name] == MANUAL:
        if written is not None:
            report.add("E104", mark, path, f"found `{written}`, which has no effect with anchor_source {MANUAL}")
        text = f"found anchor_source {MANUAL}: the value depends on the first loaded bar"
        report.add("W304", mark, f"features.{feature.id}.params.{ANCHOR_SOURCE.name}", text)
        return feature
    swings = [one.id for one in structures if one.kind == _SWING and one.step_ms == feature.step_ms]
    clock = NAME_OF_MS[feature.step_ms]
    if written is None and len(swings) == 1:
        written = swings[0]
    if written is None:
        wanted = f"`{ANCHOR_STRUCTURE.name}` with {one_of(swings)}" if swings else f"a structure of type swing on {clock}"
        found = str(len(swings)) if swings else "none"
        text = f"found {found}, expected {wanted}: {feature.indicator} needs one swing on {clock}"
        report.add("E307", mark, path, text)
        return feature
    if written not in swings:
        if names.structures.get(str(written), written) is None:
            return feature  # it is wrong itself
        expected = f"expected {one_of(swings)}" if swings else "of which there is none"
        near = did_you_mean(str(written), swings)
        report.add("E307", mark, path, f"found `{written}`, which is no swing on {clock}, {expected}{near}")
        return feature
    names.used.add(str(written))
    return replace(feature, params=tuple(sorted({**params, ANCHOR_STRUCTURE.name: written}.items())))


def _refuse_circles(features: Sequence[Feature], structures: Sequence[Structure], section: Item | None, report: Report) -> None:
    """E313 for a swing that turns by an ATR which starts over at that swing's own pivots."""
    by_id, swings = {one.id: one for one in features}, {one.id: one for one in structures}
    for feature in features:
        chain = _way_back(feature, by_id, swings)
        if chain:
            circle = " → ".join((*chain, feature.id))
            text = f"found a swing and a feature that use each other, {circle}, expected no circle"
            report.add("E313", _mark(section, feature.id), _path(feature.id), text)


def _way_back(feature: Feature, features: Mapping[str, Feature], swings: Mapping[str, Structure]) -> list[str]:
    """Ids from an anchored feature through its swing back to itself; empty if there is no such way."""
    chain, one = [feature.id], feature
    if feature.swing is None:
        return []
    while True:
        if one.swing is not None and one.swing in swings:
            chain.append(one.swing)
            source: str | Ref | None = swings[one.swing].atr
        else:
            source = one.source
        if not isinstance(source, Ref) or source.id not in features:
            return []
        if source.id == feature.id:
            return chain
        if source.id in chain:
            return []  # a circle of others, which is named there
        chain.append(source.id)
        one = features[source.id]


def _path(id: str) -> str:
    return f"features.{id}.params.{ANCHOR_STRUCTURE.name}"


def _mark(section: Item | None, id: str) -> Mark:
    """Where the parameter is written, else the feature."""
    item: Item | None = section
    mark = section.mark if section is not None else Mark(1, 1)
    for key in (id, "params", ANCHOR_STRUCTURE.name):
        item = item.get(key) if isinstance(item, Map) else None
        if item is None:
            break
        mark = item.mark
    return mark
