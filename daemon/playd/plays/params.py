"""Parameters of indicators and structures, read against what the catalog says of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from playd.kernels.spec import ParamSpec, Value
from playd.plays.document import Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.older_names import is_older_param
from playd.plays.reader import Key, Kind, Table, describe, read_scalar

_KINDS: Final[dict[str, Kind]] = {
    "int": "int",
    "float": "number",
    "bool": "bool",
    "word": "word",
    "numbers": "list",
    "feature": "text",
    "structure": "text",
}

_COUNTS: Final = ("max_", "min_", "num_", "wave_")
"""What begins the name of an integer that counts zones, touches, buckets or waves, and no bars."""


def param_key(param: ParamSpec, meaning: str = "") -> Key:
    """The table entry of a parameter; `meaning` where somebody reads it."""
    low = param.lo if param.lo > float("-inf") else None
    high = param.hi if param.hi < float("inf") else None
    unit = "bars" if param.kind == "int" and not param.name.startswith(_COUNTS) else ""
    return Key(
        param.name,
        _KINDS[param.kind],
        meaning or (f"id of a {param.kind} on the same clock" if param.kind in ("feature", "structure") else "parameter"),
        required=param.required,
        default=None if isinstance(param.default, tuple) else param.default,
        low=low,
        high=high,
        above=param.above_lo,
        unit=unit,
        words=param.words,
    )


def param_table(params: Iterable[ParamSpec], meanings: Mapping[str, str] | None = None) -> Table:
    """Parameters as a table, with what they mean where somebody reads it."""
    return Table(tuple(param_key(param, (meanings or {}).get(param.name, "")) for param in params))


def with_flat(table: Table, params: Iterable[str]) -> Table:
    """The table of a spec that knows parameters which stand beside `params` as what they are."""
    flat = {name: f"`{name}` inside `params`" for name in params if name not in table.names}
    return replace(table, older={**table.older, **flat})


class ParamReader:
    """Reads the `params` map of one indicator or structure."""

    def __init__(self, owner: str, params: tuple[ParamSpec, ...], hint: Callable[[str], str], report: Report) -> None:
        """`owner`: what the parameters belong to, for messages. `hint`: what an unknown parameter may have meant."""
        self._owner = owner
        self._params = {param.name: param for param in params}
        self._table = param_table(params)
        self._hint = hint
        self._report = report

    def read(self, item: Item | None, path: str, mark: Mark) -> dict[str, Value]:
        """The parameters that are written and sound; `mark` is where missing ones are reported when there is no map."""
        if item is not None and not isinstance(item, Map):
            self._report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a map of parameters")
        written: dict[str, Value] = {}
        for entry in item if isinstance(item, Map) else ():
            where = f"{path}.{entry.key}"
            if entry.key not in self._params:
                known = one_of(self._table.names) if self._table.names else "none"
                near = did_you_mean(entry.key, self._table.names) or self._hint(entry.key)
                older = IMPORTABLE if is_older_param(self._owner, entry.key, self._params) else ""
                text = f"found the unknown parameter `{entry.key}` of `{self._owner}`, expected {known}{near}{older}"
                self._report.add("E302", entry.mark, where, text)
                continue
            value = self._value(entry.value, self._params[entry.key], where)
            if value is not None:
                written[entry.key] = value
        self._report_missing(item, path, mark)
        return written

    def _report_missing(self, item: Item | None, path: str, mark: Mark) -> None:
        found = item.keys if isinstance(item, Map) else ()
        for name, param in self._params.items():
            if param.required and name not in found:
                text = f"found no `{name}`, expected {_describe(param)}"
                self._report.add("E103", item.mark if item is not None else mark, f"{path}.{name}", text)

    def _value(self, item: Item, param: ParamSpec, path: str) -> Value:
        if param.kind == "numbers":
            return self._numbers(item, param, path)
        return read_scalar(item, self._table.key(param.name), path, self._report)

    def _numbers(self, item: Item, param: ParamSpec, path: str) -> tuple[float, ...] | None:
        if not isinstance(item, Sequence):
            if not (isinstance(item, Leaf) and item.reported):
                self._report.add("E107", item.mark, path, f"found {kind_of(item)}, expected {_describe(param)}")
            return None
        if not 1 <= len(item.items) <= param.most:
            self._report.add("E106", item.mark, path, f"found {len(item.items)} numbers, expected {_describe(param)}")
            return None
        key = Key(param.name, "number", "number", low=param.lo, high=param.hi)
        read = [read_scalar(one, key, f"{path}[{i}]", self._report) for i, one in enumerate(item.items)]
        values = tuple(float(value) for value in read if value is not None)
        if len(set(values)) < len(values):
            twice = next(value for i, value in enumerate(values) if value in values[:i])
            self._report.add("E107", item.mark, path, f"found {twice:g} twice, expected distinct numbers")
        return values if len(values) == len(read) else None


def _describe(param: ParamSpec) -> str:
    if param.kind == "numbers":
        return f"a list of 1…{param.most} distinct numbers {param.lo:g}…{param.hi:g}"
    return describe(param_key(param))
