"""What nobody here opened becomes an instance's, or is closed, by a person's command; until then it is only listed."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import Action, OrderRequest, Side
from playd.core.reply_codes import ReplyClass
from playd.core.timeframes import DAY_MS
from playd.orders.fills import FillEvent
from playd.orders.fold import fold
from playd.orders.halts import symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.strangers import StrangerRefused
from playd.venues.port import Priority, Reply
from playd.world.ports import Clock
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.venue_script import Script
from tests.virtual_time import in_virtual_time

HELD = Decimal("0.020")


async def adopt(life: OrderWorld, stop: str | None = "49000", key: str = "k1") -> object:
    wanted = None if stop is None else Decimal(stop)
    return await life.account.strangers.adopt(SYMBOL, UID, stop=wanted, key=key, actor="me")


def kinds(life: OrderWorld) -> set[str]:
    return {incident.kind for incident in life.account.desk.incidents.open_ones()}


async def test_an_adopted_position_has_its_stop_at_the_venue_its_real_entry_and_is_led_out_by_its_instance() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(HELD)
        opened_ms = life.venue.execution_rows[-1].time_ms
        await anyio.sleep(60.0)
        refused = await port.submit(entry(), READY)
        listed = life.account.strangers.listed()
        await adopt(life)
        await anyio.sleep(1.0)
        share, event = port.position(), taken(port)[-1]
        assert [(each.id, each.kind, each.qty) for each in listed] == [(f"main/{SYMBOL}", "position", HELD)]
        assert refused.code == "UNRESOLVED"
        assert isinstance(event, FillEvent)
        assert (event.action, event.reason, event.stop) == (Action.ENTER, "adopted", Decimal(49_000))
        assert (event.execution.time_ms, event.execution.price) == (opened_ms, life.venue.price)
        assert (share.position.signed_qty, share.stop, share.position.opened_ms) == (HELD, Decimal(49_000), opened_ms)
        assert life.venue.stop_of() == Decimal(49_000)
        assert life.account.strangers.listed() == []
        assert kinds(life) == set()
        assert (await life.account.reconcile("test")).result == "match"

        life.venue.price += 100
        await port.submit(leave(qty="0.020"), READY)
        await anyio.sleep(1.0)

        assert life.venue.signed() == 0
        assert port.position().position.realised == 2
        for each in life.account.desk.fills.shares():
            assert fold(life.account.desk.fills.executions(each.owner, SYMBOL)) == each.position


async def test_the_stop_of_an_adopted_position_that_fires_is_its_instances() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        await adopt(life)
        await anyio.sleep(1.0)
        life.venue.hit_stop()
        await anyio.sleep(1.0)
        events = [event for event in taken(port) if isinstance(event, FillEvent)]

        assert [event.reason for event in events] == ["adopted", "sl"]
        assert life.halts.in_force() == []


async def test_a_life_after_the_adoption_hears_of_it_again() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        await adopt(life)
        first = taken(port)
    life = life.crash()
    async with life.running():
        assert taken(await life.register(after=0)) == first


class _Behind:
    """The clock of a simulated market whose time is a day behind ours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wall_ms(self) -> int:
        return self._clock.wall_ms() - DAY_MS

    def mono_s(self) -> float:
        return self._clock.mono_s()


@pytest.mark.parametrize(("environment", "decided_s"), [("local", None), ("local", -3600), ("local", 90), ("demo", 90)])
async def test_an_adoption_bears_our_time_and_of_a_simulated_market_the_newest_that_is_known_of_it(
    environment: str, decided_s: int | None
) -> None:
    """Its instance may be stopped: the last bar that it has decided is long ago, or the newest that is known."""
    life = build()
    life.venue.clock = _Behind(life.world.clock)
    async with life.running():
        port = await life.register()
        life.account.desk.environment = Environment(environment)
        life.venue.open_foreign(HELD)
        await anyio.sleep(60.0)
        before_ms = life.world.clock.wall_ms() - (DAY_MS if environment == "local" else 0)
        if decided_s is not None:
            port.record_verdict(before_ms + decided_s * 1000, "HOLD", "")
        await adopt(life)
        event = taken(port)[-1]

        assert isinstance(event, FillEvent)
        assert event.taken_ms is not None
        if environment == "local" and decided_s == 90:
            assert event.taken_ms == before_ms + 90_000
        else:
            assert before_ms <= event.taken_ms < before_ms + 30_000
        assert life.account.desk.fills.adopted_ms(UID) == event.taken_ms


async def test_nothing_is_adopted_when_the_venue_does_not_take_the_stop() -> None:
    life = build(script=Script(refused_stops=1))
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        with pytest.raises(StrangerRefused, match="answered 10001"):
            await adopt(life)

        assert port.position().position.signed_qty == 0
        assert life.account.desk.fills.position(FOREIGN, SYMBOL).signed_qty == HELD
        assert taken(port) == []


