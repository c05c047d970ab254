"""`actions` in both forms and `setups`."""

from typing import Final, cast, get_args

from playd.core.limits import PLAY_CASES, PLAY_SETUPS
from playd.plays.conditions import Expr, Ref
from playd.plays.document import Entry, Item, Leaf, Map, Sequence, kind_of
from playd.plays.expressions import LOGIC, ExpressionReader
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.identifiers import IDENTIFIER, strange
from playd.plays.model import ActionName, Block, Case, Emit, Scalar
from playd.plays.names import Names
from playd.plays.operands import read_reference
from playd.plays.reader import Key, Section, Table, read_scalar
from playd.plays.steps import Steps

ACTIONS: Final[tuple[str, ...]] = get_args(ActionName)
FIXED_ORDER: Final = ("exit_all", "exit_long", "exit_short", "entry_long", "entry_short")
"""Order of the blocks that the mapping form stands for."""

_NEVER_OFFERED: Final = ("adjust_stop", "adjust_target", "adjust_size", "no_action")
_OTHER_ACTIONS: Final = {
    "buy": "entry_long",
    "long": "entry_long",
    "short": "entry_short",
    "close": "exit_all",
    "exit": "exit_all",
}
"""What other languages call them."""

RESERVED_METADATA: Final = ("stop_loss", "take_profit", "entry_price", "exit_percent")

BLOCK: Final = Table(
    (
        Key("id", "text", "unique name of the block", required=True),
        Key("cases", "list", "cases in order; the first true one emits", required=True),
        Key("else", "map", "emitted when every case is false"),
    )
)
CASE: Final = Table((Key("when", "any", "expression", required=True), Key("emit", "list", "items to emit", required=True)))
ELSE: Final = Table((Key("emit", "list", "items to emit", required=True),))
PERCENT: Final = Key(
    "percent", "number", "share of the position, exits only", default=100, low=0, above=True, high=100, unit="%"
)
EMIT: Final = Table((Key("action", "word", "action", required=True, words=ACTIONS), PERCENT, Key("metadata", "map", "labels")))


def read_setups(item: Item | None, reader: ExpressionReader, report: Report) -> Steps[tuple[tuple[str, Expr], ...]]:
    """Setups sorted by name; cycles are E432."""
    if item is not None and not isinstance(item, Map):
        report.add("E107", item.mark, "setups", f"found {kind_of(item)}, expected a map of name to expression")
    if isinstance(item, Map) and len(item.entries) > PLAY_SETUPS:
        report.add("E106", item.mark, "setups", f"found {len(item.entries)} setups, expected at most {PLAY_SETUPS}")
        return ()
    setups: dict[str, Expr] = {}
    uses: dict[str, dict[str, Mark]] = {}
    for entry in item if isinstance(item, Map) else ():
        path = f"setups.{entry.key}"
        if not IDENTIFIER.match(entry.key):
            report.add("E107", entry.mark, path, f"found a name {strange(entry.key)}")
        before, reader.used_setups = reader.used_setups, {}
        expr = yield from reader.read(entry.value, path)
        uses[entry.key] = reader.used_setups
        reader.used_setups = {**reader.used_setups, **before}
        if expr is not None:
            setups[entry.key] = expr
    _refuse_setup_cycles(uses, report)
    return tuple(sorted(setups.items()))


def _refuse_setup_cycles(uses: dict[str, dict[str, Mark]], report: Report) -> None:
    reported: set[frozenset[str]] = set()

    def walk(name: str, chain: tuple[str, ...]) -> None:
        for used, mark in uses.get(name, {}).items():
            if used in chain:
                circle = (*chain[chain.index(used) :], used)
                if frozenset(circle) not in reported:
                    reported.add(frozenset(circle))
                    text = f"found a cycle of setups, {' → '.join(circle)}, expected none"
                    report.add("E432", mark, f"setups.{name}", text)
            elif used not in finished:
                walk(used, (*chain, used))
        finished.add(name)

    finished: set[str] = set()
    for name in uses:
        if name not in finished:
            walk(name, (name,))


