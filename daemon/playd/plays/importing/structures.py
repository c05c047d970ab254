"""Older spellings of `structures`: nested by role, by type, as blocks, among the features."""

from dataclasses import dataclass, field

from playd.core.timeframes import TIMEFRAME_MS
from playd.kernels.catalog import STRUCTURES
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.by_type import CLOCK_KEYS, ID_KEYS, SPEC_KEYS, TYPE_KEYS, own_clock, typed_specs, with_dependencies
from playd.plays.importing.log import Log
from playd.plays.importing.scalars import as_truth
from playd.plays.importing.timeframes import right_timeframe
from playd.plays.importing.trees import as_map, drop, flat_params, key_mark, look_for_list, put, removed, renamed, text_of, word
from playd.plays.older_names import OLDER_ROLES, OTHER_DETECTORS, PREFIX
from playd.plays.tables import ROLES


@dataclass(slots=True)
class Structures:
    """
    Specs by clock while they are collected, and what references need: the type of every key, and keys that were renamed.

    `moved` maps (timeframe, old key) to the new key, for keys that were used on two clocks. `below` maps (role, key) to the
    timeframes on which structures of that key stand below that role. `implied`: clock, place and path of specs of shapes in
    which nobody wrote what they read. `kept`: timeframes whose specs stand below the timeframe itself, as they may.
    """

    timeframes: dict[str, str]
    specs: dict[str, list[Map]] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    moved: dict[tuple[str, str], str] = field(default_factory=dict)
    below: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    implied: list[tuple[str, int, str]] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)

    def clock(self, text: str) -> str:
        """The key under which specs of a clock stand: a role where the timeframe has one, else the timeframe."""
        text = OLDER_ROLES.get(text, text)
        right = right_timeframe(self.timeframe(text))
        if right in self.kept:
            return right
        if text in (*ROLES, "exec"):
            return text
        return next((role for role in ROLES if self.timeframes.get(role) == right), right)

    def timeframe(self, clock: str) -> str:
        """The timeframe of a clock's key."""
        role = self.timeframes.get("exec", "") if clock == "exec" else clock
        return self.timeframes.get(role, role)

    def clocks(self) -> dict[str, set[str]]:
        """The timeframes on which there is a structure of that key."""
        found: dict[str, set[str]] = {}
        for clock, specs in self.specs.items():
            for spec in specs:
                found.setdefault(word(spec.get("key")), set()).add(right_timeframe(self.timeframe(clock)))
        return found


def is_clock(text: str) -> bool:
    """Whether a key of `structures` names a clock in any spelling."""
    return text in (*ROLES, "exec", *OLDER_ROLES) or right_timeframe(text) in TIMEFRAME_MS


def import_structures(root: Map, among_features: list[tuple[Item, str]], log: Log) -> tuple[Map, Structures]:
    """The document with one list of specs per clock, and what is known of them."""
    frames = as_map(root.get("timeframes"))
    found = Structures({key: word(frames.get(key)) for key in (*ROLES, "exec")})
    given = root.get("structures")
    clocks = [right_timeframe(found.timeframe(OLDER_ROLES.get(key, key))) for key in as_map(given).keys if is_clock(key)]
    found.kept = {key for key in as_map(given).keys if key in TIMEFRAME_MS and clocks.count(key) == 1}
    look_for_list(root.get("market_structure_blocks"), "market_structure_blocks", log)
    for entry in as_map(given):
        _collect(entry, found, log)
    for key, listed in (("structures", given), ("market_structure_blocks", root.get("market_structure_blocks"))):
        for i, item in enumerate(listed.items if isinstance(listed, Sequence) else ()):
            among_features = [*among_features, (item, f"{key}[{i}]")]
    for item, path in among_features:
        _from_elsewhere(item, path, found, log)
    for clock, place, path in found.implied:
        specs = found.specs[clock]
        specs[place] = with_dependencies(specs[place], specs, path, log)
    root = drop(root, "market_structure_blocks")
    lists = {clock: Sequence(tuple(specs), found.marks[clock]) for clock, specs in found.specs.items()}
    if lists or isinstance(given, Map):
        mark = given.mark if isinstance(given, Map) else next(iter(found.marks.values()))
        section = Map(tuple(Entry(clock, found.marks[clock], specs) for clock, specs in lists.items()), mark)
        root = put(root, "structures", section, key_mark(root, "structures") if isinstance(given, Map) else mark)
    return root, found


