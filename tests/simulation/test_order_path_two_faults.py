"""Two things that go wrong at once: what one of them alone would not have shown."""

from decimal import Decimal

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.orders import OrderState, Side, Wallet
from playd.orders.flattening import flatten_intent, submit_flatten
from playd.venues.port import Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave
from tests.simulation.venue_script import Script, WriteFault
from tests.virtual_time import in_virtual_time


async def never(*_given: object, **_more: object) -> object:
    await anyio.sleep_forever()
    raise AssertionError


async def held(life: OrderWorld) -> None:
    """Wait until an entry is filled and its position verified."""
    await entered(life)
    assert life.venue.signed() == Decimal("0.010")


@pytest.mark.parametrize("leaves", [False, True], ids=["entry", "exit"])
def test_a_refused_time_stamp_is_signed_anew_though_the_clock_cannot_be_read(leaves: bool) -> None:
    async def gone() -> tuple[float, float]:
        raise LinkError("no answer")

    async def body() -> None:
        life = build()
        async with life.running():
            if leaves:
                await held(life)
            port = life.ports[0] if leaves else await life.register()
            life.venue.clock_offset_ms = gone  # type: ignore[method-assign]
            life.venue.script.codes = [10002]
            verdict = await port.submit(leave() if leaves else entry(), READY)
            await anyio.sleep(1.0)
            assert verdict.code == "SENT"
            assert life.account.desk.book.need(verdict.link_id).state is OrderState.FILLED
            assert life.venue.signed() == (0 if leaves else Decimal("0.010"))

    in_virtual_time(body)


async def test_an_exit_that_is_put_off_for_ever_outlives_its_instance_and_not_the_account() -> None:
    life = build()
    async with life.running():
        await held(life)
        life.venue.script.writes = [WriteFault.THROTTLED] * 10_000
        async with anyio.create_task_group() as instance:
            instance.start_soon(life.ports[0].submit, leave(), READY)
            await anyio.sleep(5.0)
            instance.cancel_scope.cancel()
        sent = len(life.venue.placed)
        await anyio.sleep(60.0)
        assert len(life.venue.placed) > sent, "the position is to be closed, whoever runs"
    assert len(life.venue.script.writes) > 1000, "who stops the daemon does not wait for the venue"
    life.venue.script.writes = []
    life = life.crash()
    async with life.running():
        await anyio.sleep(20.0)
        assert life.venue.signed() == 0


async def test_a_reading_that_began_before_the_stream_came_back_does_not_close_its_gap() -> None:
    life = build()
    async with life.running(), anyio.create_task_group() as tasks:
        wallet, gates = life.venue.wallet, [anyio.Event(), anyio.Event()]
        waiting = [*gates]

        async def slow(*, priority: Priority) -> Wallet:
            if waiting:
                await waiting.pop(0).wait()
            return await wallet(priority=priority)

        life.venue.wallet = slow  # type: ignore[method-assign]
        tasks.start_soon(life.account.reconcile, "timer")
        await anyio.sleep(0.1)
        life.venue.disconnect()
        life.venue.connect(2)
        gates[0].set()
        await anyio.sleep(5.0)
        condition = life.account.desk.condition
        assert (condition.stream_up, condition.reconciled) == (True, False)
        gates[1].set()
        await anyio.sleep(5.0)
        assert condition.not_ready() == ""


async def test_an_execution_that_nothing_explains_holds_up_no_other_one_while_the_venue_answers_nobody() -> None:
    life = build()
    async with life.running():
        await held(life)
        life.venue.executions = never  # type: ignore[method-assign, assignment]
        life.venue.open_foreign(Decimal(1), "ETHUSDT")
        life.venue.hit_stop()
        await anyio.sleep(30.0)
        assert life.ports[0].position().position.signed_qty == 0


async def test_a_doubt_that_nobody_can_resolve_is_told_in_time() -> None:
    """While a ban keeps every look-up waiting, the clock of an order in doubt goes on."""
    life = build(script=Script(writes=[WriteFault.LOST_AFTER]))
    async with life.running():
        port = await life.register()
        life.venue.order_realtime = life.venue.positions = never  # type: ignore[method-assign, assignment]
        life.venue.stream_up = False
        assert (await port.submit(entry(), READY)).code == "UNKNOWN"
        await anyio.sleep(125.0)
        assert "UNKNOWN_ORDER" in {halt.code for halt in life.halts.in_force()}


async def test_a_symbol_that_is_listed_no_longer_takes_no_entry_and_is_read_once_more_and_then_every_hour() -> None:
    life, asked = build(), list[float]()

    async def nothing(_symbols: object) -> dict[str, object]:
        asked.append(life.world.clock.mono_s())
        return {}

    async with life.running():
        port = await life.register()
        life.venue.instruments = nothing  # type: ignore[method-assign, assignment]
        await anyio.sleep(life.settings.rules_every_s + 600.0)
        assert life.account.desk.instrument(SYMBOL).status == "Closed"
        assert (await port.submit(entry(), READY)).code == "INSTRUMENT"
        assert len(asked) == 2


async def test_an_exit_that_no_bar_decided_and_a_hand_forestalled_is_no_verdict_of_a_bar() -> None:
    life = build()
    async with life.running():
        await held(life)
        life.venue.close_by_hand()
        await anyio.sleep(1.0)
        intent = flatten_intent(
            *("main", UID, SYMBOL, Side.SELL, Decimal("0.010")), price_ref=Decimal(50_000), cause="panic:1", reason="panic"
        )
        assert (await submit_flatten(life.account.exits, intent)).code == "FLAT"
        assert [row["close_ms"] for row in life.ledger.rows("SELECT close_ms FROM bars")] == [60_000]
