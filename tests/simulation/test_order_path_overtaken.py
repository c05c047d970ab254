"""An exit is about what was held when it was decided: nothing that was opened since, whatever the clocks say."""

from decimal import Decimal

import anyio
import orjson
import pytest

from playd.core.orders import OrderState
from playd.core.timeframes import MINUTE_MS
from playd.orders.halts import Level, account_scope
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entered, entry, leave
from tests.simulation.test_order_path_clock import with_clock
from tests.simulation.test_order_path_restore import back_up, bar, restored
from tests.simulation.venue_script import WriteFault


def in_doubt(life: OrderWorld) -> bool:
    return any(row.state is OrderState.UNKNOWN and row.reduce_only for row in life.account.desk.book.live())


def closed_in_part(life: OrderWorld) -> bool:
    return life.account.desk.fills.net(SYMBOL) == Decimal("0.006")


@pytest.mark.parametrize("backed_up", ["in doubt", "filled in part"])
@pytest.mark.parametrize("decided_by", ["play", "hand"])
async def test_an_exit_under_way_in_the_backup_takes_nothing_of_a_position_that_was_opened_since(
    decided_by: str, backed_up: str
) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        if backed_up == "in doubt":
            life.venue.script.writes, when = [WriteFault.LOST_BEFORE], in_doubt
        else:
            life.venue.fill_share, when = Decimal("0.4"), closed_in_part

        async def beside() -> None:
            while not when(life):  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.001)
            back_up(life)
            life.venue.fill_share = Decimal(1)
            life.venue.hit_stop()

        async with anyio.create_task_group() as group:
            group.start_soon(beside)
            if decided_by == "play":
                await port.submit(leave(bar(life)), READY)
            else:
                await life.account.closing.close(SYMBOL, Decimal(100), key="k1")
        await anyio.sleep(120.0)
        assert life.venue.signed() == 0
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(10.0)
        sent = len(life.venue.placed)
    life = restored(life)
    async with life.running():
        await life.register()
        await anyio.sleep(300.0)

        assert (life.venue.signed(), len(life.venue.placed)) == (Decimal("0.010"), sent)
        assert life.account.desk.book.open_intents() == []
        assert life.account.desk.fills.net(SYMBOL) == life.venue.signed()


@pytest.mark.parametrize("by_ms", [-3_600_000, -5_000, 3_600_000])
async def test_a_close_by_hand_stands_whatever_the_clock_was_set_to(by_ms: int) -> None:
    life, clock = with_clock()
    async with life.running():
        await entered(life)
        freeze = life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")
        life.halts.lift(freeze.id, by="me", note="seen")
        await anyio.sleep(3.0)
        clock.ahead_ms = by_ms
        (done,) = await life.account.closing.close(SYMBOL, Decimal(100), key="k1")
        assert (done.refused, done.is_done, life.venue.signed()) == ("", True, Decimal(0))


@pytest.mark.parametrize(("opened_ms", "left"), [(-1, "0"), (1, "0.010")])
async def test_a_close_that_an_older_program_left_waiting_goes_by_the_clock(opened_ms: int, left: str) -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.budget.wait_s = life.budget.ban_s = 60.0
        await life.account.closing.close(SYMBOL, Decimal(100), key="k1")
        row = life.ledger.row("SELECT gates, created_ms FROM intents WHERE reason = 'closed by hand'")
        assert row is not None
        assert orjson.loads(row["gates"])["behind"] == [1, 0]
        life.ledger.write("UPDATE intents SET gates = '{}' WHERE reason = 'closed by hand'", ())
        life.ledger.write("UPDATE executions SET received_ms = ?", (row["created_ms"] + opened_ms,))
        life.ledger.commit()
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(100.0)
        assert life.venue.signed() == Decimal(left)


async def test_an_overtaken_close_says_that_the_position_was_opened_since() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.budget.wait_s = life.budget.ban_s = 60.0
        await life.account.closing.close(SYMBOL, Decimal(100), key="k1")
        back_up(life)
        life.venue.hit_stop()
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(100.0)
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(10.0)
    life = restored(life)
    async with life.running():
        await life.register()
        await anyio.sleep(60.0)
        (done,) = await life.account.closing.close(SYMBOL, Decimal(100), key="k1")
        assert (done.before, done.is_done) == (Decimal("0.010"), False)
        assert "opened since" in done.refused
        (done,) = await life.account.closing.close(SYMBOL, Decimal(100), key="k2")
        assert done.is_done


@pytest.mark.parametrize("lost", ["exit", "entry too"])
@pytest.mark.parametrize("opened_since", [True, False])
async def test_an_exit_that_is_taken_in_goes_on_with_what_it_was_decided_for_and_with_nothing_that_was_opened_since(
    lost: str, opened_since: bool
) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        if lost == "entry too":
            back_up(life)
        await port.submit(entry(bar(life) - MINUTE_MS), READY)
        await anyio.sleep(1.0)
        if lost == "exit":
            back_up(life)
        life.venue.fill_share = Decimal("0.4")
        await port.submit(leave(bar(life)), READY)
        if opened_since:
            life.venue.fill_share = Decimal(1)
            life.venue.hit_stop()
            await anyio.sleep(120.0)
            await port.submit(entry(bar(life)), READY)
            await anyio.sleep(10.0)
    life = restored(life)
    life.venue.fill_share = Decimal(1)
    async with life.running():
        await life.register(after=0)
        await anyio.sleep(60.0)
        assert life.venue.signed() == life.account.desk.fills.net(SYMBOL) == (Decimal("0.010") if opened_since else 0)
        assert life.account.desk.book.open_intents() == []
