"""The `features` section: indicators with parameters, clocks and sources."""

from dataclasses import dataclass
from typing import Final, cast

from playd.core.limits import PLAY_RULE_DEPTH
from playd.core.timeframes import NAME_OF_MS
from playd.kernels.catalog import CATALOG
from playd.kernels.spec import ColumnType, IndicatorSpec, Scalar
from playd.plays.conditions import Ref
from playd.plays.document import Entry, Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.identifiers import IDENTIFIER, strange
from playd.plays.model import Feature, Timeframes
from playd.plays.names import BUILT_IN, REFERENCE_ID, Names
from playd.plays.older_names import OTHER_INDICATORS, SPLIT_PARAMS
from playd.plays.params import ParamReader, with_flat
from playd.plays.reader import Section, Table
from playd.plays.steps import Steps
from playd.plays.tables import DERIVED_PRICES, FEATURE, PRICES
from playd.plays.timeframe_words import read_clock

_FROM_FIRST_BAR: Final = ("obv",)
"""Indicators whose level has no meaning of its own."""

_PARAM_HINTS: Final = {
    "period": "write `length`",
    "window": "write `length`",
    "source": "`source` stands beside `params`, not inside",
    "tf": "`tf` stands beside `params`, not inside",
    "std_dev": "write `std`",
    "mult": "write `multiplier`",
}
_DONCHIAN_HINT: Final = "write `lower_length` and `upper_length`"


@dataclass(slots=True)
class _Draft:
    """A feature whose source is not resolved yet."""

    id: str
    mark: Mark
    spec: IndicatorSpec
    params: tuple[tuple[str, int | float | str], ...]
    step_ms: int
    source: Item | None


def read_features(item: Item | None, timeframes: Timeframes, names: Names, report: Report) -> Steps[tuple[Feature, ...]]:
    """
    Features sorted by id, in steps; fills `names.features` with every declared id, also of features that are wrong.

    Their sources count as used; whether a feature is used at all is known only once the rules are read.
    """
    if item is not None and not isinstance(item, Map):
        listed = [word for one in item.items if (word := _listed_id(one))] if isinstance(item, Sequence) else []
        older = IMPORTABLE if listed else ""
        report.add("E107", item.mark, "features", f"found {kind_of(item)}, expected a map of id to indicator{older}")
        names.features.update(dict.fromkeys(listed))
    drafts: dict[str, _Draft] = {}
    for entry in item if isinstance(item, Map) else ():
        yield
        path = f"features.{entry.key}"
        if not IDENTIFIER.match(entry.key):
            report.add("E107", entry.mark, path, f"found an id {strange(entry.key)}")
            continue
        if entry.key in BUILT_IN:
            report.add("E203", entry.mark, path, f"found the id `{entry.key}`, which is built in, expected another id")
            continue
        draft = _draft(entry, path, timeframes, names, report)
        names.features[entry.key] = (draft.spec, draft.step_ms) if draft else None
        if draft:
            drafts[entry.key] = draft
    sources: dict[str, str | Ref | None] = {}
    for draft in drafts.values():
        yield
        sources[draft.id] = _source(draft, names, report)
    _refuse_chains(drafts, sources, report)
    return tuple(
        Feature(draft.id, draft.spec.name, draft.step_ms, draft.params, sources[draft.id])
        for draft in sorted(drafts.values(), key=lambda draft: draft.id)
    )


def _listed_id(item: Item) -> str:
    """The id that an item of the older list form names."""
    found = item.get("id") or item.get("output_key") if isinstance(item, Map) else None
    return found.value if isinstance(found, Leaf) and isinstance(found.value, str) else ""


def _draft(entry: Entry, path: str, timeframes: Timeframes, names: Names, report: Report) -> _Draft | None:
    section = Section(entry.value, _table(entry.value), path, report, mark=entry.mark)
    step_ms = read_clock(section.item("tf") or Leaf("exec", section.mark), section.path_of("tf"), timeframes, report)
    spec = _indicator(section, report)
    if spec is None:
        return None
    params = _params(section, spec, report)
    if not isinstance(entry.value, Map):
        return None
    if REFERENCE_ID in spec.inputs:
        names.has_reference(spec.name, section.mark_of("indicator"), section.path_of("indicator"), report)
    return _Draft(entry.key, entry.mark, spec, params, step_ms, section.item("source"))


def _table(item: Item) -> Table:
    """The keys of a feature; the parameters of its indicator, where somebody wrote them beside `params`, are known too."""
    name = item.get("indicator") if isinstance(item, Map) else None
    spec = CATALOG.get(str(name.value)) if isinstance(name, Leaf) else None
    if spec is None:
        return FEATURE
    params = [param.name for param in spec.params]
    lengths = ("period",) if "length" in params else ()
    return with_flat(FEATURE, (*params, *SPLIT_PARAMS.get(spec.name, ()), *lengths))