def _collect(entry: Entry, found: Structures, log: Log) -> None:
    """One key of `structures`: a clock with a list, a clock with timeframes or types inside, or a type."""
    path = f"structures.{entry.key}"
    if entry.key in STRUCTURES:
        _by_type(entry, "exec", path, found, log)
        return
    if isinstance(entry.value, Map) and is_clock(entry.key) and "type" not in entry.value.keys:
        for inner in entry.value:
            where = f"{path}.{inner.key}"
            if inner.key in STRUCTURES:
                _by_type(inner, found.clock(entry.key), where, found, log)
            else:
                clock = found.clock(inner.key)
                log.change(inner.mark, where, text_of(inner.value), f"structures.{clock}", "the same list")
                first = len(found.specs.get(clock, ()))
                _list(inner.value, clock, where, inner.mark, found, log)
                for spec in found.specs[clock][first:]:
                    role, key = OLDER_ROLES.get(entry.key, entry.key), word(spec.get("key"))
                    found.below.setdefault((role, key), set()).add(found.timeframe(clock))
        return
    clock = found.clock(entry.key) if is_clock(entry.key) else entry.key
    if clock != entry.key:
        log.change(entry.mark, path, "", f"structures.{clock}", "")
    _list(entry.value, clock, path, entry.mark, found, log)


def _by_type(entry: Entry, clock: str, path: str, found: Structures, log: Log) -> None:
    """Specs below the name of a type; `clock` where they name none."""
    for spec, own in typed_specs(entry.key, entry.value, entry.mark, path, found.clock, log):
        where = found.clock(own) if own else clock
        _add(spec, where, path, entry.mark, found, log, moved=True)
        _rename_twins(where, len(found.specs[where]) - 1, path, found, log)


def _list(value: Item, clock: str, path: str, mark: Mark, found: Structures, log: Log) -> None:
    found.specs.setdefault(clock, [])
    found.marks.setdefault(clock, mark)
    items = value.items if isinstance(value, Sequence) else (value,) if isinstance(value, Map) else ()
    if isinstance(value, Map):
        log.change(value.mark, path, text_of(value), path, "a list of it")
    first = len(found.specs[clock])
    away: list[tuple[Map, str, str]] = []
    for i, item in enumerate(items):
        spec, where = as_map(item), f"{path}[{i}]"
        if len(spec.entries) == 1 and spec.entries[0].key in STRUCTURES:
            kind, body = spec.entries[0].key, spec.entries[0].value
            for one, own in typed_specs(kind, body, item.mark, where, found.clock, log):
                log.change(item.mark, where, text_of(item), where, text_of(one))
                target = found.clock(own) if own else clock
                if target != clock:
                    away.append((one, target, where))
                    continue
                _add(one, clock, where, mark, found, log, implied=True)
            continue
        _, asked = own_clock(spec, found.clock, where, log)
        key = next((key for key in CLOCK_KEYS if key in spec.keys), "")
        if key and not asked.entries:
            target, rest = found.clock(word(spec.get(key))), drop(spec, *CLOCK_KEYS)
            new = "" if found.timeframe(target) == found.timeframe(clock) else f"structures.{target}"
            log.change(key_mark(spec, key), f"{where}.{key}", text_of(spec.get(key)), new, text_of(rest) if new else "")
            spec = rest
            if new:
                away.append((spec, target, where))
                continue
        _add(spec, clock, where, mark, found, log, implied=True)
    _rename_twins(clock, first, path, found, log)
    for one, target, where in away:  # behind them, so that a name without a clock stays that of the list's own
        _add(one, target, where, mark, found, log, implied=True)
        _rename_twins(target, len(found.specs[target]) - 1, where, found, log)


