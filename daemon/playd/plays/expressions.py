"""Expressions: conditions, all, any, not, setups, windows, and lists that mean all of them."""

import re
from typing import Final, cast

from playd.core.limits import PLAY_PARTS
from playd.core.timeframes import DAY_MS, MINUTE_MS, NAME_OF_MS
from playd.plays.comparisons import ComparisonReader, as_list_form, is_condition
from playd.plays.conditions import All, AnyOf, Expr, Not, UseSetup, Window, WindowKind
from playd.plays.document import Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.model import Timeframes
from playd.plays.names import Names
from playd.plays.older_names import is_older_condition
from playd.plays.operands import is_arithmetic
from playd.plays.reader import Key, Section, Table
from playd.plays.steps import Steps
from playd.plays.suspicions import Placed
from playd.plays.timeframe_words import read_role

WINDOW_BARS: Final = 5000
DURATION_MAX_MS: Final = 90 * DAY_MS
SPAN_PATTERN: Final = "([1-9][0-9]{0,6})([mhd])"
"""How a span of time is written."""

_SPAN: Final = re.compile(rf"{SPAN_PATTERN}\Z")
_SPAN_MS: Final = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS}

_BARS: Final = Key("bars", "int", "closes, the current one included", required=True, low=1, high=WINDOW_BARS, unit="bars")
_DURATION: Final = Key("duration", "text", "span like 30m, 2h, 1d", required=True)
_EXPR: Final = Key("expr", "any", "expression", required=True)
_ANCHOR: Final = Key("anchor_tf", "text", "clock whose closes are counted")
_MIN_TRUE: Final = Key("min_true", "int", "how many must be true, at most all closes", required=True, low=1)

WINDOWS: Final[dict[str, Table]] = {
    "holds_for": Table((_BARS, _EXPR, _ANCHOR)),
    "occurred_within": Table((_BARS, _EXPR, _ANCHOR)),
    "count_true": Table((_BARS, _MIN_TRUE, _EXPR, _ANCHOR)),
    "holds_for_duration": Table((_DURATION, _EXPR)),
    "occurred_within_duration": Table((_DURATION, _EXPR)),
    "count_true_duration": Table((_DURATION, _MIN_TRUE, _EXPR)),
}
"""Key of a window form to its keys."""

LOGIC: Final = ("all", "any", "not", "setup", *WINDOWS)
_LONG_FORM_KEYS: Final = ("lhs", "op", "rhs")
_BESIDE_ACTIONS: Final = ("metadata", "percent")
"""Keys that may stand beside the condition of an action, and nowhere else."""


_OTHER_WORDS: Final = {
    "and": "; did you mean `all`?",
    "or": "; did you mean `any`?",
    "conditions": "; did you mean `all`?",
    "when": "; `when` stands in a case of the list form",
}
"""What other languages call them; the nearest spelling would be another key."""