def _indicator(section: Section, report: Report) -> IndicatorSpec | None:
    name = section.text("indicator")
    if not name:
        return None
    spec = CATALOG.get(name)
    mark, path = section.mark_of("indicator"), section.path_of("indicator")
    if spec is not None:
        if name in _FROM_FIRST_BAR:
            report.add("W304", mark, path, f"found `{name}`, whose value depends on the first loaded bar: compare its changes")
        return spec
    expected = "expected an indicator of this version, such as ema, sma, rsi, atr or macd"
    other = OTHER_INDICATORS.get(name.lower(), name.lower())
    near = f"{did_you_mean(other, CATALOG)}{IMPORTABLE if other in CATALOG else ''}"
    report.add("E301", mark, path, f"found the unknown indicator `{name}`, {expected}{near}")
    return None


def _params(section: Section, spec: IndicatorSpec, report: Report) -> tuple[tuple[str, int | float | str], ...]:
    values = dict(spec.defaults())
    item, path = section.item("params"), section.path_of("params")
    reader = ParamReader(spec.name, spec.params, lambda name: _param_hint(name, spec), report)
    values |= cast(dict[str, Scalar], reader.read(item, path, section.mark))
    for smaller, larger in spec.rising:
        if float(values[smaller]) >= float(values[larger]):
            mark = item.mark if item is not None else section.mark
            text = f"found {smaller} {values[smaller]} ≥ {larger} {values[larger]}, expected {smaller} < {larger}"
            report.add("E306", mark, path, text)
    written = item if isinstance(item, Map) else Map((), section.mark)
    for name in set(spec.idle(values)) & set(written.keys):
        others = " and ".join(f"{one.name} {values[one.name]}" for one in spec.params if one.words and one.name != name)
        text = f"found `{name}`, which has no effect with {others}, expected no `{name}`"
        report.add("E104", next(entry.mark for entry in written if entry.key == name), f"{path}.{name}", text)
    return tuple(sorted(values.items()))


def _param_hint(name: str, spec: IndicatorSpec) -> str:
    if spec.name == "donchian" and name in ("length", "period"):
        return f"; {_DONCHIAN_HINT}"
    hint = _PARAM_HINTS.get(name)
    params = [param.name for param in spec.params]
    if name in ("source", "tf"):
        return f"; {hint}{IMPORTABLE}"
    return f"; {hint}" if hint and hint.split("`")[1] in params else ""


def _source(draft: _Draft, names: Names, report: Report) -> str | Ref | None:
    takes_source = "src" in draft.spec.inputs
    item, path = draft.source, f"features.{draft.id}.source"
    if not takes_source:
        if item is not None:
            text = f"found `source` on `{draft.spec.name}`, which reads {one_of(draft.spec.inputs)}, expected no `source`"
            report.add("E303", item.mark, path, text)
        return None
    if item is None:
        return "close"
    word = item.value if isinstance(item, Leaf) else None
    if not isinstance(word, str):
        if not (isinstance(item, Leaf) and item.reported):
            report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a price or a feature")
        return "close"
    if word in (*PRICES, *DERIVED_PRICES):
        return word
    if word == REFERENCE_ID:
        names.has_reference(f"source: {word}", item.mark, path, report)
        return word
    if word.partition(".")[0] in BUILT_IN:
        prices = ", ".join((*PRICES, *DERIVED_PRICES))
        text = f"found `{word}`, expected {prices}, {REFERENCE_ID} (the second symbol's close) or a feature on the same clock"
        report.add("E304", item.mark, path, text)
        return "close"
    ref = names.resolve(word, 0, item.mark, path, report)
    if ref is None:
        return "close"
    column = names.column(ref)
    if column.step_ms != draft.step_ms:
        theirs, ours = NAME_OF_MS[column.step_ms], NAME_OF_MS[draft.step_ms]
        report.add("E304", item.mark, path, f"found `{word}` on {theirs}, expected a feature on the same clock, {ours}")
    if column.type not in (ColumnType.FLOAT, ColumnType.INT):
        report.add("E420", item.mark, path, f"found a {column.type}, expected FLOAT or INT")
    return ref


def _refuse_chains(drafts: dict[str, _Draft], sources: dict[str, str | Ref | None], report: Report) -> None:
    """E304 once per circle of sources, and for a chain of more of them than whoever reads it follows (`PLAY_RULE_DEPTH`)."""
    levels: dict[str, int] = {}
    for start in drafts:
        chain: dict[str, None] = {}
        one = start
        while one in drafts and one not in levels and one not in chain:
            chain[one] = None
            source = sources.get(one)
            one = source.id if isinstance(source, Ref) else ""
        if one in chain:
            circle = " → ".join((*list(chain)[list(chain).index(one) :], one))
            _refuse_source(drafts[one], f"found a cycle of sources, {circle}, expected none", report)
        level = levels.get(one, 0)
        for each in reversed(chain):
            level = levels[each] = level + 1
            if level == PLAY_RULE_DEPTH + 1 and one not in chain:
                text = f"found a chain of more than {PLAY_RULE_DEPTH} sources, expected at most {PLAY_RULE_DEPTH}"
                _refuse_source(drafts[each], text, report)


def _refuse_source(draft: _Draft, text: str, report: Report) -> None:
    assert draft.source is not None
    report.add("E304", draft.source.mark, f"features.{draft.id}.source", text)
