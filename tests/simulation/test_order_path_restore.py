"""A ledger that was put back from a backup finds what it had sent since, by the link ids of its orders."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.ids import link_id
from playd.core.orders import Action, IntentClass, OrderState, Side
from playd.core.timeframes import MINUTE_MS
from playd.orders.fills import FillEvent
from playd.orders.fold import fold
from playd.orders.halts import Level, account_scope
from playd.orders.order_book import FOREIGN
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entered, entry, leave, taken

LEDGER, BACKUP = STATE / "ledger.sqlite", STATE / "backup.sqlite"


def bar(life: OrderWorld) -> int:
    """The close of the bar that is decided now."""
    return life.world.clock.wall_ms() // MINUTE_MS * MINUTE_MS


def back_up(life: OrderWorld) -> None:
    life.ledger.commit()
    life.world.disk.copy_sqlite(LEDGER, BACKUP)


def restored(life: OrderWorld) -> OrderWorld:
    """The next life, on the ledger of the backup."""
    databases = life.world.disk._databases  # type: ignore[attr-defined]
    life.ledger._connection.close()
    databases[BACKUP].backup(databases[LEDGER])
    life.venue.close_stream()
    return build(life.venue, life.world, life.settings, life.journal)


def checked(life: OrderWorld) -> None:
    """Everything of the venue is an instance's, every share is the fold of its executions, and nobody is halted."""
    desk = life.account.desk
    assert desk.fills.net(SYMBOL) == life.venue.signed()
    for share in desk.fills.shares():
        assert share.owner != FOREIGN
        assert fold(desk.fills.executions(share.owner, share.symbol)) == share.position
    assert life.halts.in_force() == []
    assert {incident.kind for incident in desk.incidents.open_ones()} <= {"RECOVERED"}


async def test_trades_behind_the_backup_come_back_to_their_instance_and_deciding_again_sends_nothing() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await anyio.sleep(61.0)
        back_up(life)
        first = bar(life)
        await port.submit(entry(first), READY)
        await anyio.sleep(60.0)
        await port.submit(leave(bar(life)), READY)
        await anyio.sleep(60.0)
        second = bar(life)
        await port.submit(entry(second, side=Side.SELL), READY)
        await anyio.sleep(1.0)
        whole, sent = [event for event in taken(port) if isinstance(event, FillEvent)], len(life.venue.placed)
    life = restored(life)
    async with life.running():
        port = await life.register(after=0)
        again = await port.submit(entry(second, side=Side.SELL), READY)
        await anyio.sleep(10.0)
        events = [event for event in taken(port) if isinstance(event, FillEvent)]

        checked(life)
        assert port.position().position.signed_qty == life.venue.signed() == Decimal("-0.010")
        assert port.position().stop == life.venue.stop_of() == Decimal("50500.0")
        assert [(e.execution.exec_id, e.action, e.link_id) for e in events] == [
            (e.execution.exec_id, e.action, e.link_id) for e in whole
        ]
        assert (again.code, len(life.venue.placed)) == ("SENT", sent)
        intents = life.ledger.rows("SELECT id, bar_close_ms, outcome FROM intents ORDER BY bar_close_ms")
        assert [(row["id"], row["outcome"]) for row in intents][::2] == [
            (f"{UID}/{first}/enter/0", "filled"),
            (f"{UID}/{second}/enter/0", "filled"),
        ]


async def test_an_order_whose_decision_is_not_found_again_is_its_instances_all_the_same() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        back_up(life)
        await port.submit(entry(cause=60_000), READY)
        await anyio.sleep(1.0)
    life = restored(life)
    async with life.running():
        port = await life.register(after=0)
        await anyio.sleep(1.0)

        checked(life)
        assert port.position().position.signed_qty == Decimal("0.010")


