"""`tf_configs` and `signal_rules` of the first generation as features and actions, in the spellings of the second."""

from collections.abc import Iterator
from typing import Final

from playd.plays.comparisons import NEAR_OPS
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.importing.by_type import ID_KEYS
from playd.plays.importing.condition_maps import in_list_form, sides_of
from playd.plays.importing.log import Log
from playd.plays.importing.timeframes import EXEC_KEYS, right_timeframe
from playd.plays.importing.trees import as_map, drop, each_item, key_mark, look_for_list, new_map, put, text_of, word
from playd.plays.older_names import CONDITION_REST, OLDER_ROLES
from playd.plays.tables import ROLES

_SIDES: Final = ("direction", "side")
_RULE: Final = (*_SIDES, "conditions")
_LABELS: Final = ("name", "id", "rule_id", "description")
_EXIT_BY_SIGNAL: Final = ("exit_type", "signal")
"""What an exit rule is."""
_CLOCK: Final = ("tf", "timeframe")
_SPECS: Final = ("feature_specs", "features", "market_structure_blocks")
"""Lists of a configuration."""
_SAYS_NOTHING: Final = ("is_indicator_comparison",)
"""Keys of a condition that repeat what its value says."""


def import_signal_rules(root: Map, log: Log) -> Map:
    """The document without both sections."""
    clocks = _Clocks(root)
    root = _tf_configs(root, log)
    rules = root.get("signal_rules")
    if not isinstance(rules, Map):
        if rules is not None:
            log.problem(
                key_mark(root, "signal_rules"), "signal_rules", "which rules? They stand below entry_rules and exit_rules"
            )
        return root
    if "actions" in root.keys:
        log.problem(key_mark(root, "signal_rules"), "signal_rules", "`actions` is written too: which of the two counts?")
        return root
    clocks.read(root.get("features"))
    clocks.read(root.get("market_structure_blocks"))
    found: dict[str, list[Item]] = {}
    marks: dict[str, Mark] = {}
    for key, verb in (("entry_rules", "entry"), ("exit_rules", "exit")):
        for item, path, given_side in _rules(rules.get(key), f"signal_rules.{key}", log):
            side = given_side or word(as_map(item).get("direction")) or word(as_map(item).get("side"))
            if side not in ("long", "short"):
                log.problem(item.mark, f"{path}.direction", "long or short? The rule does not say")
                continue
            conditions = item if given_side else as_map(item).get("conditions")
            if not isinstance(conditions, Sequence):
                log.problem(item.mark, path, f"when? Write its `conditions`: [[left, op, right], …], not {text_of(item)}")
                continue
            if not given_side:
                _look_at_sides(as_map(item), path, log)
                _look_beside(as_map(item), path, clocks, log)
            body = each_item(conditions, lambda one, where: _condition(one, where, clocks, log), f"{path}.conditions")
            action = f"{verb}_{side}"
            found.setdefault(action, []).append(new_map({"all": body}, item.mark))
            marks.setdefault(action, item.mark)
            log.change(item.mark, path, text_of(item), f"actions.{action}", text_of(new_map({"all": body}, item.mark)))
    for entry in rules:
        if entry.key not in ("entry_rules", "exit_rules"):
            log.problem(entry.mark, f"signal_rules.{entry.key}", "what is this? Rules are entry_rules and exit_rules")
    if not rules.entries:
        log.problem(key_mark(root, "signal_rules"), "signal_rules", "which rules? There are none")
    actions = Map(
        tuple(
            Entry(action, marks[action], new_map({"any": Sequence(tuple(bodies), marks[action])}, marks[action]))
            for action, bodies in found.items()
        ),
        rules.mark,
    )
    return put(drop(root, "signal_rules"), "actions", actions, key_mark(root, "signal_rules"))


def _rules(listed: Item | None, path: str, log: Log) -> Iterator[tuple[Item, str, str]]:
    """Every rule with its path, and its side where that is the key that it stands below: then it is a list of conditions."""
    if isinstance(listed, Map):
        for entry in listed:
            yield entry.value, f"{path}.{entry.key}", entry.key
    elif isinstance(listed, Sequence):
        for i, item in enumerate(listed.items):
            yield item, f"{path}[{i}]", ""
    elif listed is not None:
        log.problem(listed.mark, path, f"which rules? {text_of(listed)} is no list of them")


def _look_at_sides(rule: Map, path: str, log: Log) -> None:
    """A rule that names its side twice says the same twice."""
    said = [entry for entry in rule if entry.key in _SIDES]
    if len({text_of(entry.value) for entry in said}) > 1:
        told = " and ".join(f"{entry.key}: {text_of(entry.value)}" for entry in said)
        log.problem(said[-1].mark, f"{path}.{said[-1].key}", f"long or short? The rule says {told}")