class ActionReader:
    """Reads the actions of one Play into blocks."""

    def __init__(self, names: Names, expressions: ExpressionReader, report: Report) -> None:
        self._names = names
        self._expressions = expressions
        self._report = report

    def read(self, item: Item | None) -> Steps[tuple[Block, ...]]:
        """Blocks of either form, in steps."""
        if item is None or (isinstance(item, Leaf) and item.reported):
            return ()
        if isinstance(item, Map):
            return (yield from self._mapping(item))
        if isinstance(item, Sequence):
            return (yield from self._blocks(item))
        self._report.add(
            "E107", item.mark, "actions", f"found {kind_of(item)}, expected a map of action to expression, or a list"
        )
        return ()

    def _mapping(self, item: Map) -> Steps[tuple[Block, ...]]:
        if not item.entries:
            self._report.add("E402", item.mark, "actions", f"found no action, expected at least one of {one_of(ACTIONS)}")
        blocks: dict[str, Block] = {}
        for entry in item:
            path = f"actions.{entry.key}"
            if not self._is_action(entry.key, entry.mark, path):
                continue
            body, percent, metadata = self._split(entry, path)
            expr = yield from self._expressions.read(body, path)
            if expr is not None:
                emit = Emit(cast(ActionName, entry.key), percent, metadata)
                blocks[entry.key] = Block(entry.key, (Case(expr, (emit,)),))
        return tuple(blocks[name] for name in FIXED_ORDER if name in blocks)

    def _split(self, entry: Entry, path: str) -> tuple[Item, float, tuple[tuple[str, Scalar | Ref], ...]]:
        """The expression of an action without the keys that may stand beside it."""
        body = entry.value
        if not isinstance(body, Map):
            return body, 100.0, ()
        rest = Map(tuple(one for one in body if one.key not in ("metadata", "percent")), body.mark)
        percent = self._percent(body.get("percent"), entry.key, f"{path}.percent")
        return rest, percent, self._metadata(body.get("metadata"), f"{path}.metadata")

    def _is_action(self, word: object, mark: Mark, path: str) -> bool:
        if word in ACTIONS:
            return True
        if word in _NEVER_OFFERED:
            text = f"found `{word}`, which is not offered, expected {one_of(ACTIONS)}{IMPORTABLE}"
            self._report.add("E451", mark, path, text)
        else:
            near = did_you_mean(_OTHER_ACTIONS.get(str(word).lower(), str(word)), ACTIONS)
            if word in LOGIC:
                near = "; an expression stands below its action, further in"
            self._report.add("E102", mark, path, f"found the unknown action `{word}`, expected {one_of(ACTIONS)}{near}")
        return False

    def _percent(self, item: Item | None, action: str, path: str) -> float:
        if item is None:
            return 100.0
        if action.startswith("entry"):
            self._report.add("E452", item.mark, path, "found `percent` on an entry, expected it on exits only")
            return 100.0
        value = read_scalar(item, PERCENT, path, self._report)
        return float(value) if isinstance(value, int | float) else 100.0

    def _metadata(self, item: Item | None, path: str) -> tuple[tuple[str, Scalar | Ref], ...]:
        if item is None:
            return ()
        if not isinstance(item, Map):
            self._report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a map of name to value")
            return ()
        values: dict[str, Scalar | Ref] = {}
        for entry in item:
            where = f"{path}.{entry.key}"
            if entry.key in RESERVED_METADATA:
                text = f"found the reserved name `{entry.key}`, expected another: metadata never changes an order"
                self._report.add("E445", entry.mark, where, text)
                continue
            if isinstance(entry.value, Map):
                ref = read_reference(entry.value, where, self._names, self._report)
                if ref is not None:
                    values[entry.key] = ref
            elif isinstance(entry.value, Leaf) and entry.value.value is not None:
                values[entry.key] = entry.value.value
            else:
                text = f"found {kind_of(entry.value)}, expected a number, text, boolean or {{feature_id, field, offset}}"
                self._report.add("E107", entry.value.mark, where, text)
        return tuple(sorted(values.items()))

    def _blocks(self, item: Sequence) -> Steps[tuple[Block, ...]]:
        if not item.items:
            self._report.add("E402", item.mark, "actions", "found an empty list, expected at least one block")
        blocks: list[Block] = []
        ids: set[str] = set()
        for i, one in enumerate(item.items):
            block = yield from self._block(one, f"actions[{i}]")
            if block.id and block.id in ids:
                text = f"found the block id `{block.id}` a second time, expected unique ids"
                self._report.add("E203", one.mark, f"actions[{i}].id", text)
            ids.add(block.id)
            blocks.append(block)
        return tuple(blocks)

    def _block(self, item: Item, path: str) -> Steps[Block]:
        section = Section(item, BLOCK, path, self._report, mark=item.mark)
        cases = section.list_of("cases")
        if section.has("cases") and not cases:
            self._report.add(
                "E402", section.mark_of("cases"), f"{path}.cases", "found an empty list, expected at least one case"
            )
        if len(cases) > PLAY_CASES:
            text = f"found {len(cases)} cases, expected at most {PLAY_CASES} in one block: each is held against all before it"
            self._report.add("E106", section.mark_of("cases"), f"{path}.cases", text)
            cases = ()
        otherwise = section.section("else", ELSE) if section.has("else") else None
        read: list[Case] = []
        for i, one in enumerate(cases):
            case = yield from self._case(one, f"{path}.cases[{i}]")
            read += [case] if case is not None else []
        return Block(
            section.text("id"),
            tuple(read),
            self._emits(otherwise) if otherwise else (),
        )

    def _case(self, item: Item, path: str) -> Steps[Case | None]:
        section = Section(item, CASE, path, self._report, mark=item.mark)
        when = section.item("when")
        emits = self._emits(section)
        expr = None if when is None else (yield from self._expressions.read(when, f"{path}.when"))
        return Case(expr, emits) if expr is not None else None

    def _emits(self, parent: Section) -> tuple[Emit, ...]:
        items = parent.list_of("emit")
        path = parent.path_of("emit")
        if isinstance(parent.item("emit"), Sequence) and not items:
            text = f"found an empty list, expected {one_of(ACTIONS)}{IMPORTABLE}"
            self._report.add("E402", parent.mark_of("emit"), path, text)
        emits = (self._emit(item, f"{path}[{i}]") for i, item in enumerate(items))
        return tuple(emit for emit in emits if emit is not None)

    def _emit(self, item: Item, path: str) -> Emit | None:
        if isinstance(item, Leaf) and isinstance(item.value, str):
            return Emit(cast(ActionName, item.value), 100.0) if self._is_action(item.value, item.mark, path) else None
        section = Section(item, EMIT, path, self._report, mark=item.mark)
        action = section.item("action")
        word = action.value if isinstance(action, Leaf) else None
        if action is None or not self._is_action(word, action.mark, f"{path}.action"):
            return None
        percent = self._percent(section.item("percent"), str(word), f"{path}.percent")
        metadata = self._metadata(section.item("metadata"), f"{path}.metadata")
        return Emit(cast(ActionName, word), percent, metadata)
