"""Orders leave through one place, and nothing cancels without saying what."""

import ast
from functools import cache
from pathlib import Path

OTHERS = ("venues/", "ops/drills/")
"""The venues themselves, and the stranger whom a drill lets loose on an exchange of its own."""

SOURCE = Path(__file__).parents[3] / "daemon" / "playd"


@cache
def calls() -> frozenset[tuple[str, str]]:
    """(method, file) of every method call in the package."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                found.add((node.func.attr, str(path.relative_to(SOURCE))))
    return frozenset(found)


def callers(method: str) -> set[str]:
    """Files that call a method of this name on anything."""
    return {path for name, path in calls() if name == method}


def test_only_the_gateway_places_orders_and_the_guardian_whose_are_reduce_only() -> None:
    senders = {path for path in callers("place") if not path.startswith(OTHERS)}
    assert senders == {"orders/gateway.py", "orders/guardian/hands.py"}
    assert "reduce_only=True" in (SOURCE / "orders/guardian/hands.py").read_text()


def test_stops_are_set_only_by_those_that_write_down_why() -> None:
    assert {path for path in callers("set_stops") if not path.startswith(OTHERS)} == {
        "orders/guardian/hands.py",
        "orders/stop_repairs.py",
        "orders/stops.py",
        "orders/strangers.py",
    }


def test_orders_are_cancelled_by_id_in_few_places_and_never_amended() -> None:
    """A lost reply to an amend leaves two prices that may both be true; a cancel has one end."""
    cancelling = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if "port.cancel(" in path.read_text()}
    cancelling = {path for path in cancelling if not path.startswith(OTHERS)}
    assert cancelling == {"orders/guardian/hands.py", "orders/panic.py", "orders/reconciler.py", "orders/withdrawals.py"}
    assert {path for path in callers("amend") | callers("amend_order") if not path.startswith("venues/exchange/")} == set()


def test_cancel_all_is_never_called() -> None:
    found = callers("cancel_all") | callers("cancel_all_orders")

    assert {path for path in found if not path.startswith("venues/exchange/")} == set()
