"""
Whether a record of the journal is one that a golden line shows: its kind, the fields of its `data`, and the sort of each value.

`tests/golden/journal_records.jsonl` is a whole chain with a line of every form of every kind, as the program wrote it. Whatever
tests have the program write is held against it, in virtual time and by real daemons. A new form is added from the journal in
which it first stood:

    python -m tests.records JOURNAL.jsonl...
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from playd.ops.chain import GENESIS, seal

GOLDEN: Final = Path(__file__).parent / "golden" / "journal_records.jsonl"

CUT: Final = frozenset({"bytes", "sha256", "head"})
"""What a record holds whose words were too long for it, of whatever kind."""

DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")

OPEN: Final = {"command.received": frozenset({"method"})}
"""Kinds whose data are somebody's parameters, and what all of them have."""

Form = tuple[str, frozenset[str]]


def form_of(kind: str, data: Iterable[str]) -> Form:
    """A kind and the names of its fields, so far as the program chooses them."""
    return kind, OPEN.get(kind, frozenset(data))


def golden_records() -> list[dict[str, Any]]:
    """The golden lines, each as a record."""
    return [orjson.loads(line) for line in GOLDEN.read_bytes().splitlines()]


@cache
def golden_data() -> dict[Form, dict[str, Any]]:
    """Of each form the data of its line."""
    return {form_of(record["kind"], record["data"]): record["data"] for record in golden_records()}


def fits(value: Any, golden: Any) -> bool:
    """
    Whether a value is of the sort that a golden line has: a truth, a whole number, a decimal as text, any text, a list, or a
    mapping whose values fit where both have a name. Nothing known is of every sort.
    """
    if value is None or golden is None:
        return True
    if isinstance(value, dict) and isinstance(golden, dict):
        return all(fits(each, golden[name]) for name, each in value.items() if name in golden)
    if isinstance(golden, str) and DECIMAL.fullmatch(golden):
        return isinstance(value, str) and DECIMAL.fullmatch(value) is not None
    if isinstance(value, bool) or isinstance(golden, bool):
        return value is bool(value) and golden is bool(golden)
    return isinstance(value, type(golden))  # a name of ours is a text, and a level a number


def check_record(kind: str, data: Mapping[str, Any]) -> None:
    """Fail unless a golden line has this form, and values of these sorts."""
    form = form_of(kind, data)
    if frozenset(data) == CUT:
        return
    known = [sorted(names) for name, names in golden_data() if name == kind]
    is_told = form in golden_data() and OPEN.get(kind, frozenset()) <= data.keys()
    assert is_told, f"{kind} has {sorted(data)}, golden lines have {known}: see {__name__}"
    golden = golden_data()[form]
    other = {name: (value, golden[name]) for name, value in data.items() if name in golden and not fits(value, golden[name])}
    assert kind in OPEN or not other, f"{kind}: values, and those of the golden line: {other}"


def check_journals(state: Path) -> None:
    """The same for every record in the journals of a state directory; damage is somebody else's claim."""
    for record in records_in([*state.glob("journal/*.jsonl"), *state.glob("guardian/journal/*.jsonl")]):
        check_record(record["kind"], record["data"])


def records_in(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The records of files, without lines that are none."""
    for file in files:
        for line in file.read_bytes().splitlines():
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(record, dict) and isinstance(record.get("data"), dict) and "kind" in record:
                yield record


def write_golden(records: Iterable[dict[str, Any]]) -> None:
    """The first record of each form, by kind, as one chain."""
    by_form: dict[Form, dict[str, Any]] = {}
    for record in records:
        by_form.setdefault(form_of(record["kind"], record["data"]), record)
    prev, lines = GENESIS, []
    for number, (_, record) in enumerate(sorted(by_form.items(), key=lambda each: (each[0][0], sorted(each[0][1]))), 1):
        fields = {name: value for name, value in record.items() if name != "hash"}
        line, prev = seal({**fields, "seq": number, "prev": prev}, prev)
        lines.append(line)
    GOLDEN.write_bytes(b"".join(lines))


if __name__ == "__main__":
    write_golden([*golden_records(), *records_in(map(Path, sys.argv[1:]))])
