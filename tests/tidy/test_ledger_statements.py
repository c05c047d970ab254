"""Rows go into the ledger by the names of their columns, so that a column more breaks no program that does not know it."""

import ast
import re

from playd.orders.schema import TABLES
from tests.tidy.source import modules

_ROWS = re.compile(r"INSERT (?:OR \w+ )?INTO (\w+)\s*(\(?)")
_OURS = frozenset(re.findall(r"CREATE TABLE (\w+)", TABLES))
_OTHER_FILES = ("playd.venues.exchange", "playd.cli.exchange")
"""The local exchange's records are a file of its own."""


def test_every_statement_that_adds_a_row_names_its_columns() -> None:
    found, nameless = 0, []
    for module in modules():
        if module.name.startswith(_OTHER_FILES):
            continue
        for node in module.nodes:
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            for begun in _ROWS.finditer(text):
                if begun[1] not in _OURS or begun[0] == text:  # a beginning that somebody looks for is no statement
                    continue
                found += 1
                if not begun[2]:
                    nameless.append(f"{module.place(node)}: {text[:60]}")
    assert found > 20
    assert nameless == []
