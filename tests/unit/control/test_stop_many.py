"""Of many instances that are told to leave, the last hears it as soon as the first."""

from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control import change_methods
from playd.control.params import Stop
from playd.supervisor.errors import NoSuchInstance, NotRunning
from playd.supervisor.slot import Slot, Statistics
from tests.unit.supervisor.test_admission import RECORD

pytestmark = pytest.mark.anyio


def running(name: str, account: str) -> SimpleNamespace:
    facts, record = SimpleNamespace(failed=None), SimpleNamespace(account=account)
    return SimpleNamespace(name=name, active=True, facts=facts, record=record)


async def test_of_many_that_are_flattened_none_waits_for_another_account_and_one_that_is_gone_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slots = [running("a", "main"), running("b", "main"), running("c", "other"), running("d", "third")]
    begun, both = list[str](), anyio.Event()

    async def stop(name: str, variant: str, actor: str) -> None:
        begun.append(name)
        if name == "d":
            raise NoSuchInstance("no instance d")
        if name == "c":
            both.set()
        await both.wait()

    monkeypatch.setattr(change_methods, "chosen", lambda *_: slots)
    monkeypatch.setattr(change_methods, "lifecycle_row", lambda _, slot: {"name": slot.name})
    daemon: Any = SimpleNamespace(commands=SimpleNamespace(stop=stop))
    with anyio.fail_after(60):
        found = await change_methods.stop(
            daemon, Stop(request_id="r", target="all", variant="flatten"), cast("Any", SimpleNamespace(actor="me"))
        )
    assert [row["name"] for row in found["stopped"]] == ["a", "b", "c"]
    assert [row["name"] for row in found["failed"]] == ["d"]
    assert begun.index("b") == len(begun) - 1


async def test_many_that_are_managed_until_flat_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = [running(name, "main") for name in ("a", "b", "c")]
    told, all_told = list[str](), anyio.Event()

    async def stop(name: str, variant: str, actor: str) -> None:
        told.append(name)
        if len(told) == len(slots):
            all_told.set()
        await all_told.wait()
        if name == "b":
            raise NotRunning("b is stopped")

    monkeypatch.setattr(change_methods, "chosen", lambda *_: slots)
    monkeypatch.setattr(change_methods, "lifecycle_row", lambda _, slot: {"name": slot.name, "statistics": {}})
    daemon: Any = SimpleNamespace(commands=SimpleNamespace(stop=stop))
    with anyio.fail_after(60):
        found = await change_methods.stop(
            daemon, Stop(request_id="r", target="all", variant="manage"), cast("Any", SimpleNamespace(actor="me"))
        )
    assert ([row["name"] for row in found["stopped"]], [row["name"] for row in found["failed"]]) == (["a", "c"], ["b"])


def test_a_stop_answers_with_what_the_life_came_to_that_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_methods.rows, "held_of", lambda *_: (None, None))
    monkeypatch.setattr(change_methods.rows, "position_figure", lambda *_: None)
    monkeypatch.setattr(change_methods.rows, "stop_figure", lambda *_: None)
    slot = Slot(RECORD, lambda *_: None)
    slot.final = Statistics(3, -1.5)
    daemon: Any = None
    assert change_methods.lifecycle_row(daemon, slot)["statistics"] == {"trades": 3, "net_pnl_usdt": "-1.5"}
    slot.engine = cast("Any", SimpleNamespace(engine=SimpleNamespace(trade_count=4, net_pnl_usdt=2.0)))
    assert change_methods.lifecycle_row(daemon, slot)["statistics"] == {"trades": 4, "net_pnl_usdt": "2.0"}