class ExpressionReader:
    """Reads expressions of one Play. `used_setups` collects which setups are named, and where; `placed` what was read."""

    def __init__(self, names: Names, timeframes: Timeframes, setups: tuple[str, ...], report: Report) -> None:
        """`timeframes`: what roles stand for. `setups`: names of all that are declared."""
        self._names = names
        self._timeframes = timeframes
        self._setups = setups
        self._report = report
        self._comparisons = ComparisonReader(names, report)
        self.used_setups: dict[str, Mark] = {}
        self.placed: list[Placed] = []

    def read(self, item: Item, path: str) -> Steps[Expr | None]:
        """An expression, or None with findings, in steps. What is read is kept with its place, parts before the whole."""
        yield
        expr = yield from self._read(item, path)
        if expr is not None:
            self.placed.append(Placed(expr, item.mark, path))
        return expr

    def _read(self, item: Item, path: str) -> Steps[Expr | None]:
        if isinstance(item, Map):
            return (yield from self._map(item, path))
        if isinstance(item, Sequence):
            if is_condition(item):
                return self._comparisons.from_list(item, path)
            if is_arithmetic(item):
                self._add(
                    "E401", item.mark, path, 'found arithmetic, expected a condition that compares it: [[a, "-", b], ">", c]'
                )
                return None
            return (yield from self._list(item, path))
        if not item.reported:
            meant = as_list_form(item.value) if isinstance(item.value, str) else ""
            self._add(
                "E401",
                item.mark,
                path,
                f"found {kind_of(item)}, expected a condition [left, op, right] or a map like {{all: […]}}"
                + (f"; write {meant}" if meant else ""),
            )
        return None

    def _list(self, item: Sequence, path: str) -> Steps[Expr | None]:
        """A list of expressions means all of them; of one element, that element."""
        children = yield from self._children(item, path)
        if children is None:
            return None
        return children[0] if len(children) == 1 else All(children)

    def _children(self, item: Sequence, path: str) -> Steps[tuple[Expr, ...] | None]:
        if not item.items:
            self._add("E402", item.mark, path, "found an empty list, expected at least one expression")
            return None
        if len(item.items) > PLAY_PARTS:
            word = "any" if path.endswith(".any") else "all"
            text = f"found {len(item.items)} expressions side by side, expected at most {PLAY_PARTS}"
            self._add("E106", item.mark, path, f"{text}; nest them: several `{word}` in one `{word}`")
            return None
        children: list[Expr | None] = []
        for i, child in enumerate(item.items):
            children.append((yield from self.read(child, f"{path}[{i}]")))
        return None if None in children else cast(tuple[Expr, ...], tuple(children))

    def _map(self, item: Map, path: str) -> Steps[Expr | None]:
        if is_older_condition(item.keys):
            self._add("E901", item.mark, path, "found the older spelling of a condition, expected [left, op, right]")
            return None
        if any(key in _LONG_FORM_KEYS for key in item.keys):
            return self._comparisons.from_map(item, path)
        known = [entry for entry in item if entry.key in LOGIC]
        for entry in item:
            if entry.key not in LOGIC:
                where = f"beside `{known[0].key}`" if known else "where an expression is expected"
                near = _OTHER_WORDS.get(entry.key.lower()) or did_you_mean(
                    entry.key, (*LOGIC, *_LONG_FORM_KEYS, *_BESIDE_ACTIONS)
                )
                self._add(
                    "E401",
                    entry.mark,
                    f"{path}.{entry.key}",
                    f"found the key `{entry.key}` {where}, expected {one_of(LOGIC)}{near}{IMPORTABLE if known else ''}",
                )
        if len(known) > 1:
            self._add(
                "E401",
                known[1].mark,
                path,
                f"found `{known[0].key}` and `{known[1].key}` side by side, expected one of them{IMPORTABLE}",
            )
        if not item.entries:
            self._add("E401", item.mark, path, f"found an empty map, expected {one_of(LOGIC)}")
        if len(known) != 1:
            return None
        return (yield from self._logic(known[0].key, known[0].value, f"{path}.{known[0].key}"))

    def _logic(self, key: str, body: Item, path: str) -> Steps[Expr | None]:
        if key in ("all", "any"):
            if not isinstance(body, Sequence) or is_condition(body):
                found = "a condition" if isinstance(body, Sequence) else kind_of(body)
                older = IMPORTABLE if isinstance(body, Sequence | Map) else ""
                text = f"found {found}, expected a list of expressions: [[left, op, right], …]{older}"
                self._add("E401", body.mark, path, text)
                return None
            children = yield from self._children(body, path)
            if children is None:
                return None
            return All(children) if key == "all" else AnyOf(children)
        if key == "not":
            child = yield from self.read(body, path)
            return Not(child) if child is not None else None
        if key == "setup":
            return self._setup(body, path)
        return (yield from self._window(key, body, path))

    def _setup(self, body: Item, path: str) -> Expr | None:
        name = body.value if isinstance(body, Leaf) else None
        if not isinstance(name, str):
            self._add("E107", body.mark, path, f"found {kind_of(body)}, expected the name of a setup")
            return None
        if name not in self._setups:
            declared = one_of(self._setups) if self._setups else "a declared setup (there is none)"
            self._add(
                "E431",
                body.mark,
                path,
                f"found the undeclared setup `{name}`, expected {declared}{did_you_mean(name, self._setups)}",
            )
            return None
        self.used_setups.setdefault(name, body.mark)
        return UseSetup(name)

    def _window(self, key: str, body: Item, path: str) -> Steps[Expr | None]:
        section = Section(body, WINDOWS[key], path, self._report, mark=body.mark)
        expr_item = section.item("expr")
        anchor_ms = self._anchor_ms(section)
        child = None if expr_item is None else (yield from self._sampled(expr_item, anchor_ms, path))
        min_true = section.integer("min_true") if key.startswith("count_true") else 0
        if key.endswith("_duration"):
            bars, duration_ms = 0, self._duration_ms(section)
            if min_true:
                self._check_min_true(section, min_true, duration_ms)
        else:
            bars, duration_ms = section.integer("bars"), 0
            if min_true > bars:
                self._refuse_min_true(section, min_true, bars)
        if child is None:
            return None
        kind = cast(WindowKind, key.removesuffix("_duration"))
        return Window(kind, bars, child, min_true, anchor_ms, duration_ms)

    def _check_min_true(self, section: Section, min_true: int, duration_ms: int) -> None:
        def check(clock_ms: int) -> None:
            bars = max(1, -(-duration_ms // clock_ms))
            if min_true > bars:
                self._refuse_min_true(section, min_true, bars)

        self._names.clock_checks.append((section.path, check))

    def _refuse_min_true(self, section: Section, min_true: int, bars: int) -> None:
        if section.has("min_true"):
            text = f"found `min_true` {min_true} of a window of {bars} closes, expected 1…{bars}"
            self._add("E106", section.mark_of("min_true"), section.path_of("min_true"), text)

    def _sampled(self, item: Item, anchor_ms: int, path: str) -> Steps[Expr | None]:
        """The expression of a window that looks at it on the clock of `anchor_ms` alone, if that is not 0."""
        before, self._names.sampled_ms = self._names.sampled_ms, anchor_ms
        child = yield from self.read(item, f"{path}.expr")
        self._names.sampled_ms = before
        return child

    def _anchor_ms(self, section: Section) -> int:
        item, path = section.item("anchor_tf"), section.path_of("anchor_tf")
        if item is None:
            return 0
        anchor_ms = read_role(item, path, self._timeframes, self._report)
        if anchor_ms is None:
            return 0
        mark, word = item.mark, NAME_OF_MS[anchor_ms]

        def check(clock_ms: int) -> None:
            if anchor_ms < clock_ms:
                slow = NAME_OF_MS[clock_ms]
                text = f"found `{word}`, which is faster than the clock of the action, expected {slow} or slower"
                self._add("E441", mark, path, text)

        self._names.clock_checks.append((path, check))
        return anchor_ms

    def _duration_ms(self, section: Section) -> int:
        """The span in ms; a day in place of one that is wrong."""
        word, mark, path = section.text("duration"), section.mark_of("duration"), section.path_of("duration")
        match = _SPAN.match(word)
        if match is None:
            if word:
                self._add("E107", mark, path, f"found `{word}`, expected a span like 30m, 2h or 1d")
            return DAY_MS
        span_ms = int(match[1]) * _SPAN_MS[match[2]]
        if span_ms > DURATION_MAX_MS:
            self._add("E106", mark, path, f"found `{word}`, expected 1m…90d")

        def check(clock_ms: int) -> None:
            if span_ms < clock_ms:
                bar = NAME_OF_MS[clock_ms]
                self._add("E442", mark, path, f"found `{word}`, which is shorter than one {bar} bar, expected at least {bar}")

        self._names.clock_checks.append((path, check))
        return span_ms

    def _add(self, code: str, mark: Mark, path: str, text: str) -> None:
        self._report.add(code, mark, path, text)
