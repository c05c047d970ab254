"""No rule of safety rests on `assert`: `python -O` leaves them all out, and everything must hold as before."""

import ast
from importlib.util import find_spec

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from tests.tidy.source import ROOT, modules

MAKERS = ("research",)
"""What makes Plays by chance looks at itself with them; it runs beside no position."""


def tells_the_type_only(test: ast.expr) -> bool:
    """Whether a condition says to the type checker what is so anyway: a class, `is None`, `is not None`, or one of such."""
    match test:
        case ast.BoolOp(op=ast.Or(), values=parts):
            return all(tells_the_type_only(part) for part in parts)
        case ast.Call(func=ast.Name(id="isinstance")):
            return True
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
    return False


def test_an_assert_of_the_package_tells_a_type_and_nothing_else() -> None:
    found = [
        (module, node)
        for module in modules()
        if module.package not in MAKERS
        for node in module.nodes
        if isinstance(node, ast.Assert)
    ]
    assert found
    faults = [f"{module.place(node)}: raise instead" for module, node in found if not tells_the_type_only(node.test)]
    assert faults == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("isinstance(a, int)", True),
        ("a is not None", True),
        ("a is None or isinstance(a, int)", True),
        ("a is not None and b", False),
        ("a", False),
        ("a.stop is b", False),
        ("qty > 0", False),
    ],
)
def test_what_tells_a_type_is_known(text: str, said: bool) -> None:
    assert tells_the_type_only(ast.parse(text, mode="eval").body) is said


def test_what_tests_share_holds_its_asserts_also_without_those_of_the_package() -> None:
    """pytest rewrites the asserts of test modules; of a helper only when it was told before the first import."""
    tests = ROOT / "tests"
    shared = [path for path in tests.rglob("*.py") if not path.name.startswith(("test_", "__", "conftest"))]
    asserting = [path for path in shared if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))]
    assert asserting
    for path in asserting:
        spec = find_spec(".".join(path.relative_to(ROOT).with_suffix("").parts))
        assert spec is not None
        assert isinstance(spec.loader, AssertionRewritingHook), path.name
