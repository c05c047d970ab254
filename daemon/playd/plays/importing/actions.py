"""Older spellings of `actions`: blocks, signal rules, and actions that never did anything."""

from typing import Final

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.expressions import ExpressionImporter
from playd.plays.importing.log import Log
from playd.plays.importing.trees import as_map, drop, each_item, key_mark, new_map, put, renamed, text_of, word

_NEVER_DID_ANYTHING: Final = ("adjust_stop", "adjust_target", "adjust_size", "no_action")
_BESIDE: Final = ("metadata", "percent")


def import_actions(root: Map, importer: ExpressionImporter, log: Log) -> Map:
    """The `actions` section in either form."""
    if "actions" in root.keys and "blocks" in root.keys:
        log.problem(key_mark(root, "blocks"), "blocks", "`actions` is written too: which of the two counts?")
        return root
    root = renamed(root, "blocks", "actions", "", log)
    given = root.get("actions")
    if isinstance(given, Sequence):
        new = (_Blocks(importer, log).block(item, f"actions[{i}]") for i, item in enumerate(given.items))
        return put(root, "actions", Sequence(tuple(one for one in new if one is not None), given.mark))
    if isinstance(given, Map):
        return put(root, "actions", _mapping(given, importer, log))
    return root


def _mapping(given: Map, importer: ExpressionImporter, log: Log) -> Map:
    entries = []
    for entry in given:
        path = f"actions.{entry.key}"
        if entry.key in _NEVER_DID_ANYTHING:
            log.removed(entry.mark, path, text_of(entry.value))
            continue
        entries.append(Entry(entry.key, entry.mark, importer.read(entry.value, path, _BESIDE)))
    return Map(tuple(entries), given.mark)


class _Blocks:
    """
    Rewrites blocks of the list form.

    A case that emits nothing any more still kept the cases below it from acting: what they ask for then includes that it is
    not true.
    """

    def __init__(self, importer: ExpressionImporter, log: Log) -> None:
        self._importer = importer
        self._log = log

    def block(self, item: Item, path: str) -> Item | None:
        """One block, None when nothing is left of it."""
        if not isinstance(item, Map):
            return item
        given = item.get("cases")
        cases: list[Item] = []
        hindrances: list[Item] = []
        for i, case in enumerate(given.items if isinstance(given, Sequence) else ()):
            where = f"{path}.cases[{i}]"
            when = as_map(case).get("when")
            new_when = self._importer.read(when, f"{where}.when") if when is not None else None
            emit, emptied = self._emit(as_map(case).get("emit"), f"{where}.emit")
            if emptied and new_when is not None:
                hindrances.append(new_when)
                continue
            cases.append(self._case(case, new_when, emit, hindrances, where))
        if cases or not hindrances:
            item = put(item, "cases", Sequence(tuple(cases), given.mark if given else item.mark)) if given else item
        otherwise = item.get("else")
        if isinstance(otherwise, Map | Sequence):
            item = self._else(item, otherwise, hindrances, path)
        return None if hindrances and not cases and "else" not in item.keys else item

    def _case(self, case: Item, when: Item | None, emit: Item | None, hindrances: list[Item], path: str) -> Item:
        if not isinstance(case, Map):
            return case
        if when is not None and hindrances:
            mark = when.mark
            nots = (new_map({"not": one}, mark) for one in hindrances)
            new = new_map({"all": Sequence((*nots, when), mark)}, mark)
            self._log.change(
                mark, f"{path}.when", text_of(when), f"{path}.when", text_of(new), "it waits while that case is unknown"
            )
            when = new
        case = case if when is None else put(case, "when", when)
        return case if emit is None else put(case, "emit", emit)

    def _else(self, item: Map, otherwise: Map | Sequence, hindrances: list[Item], path: str) -> Map:
        given = otherwise.get("emit") if isinstance(otherwise, Map) else otherwise
        emit, emptied = self._emit(given, f"{path}.else.emit")
        if emptied:
            return drop(item, "else")
        if hindrances:
            self._log.problem(
                key_mark(item, "else"), f"{path}.else", "a case above it did nothing and is gone: say when it acts"
            )
        if isinstance(otherwise, Sequence):
            self._log.change(otherwise.mark, f"{path}.else", "a list", f"{path}.else.emit", "the same list")
        return item if emit is None else put(item, "else", new_map({"emit": emit}, otherwise.mark))

    def _emit(self, item: Item | None, path: str) -> tuple[Item | None, bool]:
        """The items of an emit list that do something, and whether none is left of some."""
        if not isinstance(item, Sequence):
            return item, False
        kept = []
        for i, one in enumerate(item.items):
            name = word(one) or word(as_map(one).get("action"))
            if name in _NEVER_DID_ANYTHING:
                self._log.removed(one.mark, f"{path}[{i}]", text_of(one))
                continue
            metadata = as_map(one).get("metadata")
            if isinstance(one, Map) and isinstance(metadata, Map):
                one = put(one, "metadata", self._importer.metadata(metadata, f"{path}[{i}].metadata"))
            kept.append(one)
        return Sequence(tuple(kept), item.mark), bool(item.items) and not kept


