"""The venue changes the rules of a symbol: what works there is judged anew, and every decision still has one order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.instrument import Instrument
from playd.orders.fill_check import on_tick
from playd.orders.fills import OrderEnded
from playd.orders.halts import Level, symbol_scope
from playd.orders.rule_changes import changes, described, misfit
from tests.rows import instrument
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entered, taken
from tests.simulation.test_order_path_cancels import LIMIT, resting
from tests.simulation.test_order_path_targets import holding, target
from tests.simulation.test_order_path_targets import resting as targets

RULES = instrument()


@contextmanager
def rules_of(life: OrderWorld, **changed: Any) -> Iterator[None]:
    """The venue has other rules for every symbol."""

    async def instruments(symbols: Sequence[str]) -> dict[str, Instrument]:
        return {symbol: replace(instrument(symbol), **changed) for symbol in symbols}

    life.venue.instruments = instruments  # type: ignore[method-assign]
    yield


def bound(life: OrderWorld, **limits: Any) -> None:
    """Limits on risk as a real account has them."""
    desk = life.account.desk
    desk.settings = replace(desk.settings, limits=replace(desk.settings.limits, **limits))


def repairs(life: OrderWorld) -> list[tuple[str, str]]:
    found = (data for kind, data in life.journal.records if kind == "recon.repair" and data.get("class") == "R11")
    return [(str(data["note"]), str(data.get("became", ""))) for data in found]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"tick": Decimal(7)}, "no multiple of the tick"),
        ({"step": Decimal("0.003")}, "no multiple of the step"),
        ({"min_qty": Decimal(1)}, "is not from 1 to"),
        ({"min_notional_usdt": Decimal(10_000)}, "worth less than"),
        ({"status": "PreLaunch"}, "does not trade"),
    ],
)
async def test_an_entry_that_the_new_rules_forbid_is_taken_back_and_decided_anew_once(
    changed: dict[str, Any], why: str
) -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        with rules_of(life, **changed):
            life.account.desk.rules_doubted = True
            await anyio.sleep(5.0)
            assert [order.status for order in life.venue.orders.values()] == ["Cancelled"]
            assert [event.reason for event in taken(port) if isinstance(event, OrderEnded)] == ["cancelled"]
            (note, _), (_, became) = repairs(life)
            assert (why in note, became) == (True, "CANCELLED")
            assert life.halts.in_force() == []
            again = await port.submit(LIMIT, READY)  # the same decision is the same order, and that is over
            assert (again.code, len(life.venue.placed)) == ("SENT", 1)
        with rules_of(life, tick=Decimal(1)):
            life.account.desk.rules_doubted = True
            await anyio.sleep(5.0)
            later = replace(LIMIT, cause="120000", bar_close_ms=120_000, price=Decimal(49_999))
            assert (await port.submit(later, READY)).code == "SENT"
            await anyio.sleep(5.0)
            assert len({order.link_id for order in life.venue.placed}) == len(life.venue.placed) == 2
            assert list(life.venue.orders.values())[-1].status == "New"


async def test_other_rules_that_an_entry_fits_leave_it_in_its_place_in_the_queue() -> None:
    life = build()
    async with life.running():
        await resting(life)
        with rules_of(life, tick=Decimal("0.5"), step=Decimal("0.005"), funding_interval_min=60):
            life.account.desk.rules_doubted = True
            await anyio.sleep(60.0)
        assert (life.venue.cancels, repairs(life)) == ([], [])


async def test_rules_that_changed_while_nobody_ran_are_told_and_judged_at_the_next_start() -> None:
    life = build()
    async with life.running():
        await resting(life)
    life = life.crash()
    with rules_of(life, tick=Decimal(7)):
        async with life.running():
            await life.register()
            await anyio.sleep(5.0)
            assert [order.status for order in life.venue.orders.values()] == ["Cancelled"]
            told = [each for each in life.account.desk.incidents.open_ones() if each.kind == "RULES_CHANGED"]
            assert [(each.severity, each.text) for each in told] == [("critical", "the venue changed tick from 0.1 to 7")]


async def test_a_symbol_that_ends_is_told_and_has_no_entry_resting_behind_the_last_hour_for_one() -> None:
    life = build()
    end_ms = life.world.clock.wall_ms() + 80 * 3_600_000
    with rules_of(life, delivery_time_ms=end_ms):
        async with life.running():
            bound(life, delist_no_entry_h=72)
            await resting(life)
            (told,) = life.account.desk.incidents.open_ones()
            assert (told.kind, told.severity) == ("RULES_CHANGED", "warning")
            assert "time of delivery from none to 2023-11-18" in told.text
            await anyio.sleep(3_600.0)
            assert life.venue.cancels == []
            row = life.account.desk.book.live()[0]
            rules = life.account.desk.instrument(SYMBOL)
            assert misfit(row, rules, no_entry_h=72, now_ms=end_ms - 72 * 3_600_000) == ""
            assert "is delivered at" in misfit(row, rules, no_entry_h=72, now_ms=end_ms - 72 * 3_600_000 + 1)
            assert misfit(row, rules, no_entry_h=None, now_ms=end_ms) == ""


@pytest.mark.parametrize(
    ("changes", "severity"),
    [({}, "warning"), ({"delivery_time_ms": 1_800_000_000_000}, "warning"), ({"tick": Decimal("0.5")}, "critical")],
)
async def test_other_price_limits_are_worth_a_word_and_no_more(changes: dict[str, Any], severity: str) -> None:
    life = build()
    async with life.running():
        await life.register()
        desk = life.account.desk
        limits = {"min_price": Decimal(1), "max_price": Decimal(900_000), "price_limit_ratio": Decimal("0.05")}
        desk.learn_rules(replace(desk.instrument(SYMBOL), **limits, **changes))
        (told,) = desk.incidents.open_ones()
        assert (told.kind, told.severity) == ("RULES_CHANGED", severity)
        assert "price_limit_ratio from None to 0.05" in told.text


@pytest.mark.parametrize("times", [1, 2])
async def test_a_symbol_that_is_missing_once_from_the_list_costs_no_entry_its_place(times: int) -> None:
    life, listed = build(), list[bool]()
    async with life.running():
        await resting(life)

        async def instruments(symbols: Sequence[str]) -> dict[str, Instrument]:
            listed.append(len(listed) >= times)
            return {symbol: instrument(symbol) for symbol in symbols} if listed[-1] else {}

        life.venue.instruments = instruments  # type: ignore[method-assign]
        life.account.desk.rules_doubted = True
        await anyio.sleep(130.0)
        assert listed[:times] == [False] * times
        assert len(life.venue.cancels) == times - 1


async def test_a_frozen_entry_is_left_alone_and_judged_when_the_freeze_is_over() -> None:
    life = build()
    async with life.running():
        await resting(life)
        scope = symbol_scope("main", SYMBOL)
        life.halts.raise_level(scope, Level.FREEZE, "OPERATOR", "looking", actor="somebody")
        with rules_of(life, tick=Decimal(7)):
            life.account.desk.rules_doubted = True
            await anyio.sleep(60.0)
        assert life.venue.cancels == []
        life.halts.lift(life.halts.in_force(scope)[0].id, by="somebody", note="seen")
        await anyio.sleep(5.0)
        assert [order.status for order in life.venue.orders.values()] == ["Cancelled"]
        assert "no multiple of the tick" in repairs(life)[0][0]


async def test_a_target_off_the_new_tick_rests_again_on_it_nearer_to_the_position() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        await anyio.sleep(1.0)
        with rules_of(life, tick=Decimal(7)):
            life.account.desk.rules_doubted = True
            await anyio.sleep(10.0)
        assert targets(life) == [(Decimal(50_995), Decimal("0.010"))]
        assert Decimal(50_995) % 7 == 0


async def test_a_stop_that_was_planned_under_a_finer_tick_is_put_back_on_the_coarser_one() -> None:
    life = build()
    async with life.running():
        await entered(life)
        set_stops, asked = life.venue.set_stops, list[Decimal]()

        async def on_grid(symbol: str, *, stop: Any, target: Any, position_idx: int = 0, priority: Any) -> Any:
            asked.append(stop)
            return await set_stops(symbol, stop=stop, target=target, position_idx=position_idx, priority=priority)

        life.venue.set_stops = on_grid  # type: ignore[method-assign]
        with rules_of(life, tick=Decimal(7)):
            life.account.desk.rules_doubted = True
            await anyio.sleep(5.0)
            life.venue.remove_stop()
            await anyio.sleep(60.0)
        assert asked == [Decimal(49_504)]  # planned at 49500
        assert asked[0] % 7 == 0
        assert life.venue.signed() == Decimal("0.010")
        assert life.halts.in_force() == []


def test_rules_are_compared_by_their_values_and_by_what_both_programs_know() -> None:
    kept = {**described(RULES), "gone": "1"}
    del kept["status"]
    assert changes(kept, replace(RULES, tick=Decimal("0.10"), status="Closed")) == {}
    assert changes(described(RULES), replace(RULES, step=Decimal("0.01"))) == {"step": "step from 0.001 to 0.01"}
    assert on_tick(Decimal("10.5"), Decimal(1), up=True) == 11
    assert on_tick(Decimal("10.5"), Decimal(1), up=False) == on_tick(Decimal(10), Decimal(1), up=True) == 10
