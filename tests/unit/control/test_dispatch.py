"""One recorded effect per request id; every refusal has a number; a bug in a method ends nothing."""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, cast

import anyio
import pytest

from playd.control.dispatch import Call, Dispatch, Method, _validated
from playd.control.params import Add, Changing, EventQuery, LogQuery, Params, Rows, Verify
from playd.control.protocol import Code, JsonObject, Request, RpcError
from playd.control.requests import LedgerCommands
from playd.control.server import Session
from playd.core.errors import PlayError
from playd.orders.ledger import Ledger
from playd.world.ports import Peer
from playd.world.virtual import VirtualWorld, virtual_world

pytestmark = pytest.mark.anyio

PATH = PurePath("/state/ledger.sqlite")


class Look(Params):
    n: int = 0


class Change(Changing):
    n: int


class Careful(Changing):
    confirm: str = ""


@dataclass
class Caller:
    """As much of a session as a dispatch looks at."""

    peer: Peer = field(default_factory=lambda: Peer(1, 1000, 1000, "tester"))


CALLER = cast("Session", Caller())


class House:
    """A dispatch over a ledger, with a method that counts its effects."""

    def __init__(self, world: VirtualWorld) -> None:
        self.world = world
        world.disk.mkdir(PATH.parent)
        self.ledger = Ledger.open(world.disk, world.clock, PATH)
        self.effects: list[int] = []
        self.bugs: list[str] = []
        self.gate = anyio.Event()
        self.gate.set()
        self.dispatch = self.fresh()

    def fresh(self) -> Dispatch:
        """A dispatch as after a restart of the daemon: only the ledger remembers."""
        methods = {
            "look": Method(Look, self.look, view=True),
            "change": Method(Change, self.change),
            "refuse": Method(Change, self.refuse),
            "careful": Method(Careful, self.careful),
            "bug": Method(Look, self.bug),
            "play": Method(Look, self.play),
        }
        store = LedgerCommands(self.ledger, self.world.clock)
        return Dispatch(self.world.clock, methods, store, lambda where, error: self.bugs.append(where))

    async def look(self, params: Look, call: Call) -> JsonObject:
        call.warnings.append(("late", "the feed is late"))
        return {"n": params.n}

    async def change(self, params: Change, call: Call) -> JsonObject:
        await self.gate.wait()
        self.effects.append(params.n)
        return {"n": params.n, "actor": call.actor}

    async def refuse(self, params: Change, call: Call) -> JsonObject:
        self.effects.append(params.n)
        raise RpcError(Code.REFUSED, "no", reason="because")

    async def careful(self, params: Careful, call: Call) -> JsonObject:
        if params.confirm != "PANIC all":
            raise RpcError(Code.PHRASE_REQUIRED, "this needs a phrase")
        self.effects.append(1)
        return {}

    async def bug(self, params: Look, call: Call) -> JsonObject:
        raise ZeroDivisionError("oops")

    async def play(self, params: Look, call: Call) -> JsonObject:
        raise PlayError(["a.yml:3:1: E105", "a.yml:4:1: E103"])

    async def call(self, method: str, **params: Any) -> JsonObject:
        return await self.dispatch.call(Request(1, method, params), CALLER)