async def test_executions_whose_order_the_venue_shows_no_more_make_it_again() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        back_up(life)
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(1.0)
    life = restored(life)
    life.venue.orders = {key: order for key, order in life.venue.orders.items() if not order.link_id}
    async with life.running():
        port = await life.register(after=0)
        await anyio.sleep(1.0)

        checked(life)
        assert port.position().position.signed_qty == Decimal("0.010")
        assert port.position().stop == life.venue.stop_of() != 0


async def test_a_resting_entry_behind_the_backup_can_be_taken_back() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        back_up(life)
        life.venue.resting = True
        await port.submit(entry(bar(life)), READY)
    life = restored(life)
    async with life.running():
        await life.register(after=0)
        await anyio.sleep(1.0)
        found = [(row.owner, row.state) for row in life.account.desk.book.live()]
        await life.account.cancel_entries(instance_uid=UID)
        await anyio.sleep(1.0)

        assert found == [(UID, OrderState.OPEN)]
        assert life.account.desk.book.live() == []
        checked(life)


async def test_an_exit_that_was_under_way_goes_on() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(bar(life) - MINUTE_MS), READY)
        await anyio.sleep(1.0)
        back_up(life)
        life.venue.fill_share = Decimal("0.4")
        await port.submit(leave(bar(life)), READY)
    life = restored(life)
    life.venue.fill_share = Decimal(1)
    async with life.running():
        port = await life.register(after=0)
        await anyio.sleep(10.0)

        assert life.venue.signed() == port.position().position.signed_qty == 0
        checked(life)


async def test_an_exit_whose_decision_is_not_found_again_is_not_driven_on() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(bar(life) - MINUTE_MS), READY)
        await anyio.sleep(1.0)
        back_up(life)
        life.venue.fill_share = Decimal("0.4")
        await port.submit(leave(cause=120_000), READY)
    life = restored(life)
    life.venue.fill_share = Decimal(1)
    async with life.running():
        port = await life.register(after=0)
        await anyio.sleep(150.0)

        assert life.venue.signed() == port.position().position.signed_qty == Decimal("0.006")
        assert life.venue.stop_of() == Decimal("49500.0")
        checked(life)


@pytest.mark.parametrize("refused", [0, 1], ids=["first attempt", "second attempt"])
async def test_what_is_decided_again_and_was_found_without_its_decision_is_not_sent_again_and_ends_nothing(
    refused: int,
) -> None:
    """An entry and an exit whose causes no search finds; of the exit the venue knows no attempt that it had refused."""
    life = build()
    decided, left = entry(cause=60_000), leave(cause=120_000)
    async with life.running():
        port = await life.register()
        back_up(life)
        await port.submit(decided, READY)
        await anyio.sleep(1.0)
        life.venue.script.codes = [110007] * refused
        life.venue.fill_share = Decimal("0.4")
        await port.submit(left, READY)
        await anyio.sleep(refused * life.settings.exit_repeat_s + 0.1)
        assert life.venue.signed() == Decimal("0.006")
    life = restored(life)
    async with life.running():
        port, sent = await life.register(after=0), len(life.venue.effects)
        verdicts = [(await port.submit(each, READY)).code for each in (decided, left)]
        life.venue.fill_share = Decimal(1)
        await anyio.sleep(60.0)

        assert verdicts == ["SENT", "SENT"]
        links = [order.link_id for order in life.venue.effects]
        assert len(links) == len({*links})
        assert refused or len(links) == sent
        assert life.venue.signed() == port.position().position.signed_qty == (0 if refused else Decimal("0.006"))
        await port.submit(leave(bar(life)), READY)
        await anyio.sleep(10.0)
        assert life.venue.signed() == port.position().position.signed_qty == 0
        assert life.account.desk.book.open_intents() == []