def _look_beside(rule: Map, path: str, clocks: "_Clocks", log: Log) -> None:
    """What a rule says beside its side and its conditions: labels go, all else may change what it means."""
    for entry in rule:
        if entry.key in _LABELS or (entry.key, word(entry.value)) == _EXIT_BY_SIGNAL:
            log.removed(entry.mark, f"{path}.{entry.key}", text_of(entry.value))
        elif entry.key not in _RULE and not (entry.key in _CLOCK and clocks.fits("", word(entry.value))):
            log.problem(entry.mark, f"{path}.{entry.key}", f"what is this? {text_of(entry.value)} is no part of a rule here")


class _Clocks:
    """Which clock everything of the first generation has, to see whether a condition means that one."""

    def __init__(self, root: Map) -> None:
        """`root` with its `tf_configs`, and with every place that says a clock."""
        self._roles: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for entry in as_map(root.get("tf_configs")):
            self._say(entry.key, as_map(entry.value).get("tf"))
        for place in (as_map(root.get("timeframes")), as_map(root.get("tf_mapping")), root):
            for entry in place:
                if entry.key in (*ROLES, *OLDER_ROLES, *EXEC_KEYS):
                    self._say(entry.key, entry.value)

    def _say(self, role: str, clock: Item | None) -> None:
        role = "exec" if role in EXEC_KEYS else OLDER_ROLES.get(role, role)
        self._roles.setdefault(role, OLDER_ROLES.get(word(clock), word(clock)))

    def read(self, listed: Item | None) -> None:
        """Features or structures, as a list or a map of specs."""
        if isinstance(listed, Sequence):
            specs = [
                (next((word(as_map(one).get(key)) for key in ID_KEYS if key in as_map(one).keys), ""), one)
                for one in listed.items
            ]
        else:
            specs = [(entry.key, entry.value) for entry in as_map(listed)]
        self._names |= {name: word(as_map(spec).get("tf")) or "exec" for name, spec in specs}

    def of(self, clock: str) -> str:
        """The timeframe that a role or timeframe stands for."""
        role = OLDER_ROLES.get(clock, clock)
        said = self._roles.get(role, role)
        return right_timeframe(self._roles.get(said, said))

    def fits(self, name: str, clock: str) -> bool:
        """Whether what the Play calls `name` is read on that clock; a price is on the execution clock."""
        return self.of(clock) == self.of(self._names.get(name, "exec"))


def _condition(item: Item, path: str, clocks: _Clocks, log: Log) -> Item:
    """`{indicator_key, operator, value}` as a condition in list form; other forms as they are."""
    if not isinstance(item, Map) or "lhs" in item.keys:
        return item
    left, op, right = sides_of(item)
    if not left or not op or not right:
        return item
    known = (left, op, right, *CONDITION_REST, *_CLOCK, *_SAYS_NOTHING)
    for entry in item:
        if entry.key not in known:
            log.problem(
                entry.mark, f"{path}.{entry.key}", f"what is this? {text_of(entry.value)} is no part of a condition here"
            )
    name = word(item.get(left))
    clock = next((word(item.get(key)) for key in _CLOCK if key in item.keys), "exec" if name else "")
    if not clocks.fits(name, clock) and any(key in item.keys for key in _CLOCK):
        log.problem(
            item.mark, f"{path}.{left}", f"`{name}` of {clocks.of(clock)}? Declare a feature with that tf and name it here"
        )
    if word(item.get(op)) in NEAR_OPS and "tolerance" not in item.keys:
        log.problem(item.mark, path, "how near? The condition has no tolerance")
    return in_list_form(item, left, op, right)


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
        if not isinstance(entry.value, Map):
            log.problem(entry.mark, path, f"which configuration? {text_of(entry.value)} has no tf and feature_specs")
        tf = config.get("tf") or Leaf(entry.key, entry.mark)
        for key, into in zip(_SPECS, (items, items, blocks), strict=True):
            listed = config.get(key)
            look_for_list(listed, f"{path}.{key}", log)
            for one in listed.items if isinstance(listed, Sequence) else ():
                into.append(one if "tf" in as_map(one).keys else put(as_map(one), "tf", tf))
        for inner in config:
            if inner.key in ("warmup_bars", "role", "required_indicators"):
                log.removed(inner.mark, f"{path}.{inner.key}", text_of(inner.value))
            elif inner.key not in ("tf", *_SPECS):
                log.problem(inner.mark, f"{path}.{inner.key}", "what is this? A configuration has tf and feature_specs")
        log.change(entry.mark, path, text_of(entry.value), "features", "with this clock")
        role = entry.key if entry.key in ("htf", "mtf", "ltf") else "tf" if entry.key == "exec" else ""
        if role and "timeframes" not in root.keys and role not in root.keys and "tf" in config.keys:
            root = put(root, role, tf, entry.mark)
    root = put(drop(root, "tf_configs"), "features", Sequence(tuple(items), configs.mark), key_mark(root, "tf_configs"))
    return put(root, "market_structure_blocks", Sequence(tuple(blocks), configs.mark)) if blocks else root
