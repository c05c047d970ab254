"""The guardian calls people by itself: once per alarm, again while it lasts, by whatever route still works."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import anyio

from playd.ops.alarm_post import AlarmPost
from playd.orders.guardian.alarms import Alarms
from playd.orders.guardian.judge import Alarm
from playd.orders.guardian.plan import AlertWay, Plan, from_payload, to_payload
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.virtual_time import LoopClock, in_virtual_time

PHONE, MAIL = AlertWay("phone", ("call",)), AlertWay("mail", ("mail",), scopes=("symbol:*",))
SECOND = AlertWay("second", ("wake",), backup_only=True)
NAKED = Alarm("UNCOVERED", "critical", "symbol:a/B", "no stop for 3 s")


class Programs:
    """What is run instead of the operator's programs. `codes` are exit codes, None is one that hangs."""

    def __init__(self, **codes: int | None) -> None:
        self.codes = codes
        self.heard: list[tuple[float, str, str]] = []

    async def run_command(self, command: Sequence[str], text: str) -> int:
        code = self.codes.get(command[0], 0)
        if code is None:
            await anyio.sleep_forever()
        if code == 0:
            self.heard.append((LoopClock().mono_s(), command[0], text.partition(" on ")[0]))
        return code or 0


class Side:
    """Alarms and their post, over these routes."""

    def __init__(self, programs: Programs, *ways: AlertWay) -> None:
        world = virtual_world()
        self.ways = ways
        machine = World(LoopClock(), world.disk, world.net, world.random, world.env, programs)  # type: ignore[arg-type]
        self.post = AlarmPost(machine, lambda: self.ways, lambda *_: None, None)
        self.alarms = Alarms(LoopClock(), nothing, lambda *_: None, self.post.tell, lambda: 300.0)

    async def over(self, seconds: int, *alarms: Alarm) -> None:
        """A look each second with these alarms."""
        for _ in range(seconds):
            self.alarms.update("a", alarms)
            await anyio.sleep(1.0)


def nothing(kind: str, data: Mapping[str, Any], account: str, symbol: str) -> None: ...


def told(programs: Programs, *ways: AlertWay, looks: Sequence[tuple[int, Sequence[Alarm]]]) -> list[tuple[float, str, str]]:
    async def body() -> None:
        side = Side(programs, *ways)
        async with anyio.create_task_group() as group:
            group.start_soon(side.post.run)
            await anyio.sleep(1.0)
            for seconds, alarms in looks:
                await side.over(seconds, *alarms)
            group.cancel_scope.cancel()

    in_virtual_time(body)
    return programs.heard


def test_an_alarm_is_told_when_it_lasts_and_again_and_when_it_is_over() -> None:
    heard = told(Programs(), PHONE, SECOND, looks=[(4, [NAKED]), (2, []), (400, [NAKED]), (2, [])])
    texts = ["CRITICAL UNCOVERED", "STILL OPEN CRITICAL UNCOVERED", "OVER CRITICAL UNCOVERED"]
    assert [(program, text) for _, program, text in heard] == [("call", text) for text in texts]
    first_s, again_s, over_s = (at_s for at_s, *_ in heard)
    assert (first_s, again_s, over_s) == (12.0, 312.0, 407.0), "four seconds woke nobody"


def test_warnings_and_what_a_route_is_not_for_are_not_told() -> None:
    dead = Alarm("DAEMON_DEAD", "critical", "account:a", "positions are open")
    heard = told(Programs(), PHONE, MAIL, looks=[(10, [replace(NAKED, severity="warning"), dead])])
    assert [program for _, program, _ in heard] == ["call"]


def test_a_route_that_hangs_or_fails_delays_no_other_and_wakes_the_emergency_one() -> None:
    for code in (None, 1):
        heard = told(Programs(call=code), PHONE, MAIL, SECOND, looks=[(60, [NAKED])])
        assert [program for _, program, _ in heard] == ["mail", "wake"], code
        assert heard[0][0] == 6.0
        assert heard[1][0] < 45.0


def test_every_letter_behind_a_dead_route_goes_to_the_emergency_one() -> None:
    dead = Alarm("DAEMON_DEAD", "critical", "account:a", "positions are open")
    heard = told(Programs(call=1), PHONE, SECOND, looks=[(60, [NAKED]), (60, [NAKED, dead])])
    assert [text for _, program, text in heard if program == "wake"] == ["CRITICAL UNCOVERED", "CRITICAL DAEMON_DEAD"]


def test_an_emergency_route_alone_is_used_at_once() -> None:
    assert told(Programs(), SECOND, looks=[(6, [NAKED])]) == [(6.0, "wake", "CRITICAL UNCOVERED")]


def test_what_no_route_took_is_kept_until_one_does() -> None:
    programs = Programs(call=1)

    async def body() -> None:
        side = Side(programs, PHONE)
        async with anyio.create_task_group() as group:
            group.start_soon(side.post.run)
            await anyio.sleep(1.0)
            await side.over(100, NAKED)
            programs.codes["call"] = 0
            await anyio.sleep(70.0)
            assert len(programs.heard) == 1
            side.ways = (MAIL,)
            await side.over(1)
            await anyio.sleep(1.0)
            assert [program for _, program, _ in programs.heard] == ["call", "mail"], "its plan has another route now"
            group.cancel_scope.cancel()

    in_virtual_time(body)


def test_routes_travel_in_the_plan_and_a_plan_without_them_is_read() -> None:
    plan = Plan(ways=(replace(PHONE, credential=PurePath("/keys/phone"), kinds=("NAKED", "UN*")), SECOND), repeat_s=120.0)
    payload = to_payload(plan)
    assert from_payload(payload, "here") == plan
    del payload["alerts"]
    assert from_payload(payload, "here") == Plan()
