"""A venue that does not answer when a life begins is waited for, and that is shown; what it says for certain is a crash."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.core.errors import LinkError, Refused, VenueError
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from tests.unit.supervisor.test_supervisor import crashing, house, steady, until

pytestmark = pytest.mark.anyio


async def test_an_instance_that_waits_for_its_venue_says_so_until_a_life_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playd.supervisor.supervisor.AWAY_PAUSE_S", 0.0)
    async with house() as home:
        tries: list[State] = []

        async def life(slot: Slot) -> None:
            tries.append(slot.state)
            if len(tries) < 20:
                raise ExceptionGroup("a life", [LinkError("no answer")])
            home.on_engines[slot.name](cast("Any", SimpleNamespace(rules_are=lambda _: None)))
            await steady(slot)

        slot = home.add("a", life)
        home.start(slot)
        await until(slot, State.DEGRADED)
        assert slot.facts.causes["venue_away"] == "LinkError: no answer"
        await until(slot, State.RUNNING)
        assert (slot.crashes, slot.record.restarts) == (0, ())
        assert set(tries[1:]) == {State.DEGRADED}
        assert len(home.transitions) < 6, "the tries are not a record each"


@pytest.mark.parametrize(
    "error",
    [
        Refused("GET /v5/market/kline: no such symbol", code=10001),
        VenueError("account paper-b: the venue does not list NOSUCHUSDT"),
    ],
)
async def test_what_the_venue_says_for_certain_is_a_crash_and_not_waited_out(error: Exception) -> None:
    async with house() as home:
        slot = home.add("b", crashing(error))
        home.start(slot)
        await until(slot, State.FAILED)
