"""What single judgements of drills ask: of instances whose candles are right, of incidents that are open behind a drill."""

from itertools import product
from typing import Any, Final

import pytest

from playd.ops.drills.afterwards import open_until_closed
from playd.ops.drills.catalog import BY_ID, DRILLS
from playd.ops.drills.consequences import STOP
from playd.ops.drills.mortal import AFTER, BEFORE, JOURNAL, LEDGER, SOCKET, STATE
from playd.ops.drills.plays import HELD
from playd.ops.drills.scenarios.bars import moved_by_others
from playd.ops.drills.scenarios.kills import MOMENTS
from playd.ops.drills.scenarios.panics import SCOPES
from playd.orders.halts import ALL

PARTS: Final = ("a start", "an entry", "a fill", "a stop move", "an exit", "a panic", "a stop of the daemon")


def line(instance: str, cause: str, reason: str = "") -> dict[str, Any]:
    return {"event": "instance.transition", "instance": instance, "cause": cause, "reason": reason}


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (line("busy", "feed_stale", "feed_stale: feed is gap"), False),
        (line("held", "feed_stale", "feed_stale: feed is stale"), False),
        (line("held", "feed_stale gone"), False),
        (line("held", "feed_stale", "feed_stale: feed is gap"), True),
        (line("held", "feed_stale", "feed_stale: feed is doubtful"), True),
        (line("held", "halts", "BLIND: level 1 on account:default by daemon: no answer"), True),
        (line("held", "crash", "crashed: ValueError"), True),
    ],
)
def test_another_instance_moves_by_anything_but_a_market_that_stands_still_for_all(found: dict[str, Any], counts: bool) -> None:
    assert moved_by_others([found]) == ([found] if counts else [])


def test_where_the_guardian_may_set_a_stop_the_drill_names_what_tells_of_it() -> None:
    setting = [drill for drill in DRILLS if STOP in drill.guardian]
    named = {drill.id: {drill.incident, *drill.opens, *drill.may_open, *drill.stays} for drill in setting}
    assert len(named) > 3
    assert [number for number, kinds in named.items() if not kinds & {"GUARDIAN_STOP", "STOP_REFUSED"}] == []


@pytest.mark.parametrize("code", ["UNKNOWN_ORDER", "FILL_CHECK", "REPAIRS", "UNPROTECTABLE"])
def test_an_incident_that_no_rule_closes_stays_wherever_its_halt_may_come(code: str) -> None:
    halted = [drill for drill in DRILLS if {f"{code} 2"}.intersection((*drill.halts, *drill.may_halt))]
    assert halted
    assert [drill.id for drill in halted if code not in drill.stays] == []


def test_what_tells_of_something_that_happened_is_open_until_a_person_closes_it() -> None:
    assert {"GUARDIAN_STOP", "HALTED", "UNKNOWN_ORDER"} <= open_until_closed(BY_ID["DRL-01"])
    assert "GUARDIAN_STOP" not in open_until_closed(BY_ID["DRL-09"])
    assert "HALTED" not in open_until_closed(BY_ID["DRL-07"]), "it ends with its halt"


def test_every_part_of_a_life_dies_on_both_sides_of_every_kind_of_call() -> None:
    died = {(moment.name, moment.call, moment.side) for moment in MOMENTS}
    calls, sides = (LEDGER, JOURNAL, STATE, SOCKET), (BEFORE, AFTER)
    assert {name for name, _, _ in died} == set(PARTS)
    assert [each for each in product(PARTS, calls, sides) if each not in died] == []


def test_a_panic_is_drilled_under_fire_in_every_scope() -> None:
    assert {scope.partition(":")[0] for scope in SCOPES} == {HELD, "symbol", "account", ALL}