def _from_elsewhere(item: Item, path: str, found: Structures, log: Log) -> None:
    """A structure that stood among the features, or in `market_structure_blocks`."""
    body = as_map(item)
    kind = next((word(body.get(key)) for key in TYPE_KEYS if key in body.keys), "")
    kind = kind or (word(body.get("type")) if word(body.get("type")) != "structure" else "")
    name = next((word(body.get(key)) for key in ID_KEYS if key in body.keys), kind)
    own, asked = own_clock(body, found.clock, path, log)
    clock = found.clock(own or "exec")
    if not kind:
        log.problem(item.mark, path, f"which detector? {text_of(item)} names no type")
        return
    spec = put(put(Map((), item.mark), "type", Leaf(kind, item.mark)), "key", Leaf(name, item.mark))
    for key in ("uses", "depends_on", "params"):
        value = body.get(key)
        spec = spec if value is None else put(spec, key, value)
    rest = drop(body, *SPEC_KEYS, *ID_KEYS, *CLOCK_KEYS, *TYPE_KEYS)
    for entry in rest:
        log.problem(entry.mark, f"{path}.{entry.key}", "what is this? A structure has type, key, uses and params")
    spec = Map((*spec.entries, *asked.entries), spec.mark)
    _add(spec, clock, path, item.mark, found, log, moved=True)
    _rename_twins(clock, len(found.specs[clock]) - 1, path, found, log)


def _add(
    spec: Map, clock: str, path: str, mark: Mark, found: Structures, log: Log, *, moved: bool = False, implied: bool = False
) -> None:
    """Keep a spec. `moved`: it stood elsewhere; `implied`, or moved: nobody wrote what it reads."""
    before = text_of(spec)
    spec = _spec(spec, found.timeframe(clock), path, log)
    kind = word(spec.get("type"))
    if "key" not in spec.keys and kind:
        spec = put(spec, "key", Leaf(kind, spec.mark))
        log.change(spec.mark, f"{path}.key", "(not written)", f"{path}.key", kind)
    found.specs.setdefault(clock, []).append(spec)
    found.marks.setdefault(clock, mark)
    if moved or implied:
        found.implied.append((clock, len(found.specs[clock]) - 1, path))
    found.types.setdefault(word(spec.get("key")), kind)
    if moved:
        log.change(spec.mark, path, before, f"structures.{clock}", text_of(spec))


def _spec(spec: Map, timeframe: str, path: str, log: Log) -> Map:
    """One spec of a clock with its parameters and dependencies under their present names."""
    for key in TYPE_KEYS:
        spec = renamed(spec, key, "type", path, log)
    kind = word(spec.get("type"))
    if kind not in STRUCTURES and kind.lower() in (*STRUCTURES, *OTHER_DETECTORS):
        right = OTHER_DETECTORS.get(kind.lower(), kind.lower())
        log.change(key_mark(spec, "type"), f"{path}.type", kind, f"{path}.type", right)
        spec = put(spec, "type", Leaf(right, key_mark(spec, "type")))
    dependencies = spec.get("depends_on")
    if dependencies is not None and "uses" not in spec.keys:
        items = tuple(entry.value for entry in dependencies) if isinstance(dependencies, Map) else (dependencies,)
        uses = items[0] if len(items) == 1 else Sequence(items, dependencies.mark)
        log.change(key_mark(spec, "depends_on"), f"{path}.depends_on", text_of(dependencies), f"{path}.uses", text_of(uses))
        spec = put(drop(spec, "depends_on"), "uses", uses, key_mark(spec, "depends_on"))
    for key in ID_KEYS[1:]:
        spec = renamed(spec, key, "key", path, log)
    spec = _present_uses(_with_params(spec, path, log), timeframe, path, log)
    kind, params, where = word(spec.get("type")), as_map(spec.get("params")), f"{path}.params"
    if not params.entries:
        return spec
    for param in STRUCTURES[kind].params if kind in STRUCTURES else ():
        value = params.get(param.name)
        if value is not None and param.kind == "bool":
            params = put(params, param.name, as_truth(value, f"{where}.{param.name}", log))
    atr = params.get("atr_key")
    if atr is not None:
        params = put(params, "atr_key", _bare(atr, timeframe, f"{where}.atr_key", log))
    if kind == "swing" and word(params.get("mode")) == "atr_zigzag":
        params = removed(removed(params, "left", where, log), "right", where, log)
    if kind == "rolling_window":
        params = renamed(params, "period", "size", where, log)
    if kind == "fibonacci" and _is_true(params.get("use_paired_anchor")) and _is_true(params.get("use_trend_anchor")):
        at = key_mark(params, "use_paired_anchor")
        log.change(at, f"{where}.use_paired_anchor", "true", f"{where}.use_paired_anchor", "false")
        params = put(params, "use_paired_anchor", Leaf(False, at))
    if kind == "breaker_block" and "ms_key" in params.keys:
        spec, params = _use_ms(spec, params, path, log)
    return put(spec, "params", params) if params.entries else drop(spec, "params")


