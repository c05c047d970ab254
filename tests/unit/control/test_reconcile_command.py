"""`playctl reconcile` of all: what could not be read is told, and is no agreement."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.change_methods import reconcile
from playd.control.dispatch import Call
from playd.control.params import Reconcile
from playd.core.modes import Environment
from playd.orders.reconciler import ReconReport
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio

CALL = cast("Call", SimpleNamespace(actor="uid:1(me)", warnings=[]))


def account(alias: str, result: str, error: str = "") -> Any:
    async def run(_trigger: str, *, dry_run: bool) -> ReconReport:
        return ReconReport(_trigger, result, (), (), 3, 0, error)

    desk = SimpleNamespace(budget=SimpleNamespace(banned_for_s=0.0))
    return SimpleNamespace(alias=alias, environment=Environment.DEMO, reconcile=run, desk=desk)


def daemon(**held: Any) -> Any:
    return SimpleNamespace(clock=virtual_world().clock, accounts=SimpleNamespace(held=held))


def kept(of: Any, step: str = "running", refused: str = "") -> Any:
    return SimpleNamespace(account=of, step=step, refused=refused, step_since_s=0.0, blind=None)


async def test_an_account_that_is_not_open_is_told_and_is_no_match() -> None:
    held = {"main": kept(account("main", "match")), "other": kept(None, "start barrier: no answer")}
    found: Any = await reconcile(daemon(**held), Reconcile(request_id="r"), CALL)
    assert (found["result"], found["accounts"]) == ("blind", ["main"])
    assert found["unread"] == [{"account": "other", "reason": "start barrier: no answer"}]


async def test_a_run_that_could_not_read_says_why_and_a_whole_one_is_a_match() -> None:
    blind: Any = await reconcile(daemon(main=kept(account("main", "blind", "HTTP 503"))), Reconcile(request_id="r"), CALL)
    assert (blind["result"], blind["unread"]) == ("blind", [{"account": "main", "reason": "HTTP 503"}])
    good: Any = await reconcile(daemon(main=kept(account("main", "match"))), Reconcile(request_id="r"), CALL)
    assert (good["result"], good["unread"]) == ("match", [])
