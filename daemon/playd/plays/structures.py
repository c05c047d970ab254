"""The `structures` section: detectors with parameters, clocks, and the structures that they read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playd.core.timeframes import NAME_OF_MS
from playd.kernels.catalog import STRUCTURES
from playd.kernels.spec import ColumnType, Value
from playd.kernels.structures.spec import ATR, ATR_KEY, StructureSpec
from playd.plays.conditions import Ref
from playd.plays.document import Entry, Item, Leaf, Map, Sequence, kind_of
from playd.plays.fields import StructureNames
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.identifiers import IDENTIFIER, strange
from playd.plays.model import Structure, Timeframes
from playd.plays.names import BUILT_IN, Names
from playd.plays.older_names import OTHER_DETECTORS
from playd.plays.params import ParamReader, with_flat
from playd.plays.reader import Section, Table
from playd.plays.steps import Steps
from playd.plays.tables import STRUCTURE
from playd.plays.timeframe_words import read_clock

_PARAM_HINTS: Final = {
    "length": "write `left` and `right`",
    "lookback": "write `left` and `right`",
    "depends_on": "`uses` stands beside `params`, not inside",
    "uses": "`uses` stands beside `params`, not inside",
    "ms_key": "name it in `uses`",
    "period": "write `size`",
}

_BESIDE_PARAMS: Final = ("uses", "depends_on")

_IMPORTED_COMPLAINTS: Final = (("E104", "left"), ("E104", "right"), ("E314", "use_paired_anchor"))
"""What older files have written all the same."""


@dataclass(frozen=True, slots=True)
class _Used:
    """An id in `uses`, and where it stands."""

    id: str
    mark: Mark
    path: str


@dataclass(frozen=True, slots=True)
class _Draft:
    """A structure whose dependencies are not resolved yet. `settled` is None when its parameters are wrong."""

    id: str
    mark: Mark
    key_mark: Mark
    path: str
    spec: StructureSpec
    step_ms: int
    settled: Mapping[str, Value] | None
    uses: tuple[_Used, ...]
    atr_key: _Used | None


def _table(item: Item) -> Table:
    """The keys of a structure; the parameters of its detector, where somebody wrote them beside `params`, are known too."""
    name = item.get("type") if isinstance(item, Map) else None
    spec = STRUCTURES.get(str(name.value)) if isinstance(name, Leaf) else None
    return STRUCTURE if spec is None else with_flat(STRUCTURE, (param.name for param in spec.params))


class StructureReader:
    """Reads the section of one Play; declares every id in `names.structures`, also of structures that are wrong."""

    def __init__(self, timeframes: Timeframes, names: Names, report: Report) -> None:
        self._timeframes = timeframes
        self._names = names
        self._report = report
        self._drafts: dict[str, _Draft] = {}

    def read(self, item: Item | None) -> Steps[tuple[Structure, ...]]:
        """Structures sorted by clock and id, in steps."""
        if item is not None and not isinstance(item, Map):
            older = IMPORTABLE if isinstance(item, Sequence) else ""
            self._add(
                "E107", item.mark, "structures", f"found {kind_of(item)}, expected a map of clock to list of detectors{older}"
            )
            self._declare_older(item)
        for entry in item if isinstance(item, Map) else ():
            yield from self._read_clock(entry)
        in_circle = self._refuse_circles()
        found: list[Structure] = []
        for draft in self._drafts.values():
            yield
            structure = self._structure(draft) if draft.id not in in_circle else None
            found += [structure] if structure is not None else []
        return tuple(sorted(found, key=lambda one: (one.step_ms, one.id)))

    def warn_of_unused(self) -> None:
        """W602 for structures that nothing has named; call it when everything else is read."""
        for id, draft in self._drafts.items():
            if id not in self._names.used:
                self._add("W602", draft.key_mark, f"{draft.path}.key", "found a name that nothing uses")

    def _read_clock(self, entry: Entry) -> Steps[None]:
        path = f"structures.{entry.key}"
        if entry.key in STRUCTURES:
            text = f"found the older spelling `{entry.key}`, expected a clock with a list of {{type: {entry.key}, key: …}}"
            self._add("E901", entry.mark, path, text)
            self._declare_older(Map((entry,), entry.mark))
            return
        if isinstance(entry.value, Map):
            text = "found an older spelling, a map below a clock, expected a list of {type, key, params, uses}"
            self._add("E901", entry.value.mark, path, text)
            self._declare_older(entry.value)
            return
        step_ms = read_clock(Leaf(entry.key, entry.mark), path, self._timeframes, self._report)
        if not isinstance(entry.value, Sequence):
            self._add("E107", entry.value.mark, path, f"found {kind_of(entry.value)}, expected a list of detectors")
            return
        for i, item in enumerate(entry.value.items):
            yield
            self._read_one(item, step_ms, f"{path}[{i}]")

    def _declare_older(self, item: Item) -> None:
        """Ids in an older shape, which is named as such: what refers to them is not wrong too."""
        if isinstance(item, Sequence):
            for one in item.items:
                self._declare_older(one)
        elif isinstance(item, Map):
            key = item.get("key")
            if isinstance(key, Leaf) and isinstance(key.value, str):
                self._names.structures.setdefault(key.value, None)
            for entry in item:
                if entry.key in STRUCTURES:
                    self._names.structures.setdefault(entry.key, None)
                if entry.key != "params":
                    self._declare_older(entry.value)

    def _read_one(self, item: Item, step_ms: int, path: str) -> None:
        older = next((one for one in item if one.key in STRUCTURES), None) if isinstance(item, Map) else None
        if older is not None:
            text = f"found the older spelling `{older.key}: …`, expected {{type: {older.key}, key: …, params: …}}"
            self._add("E901", older.mark, f"{path}.{older.key}", text)
            self._declare_older(item)
            return
        section = Section(item, _table(item), path, self._report, mark=item.mark)
        spec = self._spec(section)
        id = section.text("key")
        if not id or not self._free(id, section):
            return
        self._names.structures[id] = None
        if spec is None:
            return
        flat = isinstance(item, Map) and any(one.name in item.keys for one in spec.params)  # named, and not missed inside too
        settled = None if flat else self._settled(section, spec)
        key = self._atr_key(section) if ATR in spec.inputs else None
        marks = section.mark, section.mark_of("key")
        self._drafts[id] = _Draft(id, *marks, path, spec, step_ms, settled, self._uses(section), key)
        if settled is not None:
            outputs = {output.name: output for output in spec.outputs(settled)}
            self._names.structures[id] = StructureNames(spec, step_ms, settled, outputs, {})

    def _spec(self, section: Section) -> StructureSpec | None:
        item = section.item("type")
        word = item.value if isinstance(item, Leaf) else None
        if item is None or (isinstance(item, Leaf) and item.reported):
            return None
        if isinstance(word, str) and word in STRUCTURES:
            return STRUCTURES[word]
        other = OTHER_DETECTORS.get(word.lower(), word.lower()) if isinstance(word, str) else ""
        near = f"{did_you_mean(other, STRUCTURES)}{IMPORTABLE if other in STRUCTURES else ''}" if other else ""
        found = f"the unknown detector `{word}`" if isinstance(word, str) else kind_of(item)
        self._add("E301", item.mark, section.path_of("type"), f"found {found}, expected {one_of(STRUCTURES)}{near}")
        return None

    def _free(self, id: str, section: Section) -> bool:
        mark, path = section.mark_of("key"), section.path_of("key")
        if not IDENTIFIER.match(id):
            self._add("E107", mark, path, f"found the id `{id}` {strange(id)}")
        elif id in BUILT_IN:
            self._add("E203", mark, path, f"found the id `{id}`, which is built in, expected another id")
        elif id in self._names.features or id in self._names.structures:
            owner = "a feature" if id in self._names.features else "another structure"
            self._add("E203", mark, path, f"found the id `{id}`, which {owner} has, expected another id")
        else:
            return True
        return False

    def _settled(self, section: Section, spec: StructureSpec) -> Mapping[str, Value] | None:
        """Every parameter, or None with findings."""
        item, path = section.item("params"), section.path_of("params")
        before = self._report.errors
        written = ParamReader(spec.name, spec.params, self._hint, self._report).read(item, path, section.mark)
        if self._report.errors > before or any(one.required and one.name not in written for one in spec.params):
            return None
        complaints = spec.check(written)
        for complaint in complaints:
            value = item.get(complaint.param) if isinstance(item, Map) else None
            mark = section.mark_of("params") if value is None else value.mark
            older = IMPORTABLE if (complaint.code, complaint.param) in _IMPORTED_COMPLAINTS else ""
            self._add(complaint.code, mark, f"{path}.{complaint.param}", complaint.text + older)
        if any(complaint.code.startswith("E") for complaint in complaints):  # one of a value named already adds no finding
            return None
        return spec.settled({name: value for name, value in written.items() if name != ATR_KEY.name})

    @staticmethod
    def _hint(name: str) -> str:
        older = IMPORTABLE if name in _BESIDE_PARAMS else ""
        return f"; {_PARAM_HINTS[name]}{older}" if name in _PARAM_HINTS else ""

    def _atr_key(self, section: Section) -> _Used | None:
        params = section.item("params")
        item = params.get(ATR_KEY.name) if isinstance(params, Map) else None
        if isinstance(item, Leaf) and isinstance(item.value, str) and item.value and not item.reported:
            return _Used(item.value, item.mark, f"{section.path_of('params')}.{ATR_KEY.name}")
        return None

    def _uses(self, section: Section) -> tuple[_Used, ...]:
        item, path = section.item("uses"), section.path_of("uses")
        if item is None:
            return ()
        items = item.items if isinstance(item, Sequence) else (item,)
        found: list[_Used] = []
        for i, one in enumerate(items):
            where = f"{path}[{i}]" if isinstance(item, Sequence) else path
            if isinstance(one, Leaf) and isinstance(one.value, str):
                found.append(_Used(one.value, one.mark, where))
            elif not (isinstance(one, Leaf) and one.reported):
                older = IMPORTABLE if isinstance(one, Map) and one is item else ""
                text = f"found {kind_of(one)}, expected the id of a structure, or a list of them{older}"
                self._add("E107", one.mark, where, text)
        return tuple(found)

    def _refuse_circles(self) -> set[str]:
        """E313 once per circle; returns everyone in one."""
        in_circle: set[str] = set()
        for start in self._linked():
            chain = self._way_back(start) if start not in in_circle else []
            if chain:
                in_circle |= set(chain)
                used = next(use for use in self._drafts[start].uses if use.id in chain)
                circle = " → ".join((*chain, start))
                self._add("E313", used.mark, used.path, f"found structures that use each other, {circle}, expected no circle")
        for id in in_circle:
            self._names.structures[id] = None
        return in_circle

    def _linked(self) -> list[str]:
        """Ids that may be in a circle: those that are left when whoever uses nobody of these is taken away, again and again."""
        uses = {draft.id: {use.id for use in draft.uses if use.id in self._drafts} for draft in self._drafts.values()}
        users: dict[str, list[str]] = {id: [] for id in uses}
        for id, used in uses.items():
            for other in used:
                users[other].append(id)
        free = [id for id, used in uses.items() if not used]
        while free:
            gone = free.pop()
            for user in users[gone]:
                uses[user].discard(gone)
                if not uses[user]:
                    free.append(user)
        return [id for id, used in uses.items() if used]

    def _way_back(self, start: str) -> list[str]:
        """Ids from `start` along `uses` until one uses `start`; empty if none does."""
        paths, seen = [[start]], {start}
        while paths:
            path = paths.pop()
            for use in self._drafts[path[-1]].uses:
                if use.id == start:
                    return path
                if use.id in self._drafts and use.id not in seen:
                    seen.add(use.id)
                    paths.append([*path, use.id])
        return []

    def _structure(self, draft: _Draft) -> Structure | None:
        """The structure with its dependencies, None when something is wrong with it."""
        before = self._report.errors
        uses = self._resolved_uses(draft)
        atr = self._atr(draft) if ATR in draft.spec.inputs else None
        known = self._names.structures[draft.id]
        if draft.settled is None or known is None or self._report.errors > before:
            return None
        self._names.structures[draft.id] = StructureNames(draft.spec, draft.step_ms, draft.settled, known.outputs, uses)
        params = tuple(sorted((name, value) for name, value in draft.settled.items() if name != ATR_KEY.name))
        return Structure(draft.id, draft.spec.name, draft.step_ms, params, tuple(sorted(uses.items())), atr)

    def _resolved_uses(self, draft: _Draft) -> dict[str, str]:
        """Kind to id of what the structure uses."""
        accepted = {use.kind: use for use in draft.spec.uses}
        clock = NAME_OF_MS[draft.step_ms]
        found: dict[str, str] = {}
        for use in draft.uses:
            other = self._drafts.get(use.id)
            if other is None and use.id in self._names.structures:
                continue  # it is wrong itself
            if other is None or other.spec.name not in accepted or other.step_ms != draft.step_ms:
                self._add("E311", use.mark, use.path, self._misuse(use.id, other, list(accepted), draft, clock))
                continue
            kind = other.spec.name
            self._names.used.add(use.id)
            if kind in found:
                self._add("E312", use.mark, use.path, f"found `{use.id}`, a second {kind} beside `{found[kind]}`, expected one")
                continue
            found[kind] = use.id
            if draft.settled is not None and accepted[kind].idle(draft.settled):
                self._add("W311", use.mark, use.path, f"found `{use.id}`, which `{draft.spec.name}` does not look at here")
        for kind, accept in accepted.items():
            wrong = len(found) < len(draft.uses)
            if draft.settled is not None and accept.needed(draft.settled) and kind not in found and not wrong:
                near = [one.id for one in self._drafts.values() if one.spec.name == kind and one.step_ms == draft.step_ms]
                expected = f"`uses` with {one_of(near)}" if near else f"a {kind} on {clock}, named in `uses`"
                older = IMPORTABLE if len(near) == 1 else ""
                text = f"found a {draft.spec.name} that uses no {kind}, expected {expected}{older}"
                self._add("E311", draft.mark, f"{draft.path}.uses", text)
        return found

    def _misuse(self, id: str, other: _Draft | None, accepted: list[str], draft: _Draft, clock: str) -> str:
        if not accepted:
            return f"found `{id}`, expected no `uses`: a {draft.spec.name} reads candles alone"
        expected = f"expected a {one_of(accepted)} on {clock}"
        if other is not None:
            return f"found `{id}`, a {other.spec.name} on {NAME_OF_MS[other.step_ms]}, {expected}"
        fit = [one.id for one in self._drafts.values() if one.spec.name in accepted and one.step_ms == draft.step_ms]
        near = did_you_mean(id, fit)
        there = f" ({one_of(fit)})" if fit else " (there is none)"
        what = "a feature" if id in self._names.features else "no structure"
        return f"found `{id}`, which is {what}, {expected}{there}{near}"

    def _atr(self, draft: _Draft) -> Ref | None:
        """The feature that is the structure's ATR, None for the built-in one."""
        clock = NAME_OF_MS[draft.step_ms]
        if draft.atr_key is None:
            return self._feature_on(ATR, draft.step_ms)
        ref = self._feature_on(draft.atr_key.id, draft.step_ms)
        id, mark, path = draft.atr_key.id, draft.atr_key.mark, draft.atr_key.path
        if ref is None and not (id in self._names.features and self._names.features[id] is None):
            fit = [one for one in self._names.features if self._feature_on(one, draft.step_ms, use=False)]
            there = f" ({one_of(fit)})" if fit else " (there is none)"
            text = f"found `{id}`, expected a feature on {clock} with one FLOAT value{there}{did_you_mean(id, fit)}"
            self._add("E315", mark, path, text)
        return ref

    def _feature_on(self, id: str, step_ms: int, *, use: bool = True) -> Ref | None:
        """The primary output of a feature on that clock if it is a FLOAT."""
        known = self._names.features.get(id)
        if known is None or known[1] != step_ms or known[0].primary is None:
            return None
        spec = known[0]
        assert spec.primary is not None
        if spec.outputs[spec.output_index(spec.primary)].type is not ColumnType.FLOAT:
            return None
        if use:
            self._names.used.add(id)
        return Ref(id, spec.primary)

    def _add(self, code: str, mark: Mark, path: str, text: str) -> None:
        self._report.add(code, mark, path, text)
