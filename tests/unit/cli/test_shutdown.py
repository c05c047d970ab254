"""A clean stop: no account waits for another one's venue, and instances stop whatever a venue does."""

from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.cli.shutdown import Shutdown
from playd.core.errors import LinkError
from playd.ops.notify import ServiceManager
from playd.supervisor.accounts import OpenAccount
from playd.world.virtual import virtual_world
from tests.simulation.order_world import MemoryJournal

BUDGET_S = 25.0


class Book:
    def live(self) -> list[object]:
        return []


class Venue:
    """As much of an account as a stop asks for."""

    ended = False

    def __init__(self, how: str = "") -> None:
        self.desk = SimpleNamespace(book=Book(), put_on_record=lambda: None)
        self.how = how
        self.cancelled_s: float | None = None

    async def cancel_entries(self) -> int:
        if self.how == "silent":
            await anyio.sleep(600.0)  # as in a ban
        if self.how == "away":
            raise LinkError("nobody is there")
        if self.how == "broken":
            await anyio.sleep(0.1)
            raise ExceptionGroup("a request", [RuntimeError("Session is closed")])
        if self.how == "slow":
            await anyio.sleep(1.0)
        self.cancelled_s = anyio.current_time()
        return 1


@pytest.mark.parametrize("how", ["", "silent", "away"])
async def test_a_venue_that_takes_no_cancel_keeps_no_entry_of_another_account_and_no_instance_running(how: str) -> None:
    stopped: list[float] = []

    async def stop(slot: object, cause: str, *, cool_down: bool) -> None:
        stopped.append(anyio.current_time())

    accounts = {"banned": Venue(how), "other": Venue()}
    slots = {"alpha": SimpleNamespace(active=True)}
    journal = MemoryJournal()
    held = {alias: OpenAccount(cast(Any, None), cast(Any, each)) for alias, each in accounts.items()}
    runtime = SimpleNamespace(
        supervisor=SimpleNamespace(slots=slots, stop=stop, entries_closed=False),
        accounts=SimpleNamespace(held=held),
        exchange=None,
        journal=journal,
    )
    began_s = anyio.current_time()
    in_time = await Shutdown(cast(Any, runtime), ServiceManager(virtual_world().process), BUDGET_S).run("a test")
    assert in_time is not bool(how)
    assert accounts["other"].cancelled_s == began_s
    assert len(stopped) == 1
    assert stopped[0] - began_s < BUDGET_S
    assert [data["in_time"] for kind, data in journal.records if kind == "daemon.stop"] == [not how]


async def test_an_account_that_breaks_ends_no_cancel_of_another_and_is_told_as_left() -> None:
    accounts = {"broken": Venue("broken"), "other": Venue("slow")}
    held = {alias: OpenAccount(cast(Any, None), cast(Any, each)) for alias, each in accounts.items()}
    runtime: Any = SimpleNamespace(accounts=SimpleNamespace(held=held))
    shutdown = Shutdown(runtime, ServiceManager(virtual_world().process), BUDGET_S)
    assert await shutdown._cancel_entries() == ["broken"]
    assert accounts["other"].cancelled_s is not None


async def test_an_account_that_is_closed_while_orders_in_flight_are_waited_for_breaks_no_stop() -> None:
    held = {alias: OpenAccount(cast(Any, None), cast(Any, Venue())) for alias in ("main", "other")}

    async def answered(_account: object) -> None:
        held.pop("other", None)

    runtime: Any = SimpleNamespace(accounts=SimpleNamespace(held=held))
    shutdown = Shutdown(runtime, ServiceManager(virtual_world().process), BUDGET_S)
    shutdown._answered = answered  # type: ignore[method-assign]
    await shutdown._in_flight_ended()
    assert [*held] == ["main"]


@pytest.mark.parametrize(("key_is_good", "rest", "in_time"), [(True, True, True), (False, True, False), (False, False, True)])
async def test_an_account_that_is_not_open_is_asked_where_it_can_be_and_else_the_ledger_says_whether_the_stop_was_clean(
    key_is_good: bool, rest: bool, in_time: bool
) -> None:
    opening: Any = Venue()
    opening.key = SimpleNamespace(uid="1" if key_is_good else "")
    held = OpenAccount(cast(Any, None), opening=opening)
    runtime = SimpleNamespace(
        supervisor=SimpleNamespace(slots={}, entries_closed=False),
        accounts=SimpleNamespace(held={"main": held}),
        records=SimpleNamespace(entries_rest=lambda alias: rest),
        exchange=None,
        journal=MemoryJournal(),
    )
    found = await Shutdown(cast(Any, runtime), ServiceManager(virtual_world().process), BUDGET_S).run("a test")
    assert (found, opening.cancelled_s is not None) == (in_time, key_is_good)
