"""Older spellings of `features`: lists, other names of keys and parameters, structures among them."""

from itertools import permutations
from typing import Final

from playd.kernels.catalog import CATALOG
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.log import Log
from playd.plays.importing.references import References
from playd.plays.importing.timeframes import read_tf
from playd.plays.importing.trees import as_map, drop, each_entry, flat_params, key_mark, put, removed, renamed, text_of, word
from playd.plays.older_names import NO_EFFECT_PARAMS, OTHER_INDICATORS, SPLIT_PARAMS
from playd.plays.tables import FEATURE

_SPEC_KEYS: Final = {"timeframe": "tf", "indicator_type": "indicator", "input_source": "source"}


def import_features(root: Map, log: Log) -> tuple[Map, list[tuple[Item, str]]]:
    """The document with its features rewritten, and the features that are structures, each with its path."""
    given = root.get("features")
    if given is None:
        return root, []
    if isinstance(given, Sequence):
        given = _from_list(given, log)
        root = put(root, "features", given)
    features: list[Entry] = []
    structures: list[tuple[Item, str]] = []
    for entry in as_map(given):
        path = f"features.{entry.key}"
        if word(as_map(entry.value).get("type")) == "structure":
            structures.append((put(as_map(entry.value), "key", Leaf(entry.key, entry.mark), entry.mark), path))
        else:
            features.append(Entry(entry.key, entry.mark, _feature(entry.value, path, log)))
    return (put(root, "features", Map(tuple(features), given.mark)) if isinstance(given, Map) else root), structures


def _from_list(given: Sequence, log: Log) -> Map:
    entries = []
    for i, item in enumerate(given.items):
        spec = as_map(item)
        name = word(spec.get("id")) or word(spec.get("key")) or word(spec.get("output_key"))
        if not name:
            log.problem(item.mark, f"features[{i}]", "which id? The list item names none")
            continue
        log.change(item.mark, f"features[{i}]", text_of(item), f"features.{name}", "a key with that id")
        entries.append(Entry(name, item.mark, drop(spec, "id", "key", "output_key")))
    return Map(tuple(entries), given.mark)


def _feature(item: Item, path: str, log: Log) -> Item:
    if not isinstance(item, Map):
        return item
    spec = item
    if word(spec.get("type")) in ("indicator", "feature"):
        spec = removed(spec, "type", path, log)
    for old, new in (*_SPEC_KEYS.items(), ("type", "indicator")):
        spec = renamed(spec, old, new, path, log)
    tf = spec.get("tf")
    if tf is not None:
        spec = put(spec, "tf", read_tf(tf, f"{path}.tf", log))
    if word(spec.get("source")) == "indicator":
        log.problem(key_mark(spec, "source"), f"{path}.source", "which feature? Name its id in place of `indicator`")
    spec = _known_indicator(spec, path, log)
    indicator = word(spec.get("indicator"))
    spec = _beside_params(_with_params(spec, indicator, path, log), indicator, path, log)
    params = spec.get("params")
    if isinstance(params, Map) and indicator:
        spec = put(spec, "params", import_params(params, indicator, f"{path}.params", log))
    return spec


def _with_params(spec: Map, indicator: str, path: str, log: Log) -> Map:
    """Parameters that stand beside `params` go inside. What is there under another of its names stays, and is asked for."""
    if indicator not in CATALOG:
        return spec
    known = (*CATALOG[indicator].defaults(), *SPLIT_PARAMS.get(indicator, ()), *NO_EFFECT_PARAMS, "period")
    params, asked = as_map(spec.get("params")), set[str]()
    for names in _names_of_one(indicator):
        for name, other in permutations(names, 2):
            if name in spec.keys and other in params.keys:
                text = f"it is written in `params` too, as `{other}`: which of the two counts?"
                log.problem(key_mark(spec, name), f"{path}.{name}", text)
                asked.add(name)
    return flat_params(spec, [name for name in known if name not in (*FEATURE.names, *asked)], path, log)


def _names_of_one(indicator: str) -> list[tuple[str, ...]]:
    """Names that one parameter has or had, for each that had another."""
    older = ({"period": ("length",)} if "length" in CATALOG[indicator].defaults() else {}) | SPLIT_PARAMS.get(indicator, {})
    present = {new for names in older.values() for new in names}
    return [(new, *(old for old, names in older.items() if new in names)) for new in sorted(present)]


def _beside_params(spec: Map, indicator: str, path: str, log: Log) -> Map:
    """What stands among the parameters and is none goes beside them."""
    params, where = as_map(spec.get("params")), f"{path}.params"
    known = CATALOG[indicator].defaults() if indicator in CATALOG else {}
    for name in ("source", "tf"):
        item = params.get(name)
        if item is None or name in known:
            continue
        mark = key_mark(params, name)
        if name in spec.keys:
            log.problem(mark, f"{where}.{name}", "it is written beside `params` too: which of the two counts?")
            continue
        log.change(mark, f"{where}.{name}", text_of(item), f"{path}.{name}", text_of(item))
        params = drop(params, name)
        spec = put(put(spec, "params", params), name, read_tf(item, f"{path}.tf", log) if name == "tf" else item, mark)
    return spec


def _known_indicator(spec: Map, path: str, log: Log) -> Map:
    """What other libraries call an indicator, or write in capitals, under its name here."""
    name, where = word(spec.get("indicator")), f"{path}.indicator"
    right = OTHER_INDICATORS.get(name.lower(), name.lower())
    if name in CATALOG or right not in CATALOG:
        return spec
    mark = key_mark(spec, "indicator")
    log.change(mark, where, name, where, right)
    return put(spec, "indicator", Leaf(right, mark))


def import_sources(root: Map, references: References) -> Map:
    """What features are chained or anchored to, which needs every feature and structure to be known."""
    given = root.get("features")
    if not isinstance(given, Map):
        return root

    def chained(entry: Entry) -> Entry:
        path, spec = f"features.{entry.key}", entry.value
        if not isinstance(spec, Map):
            return entry
        params = spec.get("params")
        if isinstance(params, Map):
            spec = put(spec, "params", references.entry(params, "anchor_structure", f"{path}.params"))
        return Entry(entry.key, entry.mark, references.entry(spec, "source", path))

    return put(root, "features", each_entry(given, chained))


def import_params(params: Map, indicator: str, path: str, log: Log) -> Map:
    """The parameters of an indicator under their present names."""
    known = CATALOG[indicator].defaults() if indicator in CATALOG else {}
    for old, new in SPLIT_PARAMS.get(indicator, {}).items():
        params = _split(params, old, new, path, log)
    if "period" not in known and ("length" in known or not known):
        params = renamed(params, "period", "length", path, log)
    for name in NO_EFFECT_PARAMS:
        if name not in known:
            params = removed(params, name, path, log)
    return params


def _split(params: Map, old: str, new: tuple[str, ...], path: str, log: Log) -> Map:
    """One parameter becomes one or two of the same value; those written under their own names stay."""
    item = params.get(old)
    if item is None:
        return params
    mark: Mark = key_mark(params, old)
    written = ", ".join(name for name in new if name not in params.keys)
    log.change(mark, f"{path}.{old}", text_of(item), f"{path}.{written}" if written else "", text_of(item) if written else "")
    params = drop(params, old)
    for name in new:
        if name not in params.keys:
            params = put(params, name, item, mark)
    return params
