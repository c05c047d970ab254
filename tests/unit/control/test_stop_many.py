"""Of many instances that are told to leave, the last hears it as soon as the first."""

from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control import change_methods
from playd.control.params import Stop
from playd.supervisor.errors import NotRunning

pytestmark = pytest.mark.anyio


async def test_many_that_are_managed_until_flat_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = [SimpleNamespace(name=name, active=True) for name in ("a", "b", "c")]
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