def _with_params(spec: Map, path: str, log: Log) -> Map:
    """Parameters that stand beside `params` go inside, what it reads and stands among them beside them."""
    kind = word(spec.get("type"))
    known = [param.name for param in STRUCTURES[kind].params] if kind in STRUCTURES else []
    spec = flat_params(spec, known, path, log)
    params = as_map(spec.get("params"))
    for old in ("uses", "depends_on"):
        item = params.get(old)
        if item is not None and "uses" not in spec.keys:
            log.change(key_mark(params, old), f"{path}.params.{old}", text_of(item), f"{path}.uses", text_of(item))
            params = drop(params, old)
            spec = put(put(spec, "params", params), "uses", item, key_mark(params, old))
    return spec


def _present_uses(spec: Map, timeframe: str, path: str, log: Log) -> Map:
    """`uses` as one id or a list of them, without prefixes of role and timeframe."""
    uses, where = spec.get("uses"), f"{path}.uses"
    if isinstance(uses, Map) and uses.entries:
        items = tuple(entry.value for entry in uses)
        listed = items[0] if len(items) == 1 else Sequence(items, uses.mark)
        log.change(key_mark(spec, "uses"), where, text_of(uses), where, text_of(listed))
        uses = listed
    if isinstance(uses, Sequence):
        uses = Sequence(tuple(_bare(one, timeframe, where, log) for one in uses.items), uses.mark)
    elif uses is not None:
        uses = _bare(uses, timeframe, where, log)
    return spec if uses is None else put(spec, "uses", uses, key_mark(spec, "uses"))


def _bare(item: Item, timeframe: str, path: str, log: Log) -> Item:
    """An id without a prefix that names the clock on which it is used; any other prefix stays, and is refused."""
    prefix = PREFIX.match(word(item))
    if prefix is None or right_timeframe(prefix[2]) != timeframe:
        return item
    log.change(item.mark, path, word(item), path, prefix[3])
    return Leaf(prefix[3], item.mark)


def _use_ms(spec: Map, params: Map, path: str, log: Log) -> tuple[Map, Map]:
    key, given = params.get("ms_key"), spec.get("uses")
    assert key is not None
    others = given.items if isinstance(given, Sequence) else (given,) if given is not None else ()
    uses = Sequence((*(one for one in others if word(one) != word(key)), key), key.mark)
    log.change(key_mark(params, "ms_key"), f"{path}.params.ms_key", text_of(key), f"{path}.uses", text_of(uses))
    return put(spec, "uses", uses), drop(params, "ms_key")


def _rename_twins(clock: str, first: int, path: str, found: Structures, log: Log) -> None:
    """Keys of structures are names of the whole Play: one that another clock uses already gets its timeframe behind it."""
    elsewhere = {word(spec.get("key")) for other, specs in found.specs.items() if other != clock for spec in specs}
    timeframe = found.timeframe(clock)
    specs = found.specs[clock]
    renames = {old: new for (other, old), new in found.moved.items() if other == timeframe}
    renames |= {key: f"{key}_{timeframe}" for spec in specs[first:] if (key := word(spec.get("key"))) in elsewhere}
    for place, spec in enumerate(specs[first:], first):
        key = word(spec.get("key"))
        if key in renames:
            where = f"{path}[{place - first}].key"
            log.change(key_mark(spec, "key"), where, key, f"structures.{clock}[{place}].key", renames[key])
            found.types[renames[key]] = word(spec.get("type"))
            found.moved[timeframe, key] = renames[key]
            spec = put(spec, "key", Leaf(renames[key], key_mark(spec, "key")))
        specs[place] = _with_uses(spec, renames)


def _with_uses(spec: Map, renames: dict[str, str]) -> Map:
    uses = spec.get("uses")
    if isinstance(uses, Sequence):
        return put(spec, "uses", Sequence(tuple(_renamed(one, renames) for one in uses.items), uses.mark))
    return spec if uses is None else put(spec, "uses", _renamed(uses, renames))


def _renamed(item: Item, renames: dict[str, str]) -> Item:
    return Leaf(renames[word(item)], item.mark) if word(item) in renames else item


def _is_true(item: Item | None) -> bool:
    return isinstance(item, Leaf) and item.value is True