def import_signal_rules(root: Map, log: Log) -> Map:
    """`tf_configs` and `signal_rules` of the first generation as features and actions, in the spellings of the second."""
    root = _tf_configs(root, log)
    rules = root.get("signal_rules")
    if not isinstance(rules, Map):
        return root
    if "actions" in root.keys:
        log.problem(key_mark(root, "signal_rules"), "signal_rules", "`actions` is written too: which of the two counts?")
        return root
    found: dict[str, list[Item]] = {}
    marks: dict[str, Mark] = {}
    for key, verb in (("entry_rules", "entry"), ("exit_rules", "exit")):
        listed = rules.get(key)
        for i, item in enumerate(listed.items if isinstance(listed, Sequence) else ()):
            path = f"signal_rules.{key}[{i}]"
            rule = as_map(item)
            side = word(rule.get("direction")) or word(rule.get("side"))
            if side not in ("long", "short"):
                log.problem(item.mark, f"{path}.direction", "long or short? The rule does not say")
                continue
            conditions = rule.get("conditions")
            body = (
                each_item(conditions, lambda one, where: _rule_condition(one, where, log), f"{path}.conditions")
                if conditions
                else item
            )
            action = f"{verb}_{side}"
            found.setdefault(action, []).append(new_map({"all": body}, item.mark))
            marks.setdefault(action, item.mark)
            log.change(item.mark, path, text_of(item), f"actions.{action}", text_of(new_map({"all": body}, item.mark)))
    for entry in rules:
        if entry.key not in ("entry_rules", "exit_rules"):
            log.problem(entry.mark, f"signal_rules.{entry.key}", "what is this? Rules are entry_rules and exit_rules")
    actions = Map(
        tuple(
            Entry(action, marks[action], new_map({"any": Sequence(tuple(bodies), marks[action])}, marks[action]))
            for action, bodies in found.items()
        ),
        rules.mark,
    )
    return put(drop(root, "signal_rules"), "actions", actions, key_mark(root, "signal_rules"))


def _rule_condition(item: Item, path: str, log: Log) -> Item:
    """`{indicator_key, operator, value}` as a condition in list form; other forms as they are."""
    if not isinstance(item, Map) or "lhs" in item.keys:
        return item
    left = next((item.get(key) for key in ("indicator_key", "indicator", "feature_id", "left") if key in item.keys), None)
    op = next((item.get(key) for key in ("operator", "op") if key in item.keys), None)
    right = next((item.get(key) for key in ("value", "threshold", "right") if key in item.keys), None)
    if left is None or op is None or right is None:
        return item
    sides = [left, op, right]
    if word(op) in ("near_abs", "near_pct"):
        tolerance = item.get("tolerance")
        if tolerance is None:
            log.problem(item.mark, path, "how near? The condition has no tolerance")
        else:
            sides.append(tolerance)
    return Sequence(tuple(sides), item.mark)


def _tf_configs(root: Map, log: Log) -> Map:
    """Features of every timeframe's configuration, as a list whose items know their clock."""
    configs = root.get("tf_configs")
    if not isinstance(configs, Map):
        return root
    features = root.get("features")
    if features is not None and not isinstance(features, Sequence):
        log.problem(key_mark(root, "tf_configs"), "tf_configs", "`features` is written too: which of the two counts?")
        return root
    items = list(features.items) if features is not None else []
    blocks: list[Item] = []
    for entry in configs:
        path, config = f"tf_configs.{entry.key}", as_map(entry.value)
        tf = config.get("tf") or Leaf(entry.key, entry.mark)
        for key, into in (("feature_specs", items), ("features", items), ("market_structure_blocks", blocks)):
            listed = config.get(key)
            for one in listed.items if isinstance(listed, Sequence) else ():
                into.append(one if "tf" in as_map(one).keys else put(as_map(one), "tf", tf))
        for inner in config:
            if inner.key in ("warmup_bars", "role", "required_indicators"):
                log.removed(inner.mark, f"{path}.{inner.key}", text_of(inner.value))
            elif inner.key not in ("tf", "feature_specs", "features", "market_structure_blocks"):
                log.problem(inner.mark, f"{path}.{inner.key}", "what is this? A configuration has tf and feature_specs")
        log.change(entry.mark, path, text_of(entry.value), "features", "with this clock")
        role = entry.key if entry.key in ("htf", "mtf", "ltf") else "tf" if entry.key == "exec" else ""
        if role and "timeframes" not in root.keys and role not in root.keys and "tf" in config.keys:
            root = put(root, role, tf, entry.mark)
    root = put(drop(root, "tf_configs"), "features", Sequence(tuple(items), configs.mark), key_mark(root, "tf_configs"))
    return put(root, "market_structure_blocks", Sequence(tuple(blocks), configs.mark)) if blocks else root