def test_nothing_is_adopted_when_the_venue_takes_a_stop_and_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken_and_lost(*_given: object, **_more: object) -> Reply:
        return Reply(ReplyClass.ACCEPTED, 0, "")

    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            life.venue.open_foreign(HELD)
            await anyio.sleep(1.0)
            monkeypatch.setattr(life.venue, "set_stops", taken_and_lost)
            with pytest.raises(StrangerRefused, match="did not show stop 49000"):
                await adopt(life)

            assert port.position().position.signed_qty == 0
            assert life.account.desk.fills.position(FOREIGN, SYMBOL).signed_qty == HELD

    in_virtual_time(body)


@pytest.mark.parametrize(("stop", "code"), [("50000.0", "BAD_STOP"), ("51000", "BAD_STOP")])
async def test_a_stop_on_the_wrong_side_is_refused(stop: str, code: str) -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        with pytest.raises(StrangerRefused) as refused:
            await adopt(life, stop)

        assert refused.value.code == code
        assert life.venue.stop_of() == 0


async def test_a_position_beside_one_of_ours_is_not_adopted_and_only_what_reduces_is_closed() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        with pytest.raises(StrangerRefused) as refused:
            await adopt(life)
        left = await life.account.strangers.close(SYMBOL, key="k2")
        await anyio.sleep(1.0)

        assert (refused.value.code, left) == ("SYMBOL_TAKEN", 0)
        assert life.venue.signed() == port.position().position.signed_qty == Decimal("0.010")
        assert life.halts.in_force() == []
        assert "FOREIGN_POSITION" not in kinds(life)


async def test_closing_what_its_owner_closes_at_the_same_moment_ends() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)

        def first(_order: OrderRequest) -> None:
            life.venue.before_place = lambda _order: None
            life.venue.close_by_hand()

        life.venue.before_place = first
        await life.account.strangers.close(SYMBOL, key="k3")
        await anyio.sleep(60.0)

        assert len(life.venue.placed) == 1
        assert life.venue.signed() == 0
        assert life.account.desk.book.open_intents() == []


async def test_an_order_of_others_that_ends_leaves_no_open_incident() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.by_hand()
        await anyio.sleep(1.0)
        listed, told = life.account.strangers.listed(), kinds(life)
        await life.account.cancel_order(life.account.desk.book.need(listed[0].id), 5.0)
        await anyio.sleep(1.0)

        assert ([each.kind for each in listed], told) == (["order"], {"FOREIGN_ORDER"})
        assert kinds(life) == set()


async def test_a_target_that_filled_in_part_before_the_first_start_is_not_booked_again_when_its_position_is_adopted() -> None:
    life = build()
    venue = life.venue
    venue.open_foreign(Decimal("0.030"))
    await venue.set_stops(SYMBOL, stop=Decimal(49_000), target=Decimal(51_000), priority=Priority.EXIT)
    venue.by_hand("", Side.SELL, "0.030", 51_000, reduce_only=True)
    working = next(order for order in venue.orders.values() if order.order_type == "Limit")
    attached = replace(working, stop_order_type="TakeProfit", trigger_price=Decimal(51_000))
    venue.orders[working.venue_order_id] = attached
    venue.fill_part(Decimal("0.010"))
    async with life.running():
        port = await life.register()
        await adopt(life, stop=None)
        await anyio.sleep(20.0)
        held = port.position().position.signed_qty, life.account.desk.fills.net(SYMBOL)
        venue.fill_part(HELD)
        await anyio.sleep(20.0)

        assert held == (HELD, HELD)
        assert venue.signed() == life.account.desk.fills.net(SYMBOL) == 0
        assert [event.execution.qty for event in taken(port) if isinstance(event, FillEvent)] == [HELD, HELD]
        assert life.account.strangers.listed() == []
        assert life.halts.in_force(symbol_scope("main", SYMBOL)) == []


@pytest.mark.parametrize("gone", [HELD, HELD / 2])
async def test_a_close_of_what_nobody_owns_closes_no_more_than_is_left_of_it_when_its_turn_comes(gone: Decimal) -> None:
    """Its owner closed it in the app while the order waited: the venue's position is our instance's alone then."""
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        life.budget.wait_s = 5.0
        async with anyio.create_task_group() as group:
            group.start_soon(partial(life.account.strangers.close, SYMBOL, key="k4"))
            await anyio.sleep(2.0)
            life.venue.open_foreign(-gone)
            life.budget.wait_s = 0.0
        await anyio.sleep(30.0)

        assert sum(order.qty for order in life.venue.placed if order.reduce_only) == HELD - gone
        assert life.venue.signed() == port.position().position.signed_qty == Decimal("0.010")