async def refusal(house: House, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await house.call(method, **params)
    return caught.value


async def test_an_answer_says_its_schema_its_time_and_its_warnings() -> None:
    answer = await House(virtual_world()).call("look", n=3)
    assert answer == {
        "schema": "playd.look/1",
        "ts": "2024-01-01T00:00:00.000Z",
        "data": {"n": 3},
        "warnings": [{"code": "late", "text": "the feed is late"}],
    }


async def test_an_unknown_method_is_answered_with_the_nearest() -> None:
    error = await refusal(House(virtual_world()), "chnage")
    assert (error.code, error.hint) == (Code.METHOD_NOT_FOUND, "did you mean change?")


@pytest.mark.parametrize("params", [{"n": "3"}, {"n": 1, "x": 2}, {"n": 1.5}])
async def test_wrong_parameters_are_refused_before_anything_runs(params: dict[str, Any]) -> None:
    house = House(virtual_world())
    error = await refusal(house, "change", request_id="a", **params)
    assert error.code is Code.INVALID_PARAMS
    assert house.effects == []


async def nobody(_params: Any, _call: Call) -> JsonObject:
    raise AssertionError("wrong parameters reach nobody")


def test_a_name_that_is_none_but_for_its_letters_is_told_as_it_could_be() -> None:
    method = Method(Add, nobody)
    with pytest.raises(RpcError, match=r"name: found 'EMA_cross', expected up to 32 .*; did you mean ema-cross\?"):
        _validated(method, {"request_id": "r", "name": "EMA_cross", "play": "p", "mode": "paper"})


@pytest.mark.parametrize("since_ms", [-1, 2**63, 10**19])
def test_a_moment_that_no_calendar_has_is_a_wrong_parameter(since_ms: int) -> None:
    for kind in (EventQuery, LogQuery, Rows):
        with pytest.raises(RpcError) as caught:
            _validated(Method(kind, nobody), {"since_ms": since_ms})
        assert caught.value.code is Code.INVALID_PARAMS


@pytest.mark.parametrize("word", ["from", "since"])
def test_a_chain_is_verified_from_a_date_by_either_word(word: str) -> None:
    params = _validated(Method(Verify, nobody), {word: "2024-01-31"})
    assert isinstance(params, Verify)
    assert params.since == "2024-01-31"


async def test_a_change_without_a_request_id_is_refused() -> None:
    assert (await refusal(House(virtual_world()), "change", n=1)).code is Code.INVALID_PARAMS


async def test_the_same_request_again_has_one_effect_and_the_same_answer() -> None:
    house = House(virtual_world())
    first = await house.call("change", request_id="a", n=1)
    house.world.clock.advance(60)
    assert await house.call("change", request_id="a", n=1) == first
    house.dispatch = house.fresh()
    assert await house.call("change", request_id="a", n=1) == first
    assert house.effects == [1]


async def test_a_refusal_is_repeated_and_not_tried_again() -> None:
    house = House(virtual_world())
    for _ in range(2):
        error = await refusal(house, "refuse", request_id="a", n=1)
        assert (error.code, error.reason) == (Code.REFUSED, "because")
    assert house.effects == [1]


async def test_a_command_comes_again_with_its_phrase_under_the_same_id_and_is_done_once() -> None:
    house = House(virtual_world())
    assert (await refusal(house, "careful", request_id="a")).code is Code.PHRASE_REQUIRED
    for _ in range(2):
        await house.call("careful", request_id="a", confirm="PANIC all")
    assert house.effects == [1]


async def test_a_request_id_with_other_parameters_is_a_conflict() -> None:
    house = House(virtual_world())
    await house.call("change", request_id="a", n=1)
    assert (await refusal(house, "change", request_id="a", n=2)).code is Code.REQUEST_ID_CONFLICT
    assert (await refusal(house, "refuse", request_id="a", n=1)).code is Code.REQUEST_ID_CONFLICT
    assert house.effects == [1]


async def test_two_copies_at_once_have_one_effect() -> None:
    house = House(virtual_world())
    house.gate = anyio.Event()
    answers: list[JsonObject] = []

    async def ask() -> None:
        answers.append(await house.call("change", request_id="a", n=1))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        house.gate.set()
    assert house.effects == [1]
    assert answers[0] == answers[1]


async def test_a_command_cut_off_by_a_crash_is_not_run_again() -> None:
    house = House(virtual_world())
    house.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: house.call("change", request_id="a", n=1))
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    house.dispatch = house.fresh()
    error = await refusal(house, "change", request_id="a", n=1)
    assert (error.code, error.reason) == (Code.INCOMPLETE, "outcome_unknown")
    assert house.effects == []


async def test_a_bug_is_reported_and_answered() -> None:
    house = House(virtual_world())
    assert (await refusal(house, "bug")).code is Code.INTERNAL
    assert house.bugs == ["bug"]


async def test_a_broken_play_is_answered_with_every_finding() -> None:
    error = await refusal(House(virtual_world()), "play")
    assert error.code is Code.INVALID
    assert error.details["findings"] == ["a.yml:3:1: E105", "a.yml:4:1: E103"]