async def test_a_naked_position_whose_closing_the_ledger_has_lost_is_closed_all_the_same() -> None:
    life = build()
    async with life.running():
        await entered(life)
        back_up(life)
        life.venue.script.refused_stops, life.venue.fill_share = 100_000, Decimal("0.4")
        life.venue.remove_stop()
        await anyio.sleep(32.0)
        assert life.venue.signed() == Decimal("0.006")
    life.venue.fill_share = Decimal(1)
    life = restored(life)
    async with life.running():
        port = await life.register(after=0)
        await anyio.sleep(60.0)

        assert life.venue.signed() == port.position().position.signed_qty == 0
        assert "PROTECTION_FAILED" not in {row["kind"] for row in life.ledger.rows("SELECT kind FROM incidents")}


async def test_a_stop_that_was_moved_behind_the_backup_is_not_loosened() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(1.0)
        back_up(life)
        move = replace(leave(bar(life)), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49800.0"))
        await port.submit(move)
        await anyio.sleep(1.0)
    life = restored(life)
    async with life.running():
        port = await life.register(after=0)
        await anyio.sleep(150.0)

        assert (life.venue.stop_of(), port.position().stop) == (Decimal("49800.0"), Decimal("49800.0"))
        checked(life)


@pytest.mark.parametrize("owner", [UID, "stranger"])
@pytest.mark.parametrize("resting", [True, False])
async def test_what_appears_under_our_format_while_we_run_was_sent_by_another_daemon(owner: str, resting: bool) -> None:
    life = build()
    async with life.running():
        await life.register()
        await anyio.sleep(1.0)
        life.venue.resting = resting
        link = link_id(owner, str(bar(life)), Action.ENTER, 0, 0)
        life.venue.by_hand(link, price=None, stop=Decimal(49_000))
        await anyio.sleep(5.0)

        assert [halt.code for halt in life.halts.in_force(account_scope("main"))] == ["SECOND_DAEMON"]


@pytest.mark.parametrize(
    ("pct", "ends", "left", "since"),
    [("60", "itself", "0.004", "0"), ("100", "itself", "0", "0.010"), ("100", "stop", "0", "0.010")],
)
async def test_what_was_sent_for_an_exit_behind_the_backup_counts_as_its_own(
    pct: str, ends: str, left: str, since: str
) -> None:
    """Its first order had filled in part when the backup was taken. A position that was opened since is not touched by it."""
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.fill_share = Decimal("0.4")

        async def beside() -> None:
            while life.account.desk.fills.net(SYMBOL) == Decimal("0.010"):  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.001)
            back_up(life)
            life.venue.fill_share = Decimal(1)
            if ends == "stop":
                life.venue.hit_stop()

        async with anyio.create_task_group() as group:
            group.start_soon(beside)
            await life.account.closing.close(SYMBOL, Decimal(pct), key="k1")
        await anyio.sleep(3600.0)
        assert life.venue.signed() == Decimal(left)
        if Decimal(since):
            await port.submit(entry(bar(life), qty=since), READY)
            await anyio.sleep(10.0)
        sent = len(life.venue.placed)
    life = restored(life)
    async with life.running():
        await life.register()
        await anyio.sleep(60.0)

        checked(life)
        assert (life.venue.signed(), len(life.venue.placed)) == (Decimal(left) + Decimal(since), sent)
        assert life.account.desk.book.open_intents() == []


@pytest.mark.parametrize("ended", ["stop", "freeze"])
async def test_a_close_on_record_in_the_backup_takes_nothing_of_a_position_that_was_opened_since(ended: str) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.budget.wait_s = life.budget.ban_s = 60.0
        await life.account.closing.close(SYMBOL, Decimal(100), key="k1")
        back_up(life)
        if ended == "stop":
            life.venue.hit_stop()
        else:
            freeze = life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(100.0)
        if ended == "freeze":
            life.halts.lift(freeze.id, by="me", note="seen")
            await port.submit(leave(bar(life)), READY)
            await anyio.sleep(100.0)
        await anyio.sleep(2 * 86_400.0)
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(10.0)
    life = restored(life)
    async with life.running():
        await life.register()
        await anyio.sleep(60.0)
        assert life.venue.signed() == life.account.desk.fills.net(SYMBOL) == Decimal("0.010")
        assert life.account.desk.book.open_intents() == []
