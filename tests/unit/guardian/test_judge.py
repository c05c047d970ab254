"""What the guardian does, over every small world: positions, stops, plans, daemons and ages."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest

from playd.core.ids import is_guardians, is_ours, link_id
from playd.core.modes import Environment
from playd.core.orders import Action, Side, VenueOrder, VenuePosition
from playd.orders.guardian.judge import (
    RETRY_S,
    STOPPED_ALERT_S,
    Act,
    Alarm,
    CancelEntry,
    Close,
    DaemonState,
    Danger,
    Heard,
    History,
    Now,
    Seen,
    SetStop,
    judge,
    stop_for,
)
from playd.orders.guardian.plan import AccountPlan, PlannedPosition, PlannedShare, Rules
from tests.rows import venue_order, venue_position

RULES = Rules()
NOW = Now(10_000.0, 1_700_000_000_000)
ALIVE, STOPPED, DEAD = (Heard(state, NOW.mono_s - 1) for state in DaemonState)
AGES_S = (0.0, 14.9, 15.0, 29.9, 30.0, 100.0)


def planned(side: Side = Side.BUY, *, stop: str | None = "95", frozen: bool = False, flatten: bool = True) -> PlannedPosition:
    return PlannedPosition(
        symbol="BTCUSDT",
        position_idx=0,
        side=side,
        qty=Decimal(1),
        stop=None if stop is None else Decimal(stop),
        fallback=None,
        tick=Decimal("0.1"),
        max_order_qty=Decimal(100),
        shares=(PlannedShare("abcdefgh", "mine", Decimal(1)),),
        frozen=frozen,
        flatten=flatten,
    )


def account(*positions: PlannedPosition, frozen: bool = False) -> AccountPlan:
    return AccountPlan(
        "main", Environment.DEMO, "http://x", "ws://x", "ws://x", "", "", False, "", (Decimal(1),), positions, frozen
    )


def held(side: Side | None = Side.BUY, *, stop: str = "0", mark: str = "100", qty: str = "1", liq: str = "0") -> VenuePosition:
    more = {"side": side, "entry_price": Decimal(100), "stop": Decimal(stop), "liq_price": Decimal(liq)}
    return venue_position(Decimal(qty), Decimal(mark), **more)


def resting(link: str, *, reduce_only: bool = False, stop_type: str = "") -> VenueOrder:
    return venue_order(f"id-{link}", link_id=link, price=Decimal(90), reduce_only=reduce_only, stop_order_type=stop_type)


def after(age_s: float, **more: object) -> History:
    return History({("BTCUSDT", 0): Danger(NOW.mono_s - age_s, 5, **more)})  # type: ignore[arg-type]


def acts_of(
    plan: AccountPlan, position: VenuePosition, history: History, heard: Heard = ALIVE, rules: Rules = RULES
) -> list[Act]:
    return [act for act in judge(plan, rules, Seen([position], []), history, heard, NOW)[0] if not isinstance(act, Alarm)]


def alarms_of(plan: AccountPlan, position: VenuePosition, heard: Heard = ALIVE) -> set[str]:
    acts = judge(plan, RULES, Seen([position], []), History(), heard, NOW)[0]
    return {act.kind for act in acts if isinstance(act, Alarm)}


def small_worlds() -> Iterator[tuple[AccountPlan, VenuePosition, History, Heard]]:
    plans = [
        account(),
        *(
            account(planned(side, stop=stop, frozen=frozen, flatten=flatten))
            for side, stop, frozen, flatten in product(Side, ("95", "105", None), (True, False), (True, False))
        ),
    ]
    positions = [
        held(side, stop=stop, mark=mark, liq=liq)
        for side, stop, mark, liq in product(Side, ("0", "95", "105", "99.5"), ("90", "100", "110"), ("0", "80"))
    ]
    histories = [History(), *(after(age, stops=stops, closes=stops) for age, stops in product(AGES_S, (0, 1)))]
    return product(plans, positions, histories, (ALIVE, STOPPED, DEAD))


def test_in_every_small_world_it_only_ever_makes_a_position_safer() -> None:
    worlds = 0
    for plan, position, history, heard in small_worlds():
        worlds += 1
        ours = plan.position("BTCUSDT", 0)
        for act in acts_of(plan, position, history, heard):
            assert ours is not None
            assert not ours.frozen
            if isinstance(act, SetStop):
                losing = act.stop < position.mark_price if position.side is Side.BUY else act.stop > position.mark_price
                assert losing
                assert act.stop % ours.tick == 0
                assert not position.stop or losing_side_of_mark(position) is False, "a stop that limits the loss is not moved"
            else:
                assert isinstance(act, Close)
                assert position.side is act.side.opposite
                assert act.qty <= position.qty
                assert ours.flatten
                assert is_guardians(act.link_id)
    assert worlds > 10_000


def losing_side_of_mark(position: VenuePosition) -> bool:
    return position.stop < position.mark_price if position.side is Side.BUY else position.stop > position.mark_price


def test_a_covered_position_is_left_alone_whoever_lives() -> None:
    for heard in (ALIVE, STOPPED, DEAD):
        assert acts_of(account(planned()), held(stop="95"), History(), heard) == []
        assert acts_of(account(planned()), held(stop="97"), History(), heard) == [], "another stop than planned is a stop"


@pytest.mark.parametrize(("age_s", "acts"), [(0.0, 0), (14.9, 0), (15.0, 1), (29.9, 1)])
def test_beside_a_living_daemon_it_waits_fifteen_seconds(age_s: float, acts: int) -> None:
    found = acts_of(account(planned()), held(), after(age_s))
    assert [type(act) for act in found] == [SetStop] * acts
    assert [act.stop for act in found if isinstance(act, SetStop)] == [Decimal(95)] * acts


@pytest.mark.parametrize("heard", [STOPPED, DEAD])
def test_without_a_daemon_it_sets_the_stop_at_first_sight(heard: Heard) -> None:
    (act,) = acts_of(account(planned()), held(), History(), heard)
    assert isinstance(act, SetStop)


def test_thirty_seconds_without_a_stop_after_its_own_attempts_close_the_position() -> None:
    plan = account(planned())
    assert [type(act) for act in acts_of(plan, held(), after(30.0, stops=0))] == [SetStop], "not before its own attempt"
    assert [type(act) for act in acts_of(plan, held(), after(25.0, stops=3))] == [SetStop], "it asks for one until then"
    (act,) = acts_of(plan, held(), after(30.0, stops=1))
    assert isinstance(act, Close)
    assert (act.side, act.qty) == (Side.SELL, Decimal(1))


def test_a_price_beyond_the_planned_stop_closes_the_position() -> None:
    (act,) = acts_of(account(planned()), held(mark="94"), History(), DEAD)
    assert isinstance(act, Close)
    assert acts_of(account(planned()), held(mark="94"), History(), ALIVE) == [], "the daemon's turn comes first"


def test_a_stop_that_should_have_fired_gets_its_time_and_then_the_position_is_closed() -> None:
    position = held(stop="95", mark="94")
    assert acts_of(account(planned()), position, after(29.9), DEAD) == []
    assert [type(act) for act in acts_of(account(planned()), position, after(30.0), DEAD)] == [Close]


def test_where_the_policy_is_alarm_nothing_is_closed() -> None:
    plan = account(planned(flatten=False))
    for position in (held(), held(mark="94"), held(stop="95", mark="94")):
        assert not any(isinstance(act, Close) for act in acts_of(plan, position, after(100.0, stops=9), DEAD))


def test_attempts_are_two_seconds_apart_and_each_close_has_its_own_id() -> None:
    plan, position = account(planned()), held(mark="94")
    acts, history = judge(plan, RULES, Seen([position], []), History(), DEAD, NOW)
    too_soon = Now(NOW.mono_s + RETRY_S - 0.1, NOW.wall_ms)
    again, _ = judge(plan, RULES, Seen([position], []), history, DEAD, too_soon)
    later, _ = judge(plan, RULES, Seen([position], []), history, DEAD, Now(NOW.mono_s + RETRY_S, NOW.wall_ms + 9))
    repeat, _ = judge(plan, RULES, Seen([position], []), History(), DEAD, NOW)
    first, second, same = ([act.link_id for act in found if isinstance(act, Close)] for found in (acts, later, repeat))
    assert not any(isinstance(act, Close) for act in again)
    assert first != second
    assert first == same, "the same danger and attempt have the same id"


def test_a_close_is_never_larger_than_the_venue_takes() -> None:
    small = planned()
    (act,) = acts_of(account(small), held(qty="250", mark="94"), History(), DEAD)
    assert isinstance(act, Close)
    assert act.qty == 100


def test_positions_nobody_planned_and_frozen_ones_are_only_alarmed() -> None:
    for plan in (account(), account(planned(frozen=True))):
        assert acts_of(plan, held(), after(100.0, stops=9), DEAD) == []
        assert "UNCOVERED_HANDS_OFF" in alarms_of(plan, held())
        assert alarms_of(plan, held(stop="95")) == set()


def test_a_position_comes_to_rest_when_its_stop_is_back() -> None:
    _, history = judge(account(planned()), RULES, Seen([held(stop="95")], []), after(20.0), ALIVE, NOW)
    assert history == History()


@pytest.mark.parametrize(
    ("plan", "position", "stop"),
    [
        (planned(stop=None), held(), "97"),
        (planned(Side.SELL, stop=None), held(Side.SELL), "103"),
        (planned(stop=None), held(liq="98"), "99"),
        (planned(Side.SELL, stop="95"), held(), "97"),
        (planned(), held(mark="94"), None),
    ],
    ids=["3 % below", "3 % above", "half way to liquidation", "the plan is for the other side", "beyond the plan"],
)
def test_the_stop_that_is_set(plan: PlannedPosition, position: VenuePosition, stop: str | None) -> None:
    assert stop_for(plan, position, Decimal(3)) == (None if stop is None else Decimal(stop))


def test_a_stop_planned_under_a_finer_tick_is_set_on_the_coarser_one_towards_the_market() -> None:
    coarse = replace(planned(stop="95"), tick=Decimal(2))
    assert stop_for(coarse, held(), Decimal(3)) == 96
    assert stop_for(replace(coarse, side=Side.SELL, stop=Decimal(105)), held(Side.SELL), Decimal(3)) == 104


def test_entries_are_cancelled_when_the_daemon_is_dead_for_a_minute_and_nothing_else_is() -> None:
    entry = link_id("abcdefgh", "1", Action.ENTER, 0, 1)
    orders = [
        resting(entry),
        resting(link_id("abcdefgh", "1", Action.TARGET, 0, 1), reduce_only=True),
        resting("", stop_type="StopLoss", reduce_only=True),
        resting("by-hand"),
    ]

    def cancelled(dead_s: float, plan: AccountPlan, state: DaemonState = DaemonState.DEAD) -> list[str]:
        heard = Heard(state, NOW.mono_s - dead_s)
        acts, _ = judge(plan, RULES, Seen([], orders), History(), heard, NOW)
        return [act.link_id for act in acts if isinstance(act, CancelEntry)]

    assert is_ours(entry)
    assert cancelled(59.9, account()) == []
    assert cancelled(60.0, account()) == [entry]
    assert cancelled(60.0, account(frozen=True)) == []
    assert cancelled(60.0, account(planned(frozen=True))) == []
    assert cancelled(60.0, account(), DaemonState.ALIVE) == cancelled(600.0, account(), DaemonState.STOPPED) == []


def test_a_daemon_dead_for_the_operators_time_has_its_positions_closed() -> None:
    rules = Rules(flatten_after_s=300.0)
    dead = Heard(DaemonState.DEAD, NOW.mono_s - 300)
    assert [type(act) for act in acts_of(account(planned()), held(stop="95"), History(), dead, rules)] == [Close]
    assert acts_of(account(planned()), held(stop="95"), History(), dead) == [], "by default never"
    assert acts_of(account(), held(stop="95"), History(), dead, rules) == [], "what nobody planned stays"


def test_a_dead_daemon_is_an_alarm_and_a_stopped_one_only_after_a_while() -> None:
    plan = account(planned())
    assert alarms_of(plan, held(stop="95"), DEAD) == {"DAEMON_DEAD"}
    assert alarms_of(plan, held(stop="95"), STOPPED) == set()
    long_ago = Heard(DaemonState.STOPPED, NOW.mono_s - STOPPED_ALERT_S)
    assert alarms_of(plan, held(stop="95"), long_ago) == {"DAEMON_STOPPED"}
    assert alarms_of(plan, held(None, qty="0"), long_ago) == set()


def test_a_dead_daemon_is_critical_also_while_nothing_is_open() -> None:
    acts, _ = judge(account(), RULES, Seen([], []), History(), DEAD, NOW)
    assert [(act.kind, act.severity) for act in acts if isinstance(act, Alarm)] == [("DAEMON_DEAD", "critical")]
