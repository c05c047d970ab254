"""One table has every exit code of every program, and none that no program ends with."""

import ast
import re

from playd.control.protocol import EXIT_OF_CODE
from tests.tidy.source import ROOT, Module, modules

TABLE = (ROOT / "runbooks" / "README.md").read_text().split("## What an exit code says")[1].split("\n## ")[0]
NAMED = re.compile(r"exit_code|EXIT_\w+|\w+_EXIT")
OTHER_EXITS = ("playd.engine", "playd.matching", "playd.ops.drills")
"""Here an exit is that of a position, or a code that a drill waits for."""


def _of(module: Module) -> set[int]:
    found: list[tuple[str | None, ast.expr | None]] = []
    for node in module.nodes:
        if isinstance(node, ast.Assign):
            found += [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((node.target.id, node.value))
        elif isinstance(node, ast.keyword):
            found.append((node.arg, node.value))
    named = [value for name, value in found if name and NAMED.fullmatch(name)]
    return {each.value for each in named if isinstance(each, ast.Constant) and type(each.value) is int}


def test_every_exit_code_stands_in_the_table_and_no_other() -> None:
    ends = set(EXIT_OF_CODE.values()).union(*(_of(one) for one in modules() if not one.name.startswith(OTHER_EXITS)))
    assert [int(code) for code in re.findall(r"(?m)^\| (\d+) \|", TABLE)] == sorted(ends)


def test_what_systemd_is_told_to_leave_down_is_what_its_page_says() -> None:
    unit = (ROOT / "systemd" / "playd.service").read_text()
    page = (ROOT / "systemd" / "README.md").read_text()
    down = re.search(r"(?m)^RestartPreventExitStatus=(.*)$", unit)
    assert down is not None
    assert re.findall(r"(?m)^\| (\d+) \|[^|]*\| stays down", page) == down[1].split()
