"""Older spellings of timeframes and of the `timeframes` section."""

from typing import Final

from playd.core.timeframes import TIMEFRAME_MS
from playd.plays.document import Entry, Item, Leaf, Map
from playd.plays.findings import Mark
from playd.plays.importing.log import Log
from playd.plays.importing.trees import as_map, drop, each_entry, new_map, put, text_of, word
from playd.plays.older_names import OLDER_ROLES
from playd.plays.tables import ROLES
from playd.plays.timeframe_words import right_spelling

EXEC_KEYS: Final = ("exec", "exec_tf", "execution_tf", "tf")
_TOP_KEYS: Final = ("tf", "execution_tf", "exec_tf", "htf", "mtf", "ltf", "tf_mapping")


def right_timeframe(text: str) -> str:
    """A timeframe in its right spelling, other text as it is."""
    return right_spelling(text) or text


def read_tf(item: Item, path: str, log: Log) -> Item:
    """A timeframe, role or `exec` in its right spelling, the change reported."""
    text = word(item)
    right = OLDER_ROLES.get(text) or right_timeframe(text)
    if not text or right == text:
        return item
    log.change(item.mark, path, text, path, right)
    return Leaf(right, item.mark)


def import_timeframes(root: Map, log: Log) -> Map:
    """The `timeframes` section from all the places where older files say it."""
    given = as_map(root.get("timeframes"))
    older = [entry for entry in root if entry.key in _TOP_KEYS]
    inner_older = [entry for entry in given if entry.key not in (*ROLES, "exec")]
    exec_word = word(given.get("exec"))
    names_clock = exec_word in OLDER_ROLES or right_timeframe(exec_word) in TIMEFRAME_MS
    if not older and not inner_older and not names_clock:
        if not given.entries:
            return root
        section = each_entry(given, lambda one: type(one)(one.key, one.mark, read_tf(one.value, f"timeframes.{one.key}", log)))
        return put(root, "timeframes", section)
    found: dict[str, tuple[Item, str]] = {}
    for entry in given:
        _keep(found, entry, f"timeframes.{entry.key}", log)
    for entry in older:
        for inner in entry.value if isinstance(entry.value, Map) else (entry,):
            _keep(found, inner, entry.key if inner is entry else f"{entry.key}.{inner.key}", log)
    mark = older[0].mark if older else root.mark
    section = _section(found, given.mark if given.entries else mark, log)
    return put(drop(root, *_TOP_KEYS), "timeframes", section, mark)


def _keep(found: dict[str, tuple[Item, str]], entry: Entry, path: str, log: Log) -> None:
    """The first place that names a role or the clock counts; `timeframes` is looked at first."""
    key = _key(entry.key)
    if key in found:
        log.removed(entry.mark, path, text_of(entry.value), f"`{found[key][1]}` is written too, and counts")
    else:
        found[key] = (entry.value, path)


def _key(name: str) -> str:
    return "exec" if name in EXEC_KEYS else OLDER_ROLES.get(name, name)


def _section(found: dict[str, tuple[Item, str]], mark: Mark, log: Log) -> Map:
    values = {key: (right_timeframe(word(item)), item, path) for key, (item, path) in found.items()}
    exec_word = OLDER_ROLES.get(values["exec"][0], values["exec"][0]) if "exec" in values else ""
    exec_tf = exec_word if exec_word in TIMEFRAME_MS else ""
    roles = {role: values[role][0] for role in ROLES if role in values}
    filled = [role for role in ROLES if role not in roles]
    if exec_tf and exec_tf not in roles.values() and "low_tf" not in roles:
        roles["low_tf"] = exec_tf
    low = roles.get("low_tf") or next(iter(roles.values()), "")
    roles.setdefault("low_tf", low)
    roles.setdefault("med_tf", roles["low_tf"])
    roles.setdefault("high_tf", roles["med_tf"])
    where = values["exec"][1].mark if "exec" in values else mark
    exec_role = exec_word if exec_word in ROLES else next((role for role in ROLES if roles[role] == exec_tf), "")
    if not exec_role:
        exec_role = "low_tf"
        text = (
            f"which clock decides? `{exec_word}` is no role and none of the timeframes" if exec_word else "which role decides?"
        )
        log.problem(where, "timeframes.exec", text)
    for role in ROLES:
        new = f"timeframes.{role}"
        if role in values and (values[role][2] != new or word(values[role][1]) != roles[role]):
            log.change(values[role][1].mark, values[role][2], text_of(values[role][1]), new, roles[role])
        elif role in filled:
            log.change(mark, "(not written)", "", new, roles[role])
    if "exec" in values and (values["exec"][2] != "timeframes.exec" or word(values["exec"][1]) != exec_role):
        log.change(where, values["exec"][2], text_of(values["exec"][1]), "timeframes.exec", exec_role)
    marks = {role: values[role][1].mark if role in values else mark for role in ROLES}
    rest = {key: item for key, (item, _) in found.items() if key not in (*ROLES, "exec")}
    return new_map({**{role: Leaf(roles[role], marks[role]) for role in ROLES}, "exec": Leaf(exec_role, where), **rest}, mark)
