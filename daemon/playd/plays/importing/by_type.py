"""Structures that older files named by their type: `swing: {left: 5, right: 5}` in place of `{type: swing, key: …, …}`."""

from collections.abc import Callable, Iterator
from typing import Final

from playd.kernels.catalog import STRUCTURES
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.log import Log
from playd.plays.importing.trees import as_map, put, text_of, word

CLOCK_KEYS: Final = ("tf", "timeframe")
ID_KEYS: Final = ("key", "id", "block_id", "output_key")
TYPE_KEYS: Final = ("structure_type", "block_type", "indicator")
SPEC_KEYS: Final = ("type", "key", "uses", "params", "depends_on")
_BESIDE: Final = ("uses", "depends_on")


def typed_specs(
    kind: str, value: Item, mark: Mark, path: str, clock_of: Callable[[str], str], log: Log
) -> Iterator[tuple[Map, str]]:
    """Each spec that stands below the name of a type, one or a list of them, with the clock that it names itself (or empty)."""
    items = value.items if isinstance(value, Sequence) else (value,)
    for i, item in enumerate(items):
        where = f"{path}[{i}]" if isinstance(value, Sequence) else path
        yield _typed(kind, as_map(item), mark, where, clock_of, log)


def own_clock(body: Map, clock_of: Callable[[str], str], path: str, log: Log) -> tuple[str, Map]:
    """
    The clock that a spec names itself, empty when it names none, and the keys that say two of them.

    `clock_of` gives the key of a clock for any word for it. Keys that say two stay in the spec, and are asked for.
    """
    named = Map(tuple(entry for entry in body if entry.key in CLOCK_KEYS), body.mark)
    if len({clock_of(word(entry.value)) for entry in named}) < 2:
        return next((word(entry.value) for entry in named), ""), Map((), body.mark)
    first, second = named.entries
    text = f"which clock? It says {first.key} {text_of(first.value)} and {second.key} {text_of(second.value)}"
    log.problem(second.mark, f"{path}.{second.key}", text)
    return "", named


def _typed(kind: str, body: Map, mark: Mark, path: str, clock_of: Callable[[str], str], log: Log) -> tuple[Map, str]:
    """What is no key of a structure is a parameter."""
    if word(body.get("type")) not in ("", kind):
        log.problem(mark, f"{path}.type", f"which detector? It stands below `{kind}` and says {text_of(body.get('type'))}")
    name = next((word(body.get(key)) for key in ID_KEYS if key in body.keys), kind)
    spec = put(put(Map((), mark), "type", Leaf(kind, mark)), "key", Leaf(name, mark))
    for key in _BESIDE:
        beside = body.get(key)
        spec = spec if beside is None else put(spec, key, beside)
    params = list(as_map(body.get("params")))
    for entry in body:
        if entry.key in (*SPEC_KEYS, *ID_KEYS, *CLOCK_KEYS):
            continue
        if any(entry.key == one.key for one in params):
            log.problem(entry.mark, f"{path}.{entry.key}", "it is written in `params` too: which of the two counts?")
        else:
            params.append(entry)
    if params:
        spec = put(spec, "params", Map(tuple(params), params[0].mark))
    clock, asked = own_clock(body, clock_of, path, log)
    return Map((*spec.entries, *asked.entries), mark), clock


def with_dependencies(spec: Map, others: list[Map], path: str, log: Log) -> Map:
    """
    The spec with what it must read, when the file names nothing and there is one structure of that type on its clock.

    Older engines found the only swing by themselves. `others`: every spec of the clock.
    """
    kind = word(spec.get("type"))
    if kind not in STRUCTURES or "uses" in spec.keys:
        return spec
    detector = STRUCTURES[kind]
    params = {entry.key: entry.value.value for entry in as_map(spec.get("params")) if isinstance(entry.value, Leaf)}
    settled = detector.settled({name: value for name, value in params.items() if value is not None})
    found: list[Item] = []
    for use in detector.uses:
        there = [one.get("key") for one in others if word(one.get("type")) == use.kind]
        if use.needed(settled) and len(there) == 1 and there[0] is not None:
            found.append(Leaf(word(there[0]), spec.mark))
    if not found:
        return spec
    uses = found[0] if len(found) == 1 else Sequence(tuple(found), spec.mark)
    log.change(spec.mark, f"{path}.uses", "(not written)", f"{path}.uses", text_of(uses))
    entries = list(spec.entries)
    entries.insert(2, Entry("uses", spec.mark, uses))
    return Map(tuple(entries), spec.mark)
