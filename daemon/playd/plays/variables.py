"""
Variables: `"$name"` as a complete value, anywhere but in keys, `version`, `name` and `variables` itself.

`"$$x"` is the literal text `$x`. Values keep their type; findings about a substituted value point at the place of use.
"""

from collections.abc import Mapping
from typing import Final

from playd.plays.document import Entry, Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import Mark, Report, did_you_mean
from playd.plays.identifiers import IDENTIFIER, strange
from playd.plays.model import Scalar
from playd.plays.older_names import PLACEHOLDER
from playd.plays.steps import Steps

KEPT: Final = frozenset({"version", "name", "variables"})
"""Keys at the top whose values are never substituted."""

_LEAVES_A_STEP: Final = 500
"""Values of one list or map that are looked at in one step: about a millisecond."""


def substitute(root: Map, overrides: Mapping[str, Scalar], report: Report) -> Steps[tuple[Map, dict[str, Scalar]]]:
    """
    The document with variables replaced, and the values in force (overrides included), in steps.

    Findings: a value that is no scalar (E107), a use or override of an undeclared name (E440), an unused variable (W602).
    """
    declared = _declared(root, report)
    for name in overrides:
        if name not in declared:
            text = f"found the override `{name}`, expected a name declared in `variables`{did_you_mean(name, declared)}"
            report.add("E440", Mark(1, 1), "variables", text)
    values = {name: overrides.get(name, value) for name, (value, _) in declared.items()}
    used: set[str] = set()
    entries: list[Entry] = []
    for entry in root:
        kept = entry.key in KEPT
        value = entry.value if kept else (yield from _replaced(entry.value, entry.key, values, used, report))
        entries.append(Entry(entry.key, entry.mark, value))
    for name, (_, mark) in declared.items():
        if name not in used:
            report.add("W602", mark, f"variables.{name}", "found a variable that nothing uses")
    return Map(tuple(entries), root.mark), values


def _declared(root: Map, report: Report) -> dict[str, tuple[Scalar, Mark]]:
    section = root.get("variables")
    if section is None or (isinstance(section, Leaf) and section.value is None):
        return {}  # nothing behind the key is a finding of the root's table
    if not isinstance(section, Map):
        report.add("E107", section.mark, "variables", f"found {kind_of(section)}, expected a map of name to value")
        return {}
    declared: dict[str, tuple[Scalar, Mark]] = {}
    for entry in section:
        path = f"variables.{entry.key}"
        value = entry.value.value if isinstance(entry.value, Leaf) else None
        if not IDENTIFIER.match(entry.key):
            report.add("E107", entry.mark, path, f"found a name {strange(entry.key)}")
        elif value is None:
            found = kind_of(entry.value)
            report.add("E107", entry.value.mark, path, f"found {found}, expected a number, text, true or false")
        else:
            declared[entry.key] = (value, entry.mark)
    return declared


def _replaced(item: Item, path: str, values: Mapping[str, Scalar], used: set[str], report: Report) -> Steps[Item]:
    if isinstance(item, Sequence):
        items: list[Item] = []
        for i, child in enumerate(item.items):
            if i % _LEAVES_A_STEP == 0:
                yield
            items.append((yield from _replaced(child, f"{path}[{i}]", values, used, report)))
        return Sequence(tuple(items), item.mark)
    if isinstance(item, Map):
        entries: list[Entry] = []
        for i, entry in enumerate(item):
            if i % _LEAVES_A_STEP == 0:
                yield
            value = yield from _replaced(entry.value, f"{path}.{entry.key}", values, used, report)
            entries.append(Entry(entry.key, entry.mark, value))
        return Map(tuple(entries), item.mark)
    return _value_of(item, path, values, used, report)


def _value_of(item: Leaf, path: str, values: Mapping[str, Scalar], used: set[str], report: Report) -> Leaf:
    text = item.value
    if isinstance(text, str) and (older := PLACEHOLDER.match(text)):
        report.add_unusable("E901", item.mark, path, f"found the older spelling `{text}`, expected `${older[1]}`")
        used.add(older[1])
        return Leaf(None, item.mark, reported=True)
    if not isinstance(text, str) or not text.startswith("$"):
        return item
    name = text[1:]
    if name.startswith("$"):
        return Leaf(name, item.mark)
    if not IDENTIFIER.match(name):
        return item
    used.add(name)
    if name in values:
        return Leaf(values[name], item.mark)
    expected = "a name declared in `variables`" if values else "a name declared in `variables`, which is empty"
    report.add_unusable(
        "E440", item.mark, path, f"found the undeclared variable `{text}`, expected {expected}{did_you_mean(name, values)}"
    )
    return Leaf(None, item.mark, reported=True)
