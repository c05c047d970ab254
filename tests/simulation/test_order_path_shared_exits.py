"""Exits of one owner beside each other on a symbol that somebody else holds a part of: none closes what is not its owner's."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import OrderRequest, OrderState, VenuePosition
from playd.orders.fills import FillEvent
from playd.orders.gateway import Instance
from playd.orders.order_book import FOREIGN
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.orders.strangers import StrangerRefused
from playd.venues.port import Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.venue_script import Script, WriteFault

OTHER = "beta2345"
LADDER = replace(
    OrderSettings.of(Environment.DEMO), limits=RiskLimits(Decimal(5000), Decimal(1200), 20, 12, 60), plain_market=False
)
QUOTED = replace(READY, bid=Decimal("49999.0"), ask=Decimal("50001.0"), quote_age_s=0.1)


def held(life: OrderWorld, owner: str) -> Decimal:
    return life.account.desk.fills.position(owner, SYMBOL).signed_qty


async def both_long(life: OrderWorld) -> None:
    for uid in (UID, OTHER):
        await entered(life, uid)


async def test_a_second_exit_beside_one_in_doubt_leaves_the_share_of_another_instance() -> None:
    life = build()
    async with life.running():
        await both_long(life)
        # The first exit is executed, and nobody tells: no answer, no stream, and look-ups that lag behind.
        life.venue.stream_up = False
        life.venue.script.writes = [WriteFault.LOST_AFTER]
        life.venue.script.hidden_reads = 3
        first = await life.ports[0].submit(leave(), READY)
        second = await life.ports[0].submit(leave(180_000), READY)
        await anyio.sleep(30.0)

        assert (first.code, second.code) == ("UNKNOWN", "FLAT")
        assert life.venue.signed() == Decimal("0.010")
        assert (held(life, UID), held(life, OTHER)) == (Decimal(0), Decimal("0.010"))


async def test_an_exit_in_doubt_that_outgrew_its_share_is_not_sent_again_as_it_was() -> None:
    life = build()
    async with life.running():
        await both_long(life)
        life.venue.script.writes = [WriteFault.LOST_BEFORE]
        first = await life.ports[0].submit(leave(), READY)
        # A hand closes half of the first share: less is left of it than the exit in doubt asks for.
        life.venue.open_foreign(Decimal("-0.005"))
        await anyio.sleep(100.0)

        sent = [order.qty for order in life.venue.effects if order.reduce_only]
        assert life.account.desk.book.need(first.link_id).state is OrderState.NEVER_ARRIVED
        assert sent == [Decimal("0.005")]
        assert (held(life, UID), held(life, OTHER)) == (Decimal(0), Decimal("0.010"))
        assert life.venue.signed() == Decimal("0.010")


async def test_an_exit_that_meets_less_than_its_share_leaves_no_share_against_the_position() -> None:
    """A hand closes half of the first share while its exit is on the wire; the venue bounds that by the whole position."""
    life = build()
    async with life.running():
        await both_long(life)
        life.venue.before_place = lambda _order: life.venue.open_foreign(Decimal("-0.005"))
        await life.ports[0].submit(leave(), READY)
        await anyio.sleep(30.0)

        assert life.venue.signed() == Decimal("0.005")
        assert (held(life, UID), held(life, OTHER)) == (Decimal(0), Decimal("0.005"))
        told = [event for event in taken(life.ports[1]) if isinstance(event, FillEvent)][-1]
        assert (told.execution.qty, told.order_done) == (Decimal("0.005"), False)
        assert life.account.desk.book.open_intents() == []


async def test_an_exit_that_is_sent_again_and_again_is_not_called_absent_meanwhile() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.script.writes = [WriteFault.LOST_BEFORE] * 30
        first = await port.submit(leave(), READY)
        await anyio.sleep(90.0)
        assert life.account.desk.book.need(first.link_id).state is OrderState.UNKNOWN
        await anyio.sleep(90.0)

        assert {order.link_id for order in life.venue.placed if order.reduce_only} == {first.link_id}
        assert (held(life, UID), life.venue.signed()) == (Decimal(0), Decimal(0))


async def test_what_nobody_owns_is_not_closed_twice_beside_an_instance() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.open_foreign(Decimal("0.010"))
        await anyio.sleep(1.0)
        life.venue.stream_up = False
        life.venue.script.writes = [WriteFault.LOST_AFTER]
        life.venue.script.hidden_reads = 3
        async with anyio.create_task_group() as group:
            group.start_soon(_close, life, "one")
            await anyio.sleep(0.05)
            with pytest.raises(StrangerRefused, match="closes it already"):
                await life.account.strangers.close(SYMBOL, key="two")
        await anyio.sleep(30.0)

        assert (held(life, UID), held(life, FOREIGN), life.venue.signed()) == (
            Decimal("0.010"),
            Decimal(0),
            Decimal("0.010"),
        )


@pytest.mark.parametrize("turn_s", [0.0, 20.0])
async def test_two_commands_of_one_moment_close_once_what_nobody_owns(turn_s: float) -> None:
    """Both read the position before either has an order; with `turn_s` the first waits longer for its turn than its caller."""
    life, said = build(), list[str]()
    async with life.running():
        await entered(life, qty="0.040")
        life.venue.open_foreign(Decimal("0.005"))
        await anyio.sleep(2.0)

        async def ask(key: str) -> None:
            try:
                await life.account.strangers.close(SYMBOL, key=key)
            except StrangerRefused as refused:
                said.append(refused.code)

        life.budget.wait_s = turn_s
        async with anyio.create_task_group() as group:
            group.start_soon(ask, "a")
            group.start_soon(ask, "b")
        await ask("c")
        await anyio.sleep(60.0)

        assert said == ["CLOSING", "CLOSING" if turn_s else "NOT_FOREIGN"]
        assert (held(life, UID), held(life, FOREIGN), life.venue.signed()) == (
            Decimal("0.040"),
            Decimal(0),
            Decimal("0.040"),
        )


async def test_a_close_of_what_nobody_owns_is_refused_between_two_orders_of_another() -> None:
    life = build(settings=LADDER)
    async with life.running():
        await life.register()
        await life.ports[0].submit(entry(qty="0.020"), QUOTED)
        await anyio.sleep(2.0)
        life.venue.open_foreign(Decimal("0.010"))
        await anyio.sleep(2.0)
        life.venue.fill_share = Decimal(0)
        async with anyio.create_task_group() as group:
            group.start_soon(_close, life, "one")
            for _ in range(2000):
                await anyio.sleep(0.01)
                working = [row for row in life.account.desk.book.live(SYMBOL) if row.owner == FOREIGN and row.reduce_only]
                if life.account.desk.book.open_intents() and not working:
                    break
            assert life.account.desk.book.open_intents()
            with pytest.raises(StrangerRefused, match="closes it already"):
                await life.account.strangers.close(SYMBOL, key="two")
            life.venue.fill_share = Decimal(1)
        await anyio.sleep(60.0)

        assert (held(life, UID), held(life, FOREIGN), life.venue.signed()) == (
            Decimal("0.020"),
            Decimal(0),
            Decimal("0.020"),
        )


async def test_what_nobody_owns_is_closed_though_the_venue_does_not_tell_of_the_position() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.open_foreign(Decimal("0.005"))
        await anyio.sleep(2.0)

        async def silent(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            await anyio.sleep_forever()
            raise AssertionError((symbol, priority))

        life.venue.positions = silent  # type: ignore[method-assign]
        with anyio.fail_after(15.0):
            assert await life.account.strangers.close(SYMBOL, key="one") == 0
        assert life.venue.signed() == Decimal("0.010")


async def _close(life: OrderWorld, key: str) -> None:
    await life.account.strangers.close(SYMBOL, key=key)


async def test_an_exit_that_met_less_than_its_share_keeps_its_rule_and_tells_the_other_that_it_was_an_exit() -> None:
    life = build()
    async with life.running():
        await both_long(life)
        for port in life.ports:
            taken(port)
        life.venue.before_place = lambda _order: life.venue.open_foreign(Decimal("-0.005"))
        await life.ports[0].submit(replace(leave(), reason="catch_up: signal"), READY)
        await anyio.sleep(30.0)

        told = [
            sorted((each.reason, each.execution.qty) for each in taken(port) if isinstance(each, FillEvent))
            for port in life.ports
        ]
        part = Decimal("0.005")
        assert told == [[("catch_up: signal", part), ("manual", part)], [("other_exit", part)]]
        counts = {each.kind: each.count for each in life.account.desk.incidents.open_ones()}
        assert counts == {"MANUAL_CLOSE": 1, "EXIT_BEYOND": 1}
        assert (life.venue.signed(), held(life, UID), held(life, OTHER)) == (part, Decimal(0), part)


async def test_an_exit_that_a_start_and_its_instance_take_up_is_driven_once() -> None:
    life = build(settings=LADDER)
    async with life.running():
        port = await life.register()
        await port.submit(entry(qty="0.020"), QUOTED)
        await anyio.sleep(0.1)
        life.venue.script.writes = [WriteFault.LOST_BEFORE]
        await port.submit(leave(qty="0.020"), QUOTED)
    life = life.crash()
    async with life.running():
        life.venue.fill_share = Decimal("0.5")
        port = await life.register()
        # The same bar is decided once more, while what is left of the exit is driven by the start.
        again = await port.submit(leave(qty="0.020"), QUOTED)
        await anyio.sleep(5.0)
        life.venue.fill_share = Decimal(1)
        await anyio.sleep(20.0)

        links = [order.link_id for order in life.venue.effects if order.reduce_only]
        assert again.code == "SENT"
        assert len(links) == len(set(links)) > 1
        assert life.venue.signed() == 0
        assert life.account.desk.book.open_intents() == []
        assert taken(port)


async def test_an_exit_whose_driver_is_cancelled_is_driven_on_by_the_next() -> None:
    life = build(settings=LADDER)
    async with life.running():
        port = await life.register()
        await port.submit(entry(qty="0.020"), QUOTED)
        await anyio.sleep(0.1)
        life.venue.fill_share = Decimal("0.5")
        exits, intent = life.account.exits, leave(qty="0.020")
        await exits.begin(intent, Instance(UID, "test", SYMBOL, 60_000))
        identity = f"{UID}/{intent.cause}/{intent.action}/0"
        async with anyio.create_task_group() as group:
            async with anyio.create_task_group() as first:
                first.start_soon(exits.finish, identity)
                await anyio.sleep(0.01)
                group.start_soon(exits.finish, identity)
                await anyio.sleep(0.01)
                first.cancel_scope.cancel()
            life.venue.fill_share = Decimal(1)
        assert life.venue.signed() == 0
        assert life.account.desk.book.open_intents() == []


async def test_a_close_in_doubt_of_what_a_hand_opened_is_proved_absent_when_the_position_is_gone() -> None:
    life = build(script=Script(writes=[WriteFault.NONE, WriteFault.ODD_CODE]))
    async with life.running():
        await entered(life)
        life.venue.open_foreign(Decimal("0.006"))
        await anyio.sleep(1.0)

        def closed_meanwhile(order: OrderRequest) -> None:
            if life.venue.signed():
                life.venue.hit_stop()

        life.venue.before_place = closed_meanwhile
        await life.account.strangers.close(SYMBOL, key="k")
        await anyio.sleep(90.0)

        assert [row.state for row in life.account.desk.book.live(SYMBOL)] == []
        assert len(life.venue.placed) < 6
        assert life.account.desk.book.open_intents() == []
        assert "UNKNOWN_ORDER" not in [halt.code for halt in life.halts.in_force()]
