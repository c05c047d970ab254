"""A panic is lifted when its scope is flat, whatever came behind it."""

from typing import Any

import pytest

from playd.control import halt_methods
from playd.control.halt_methods import lift_halt
from playd.control.params import LiftHalt
from playd.control.protocol import RpcError
from playd.orders.halts import Level
from playd.supervisor.states import State
from tests.unit.control.test_halts_of_a_closed_account import CALL, starting

pytestmark = pytest.mark.anyio


async def resume(daemon: Any, scope: str) -> None:
    await lift_halt(daemon, LiftHalt(request_id="r", scope=scope, reason="seen", confirm=f"RESUME {scope}"), CALL)


@pytest.mark.parametrize("behind", [None, Level.FREEZE])
async def test_a_panic_is_not_lifted_before_its_scope_is_flat_also_with_a_freeze_behind_it(behind: Level | None) -> None:
    daemon = starting()
    daemon.supervisor.booked_qty = lambda _record: 1
    daemon.halts.raise_level("account:main", Level.PANIC, "PANIC", "why")
    if behind is not None:
        daemon.halts.raise_level("account:main", behind, "OPERATOR", "no, wait")
    with pytest.raises(RpcError, match="is not flat: alpha"):
        await resume(daemon, "account:main")
    assert Level.PANIC in {halt.level for halt in daemon.halts.in_force("account:main")}


async def test_a_panic_is_not_lifted_where_something_was_opened_while_the_books_were_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = starting()
    daemon.supervisor.booked_qty = lambda _record: 0
    daemon.halts.raise_level("account:main", Level.PANIC, "PANIC", "why")

    async def resolved(*_: Any) -> None:
        """Two reconciliations, which take seconds."""
        daemon.supervisor.booked_qty = lambda _record: 1

    monkeypatch.setattr(halt_methods, "_refuse_unless_resolved", resolved)
    with pytest.raises(RpcError, match="is not flat: alpha"):
        await resume(daemon, "account:main")
    assert [halt.level for halt in daemon.halts.in_force("account:main")] == [Level.PANIC]


@pytest.mark.parametrize(("was", "named"), [(State.PANICKED, ["alpha"]), (State.STOPPED, [])])
async def test_what_a_panic_has_stopped_is_named_when_it_is_lifted_because_nobody_starts_it_again(
    was: State, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = starting()
    daemon.halts.raise_level("account:main", Level.PANIC, "PANIC", "why")
    daemon.supervisor.slots["alpha"].state = was
    daemon.supervisor.look_around = lambda: setattr(daemon.supervisor.slots["alpha"], "state", State.STOPPED)

    async def resolved(*_: Any) -> None:
        pass

    monkeypatch.setattr(halt_methods, "_refuse_unless_resolved", resolved)
    answer = await lift_halt(
        daemon, LiftHalt(request_id="r", scope="account:main", reason="seen", confirm="RESUME account:main"), CALL
    )
    assert answer["stay_stopped"] == named
