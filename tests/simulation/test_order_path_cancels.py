"""Resting entries are taken back by their instance, a person, any level in force; through lost replies, fills and kills."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import Action, Intent, IntentClass, OrderState
from playd.orders.cancels import CANCELLING
from playd.orders.fills import FillEvent, OrderEnded
from playd.orders.halts import ALL, Level, account_scope, instance_scope, symbol_scope
from playd.orders.instance_port import InstancePort
from playd.orders.panic import PanicScope
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entry, taken
from tests.simulation.venue_script import EventFault, WriteFault

LIMIT = replace(entry(), order_type="Limit", price=Decimal(50_000), time_in_force="GTC")


def cancel(cause: int = 120_000) -> Intent:
    return replace(entry(cause), action=Action.CANCEL, intent_class=IntentClass.CANCEL, stop=None, reason="expired")


async def resting(life: OrderWorld) -> InstancePort:
    """A registered instance whose limit entry rests at the venue."""
    port = await life.register()
    life.venue.resting = True
    assert (await port.submit(LIMIT, READY)).code == "SENT"
    await anyio.sleep(0.1)
    return port


def outcome(life: OrderWorld, intent: Intent) -> str:
    stored = life.account.desk.book.intent(f"{UID}/{intent.cause}/{intent.action}/0")
    assert stored is not None
    return stored.outcome


def statuses(life: OrderWorld) -> list[str]:
    return [order.status for order in life.venue.orders.values() if not order.reduce_only]


@pytest.mark.parametrize("fault", [WriteFault.LOST_BEFORE, WriteFault.LOST_AFTER])
async def test_a_cancel_whose_reply_and_event_are_lost_ends_the_entry_within_seconds(fault: WriteFault) -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        life.venue.script.cancels = [fault]
        life.venue.script.events = [EventFault.LOST]
        verdict = await port.submit(cancel())
        await anyio.sleep(4.0)

        assert verdict.code == CANCELLING
        assert statuses(life) == ["Cancelled"]
        assert [type(event) for event in taken(port)] == [OrderEnded]
        assert outcome(life, cancel()) == "done"
        assert len(life.venue.cancels) == (1 if fault is WriteFault.LOST_AFTER else 2)


async def test_a_cancel_of_a_bar_that_is_decided_again_takes_no_entry_back_that_was_decided_since() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        old = cancel(LIMIT.bar_close_ms - 60_000)
        verdict = await port.submit(old, before_ms=old.bar_close_ms)
        await anyio.sleep(10.0)

        assert verdict.code == CANCELLING
        assert statuses(life) == ["New"]
        assert not life.venue.cancels
        assert outcome(life, old) == "done"


async def test_a_cancel_that_a_kill_cut_short_takes_no_entry_back_that_was_decided_since() -> None:
    life = build()
    old = cancel(LIMIT.bar_close_ms - 60_000)
    async with life.running():
        await resting(life)
        life.account.desk.book.insert_intent(old, life.account.desk.bounds(UID))
        life.ledger.commit()
    life = life.crash()
    async with life.running():
        await anyio.sleep(10.0)

        assert statuses(life) == ["New"]
        assert outcome(life, old) == "done"


async def test_a_fill_that_wins_the_race_is_a_protected_position_and_no_end_of_the_entry() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        life.venue.script.events = [EventFault.LOST] * 6
        life.venue.before_cancel = lambda _key: life.venue.fill_resting()
        await port.submit(cancel())
        await anyio.sleep(4.0)

        events = taken(port)
        assert [type(event) for event in events] == [FillEvent]
        assert port.position().position.signed_qty == life.venue.signed() == Decimal("0.010")
        assert life.venue.stop_of() == LIMIT.stop
        assert outcome(life, cancel()) == "done"
        assert life.account.desk.book.live() == [] or all(row.protective for row in life.account.desk.book.live())


async def test_a_part_filled_before_the_cancel_stays_under_its_stop_and_the_rest_is_over() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        life.venue.before_cancel = lambda _key: life.venue.fill_part(Decimal("0.004"))
        await port.submit(cancel())
        await anyio.sleep(1.0)

        events = taken(port)
        assert [type(event) for event in events] == [FillEvent, OrderEnded]
        assert port.position().position.signed_qty == Decimal("0.004")
        assert (life.venue.stop_of(), life.account.protection.open_check(SYMBOL)) == (LIMIT.stop, "")
        assert life.account.desk.book.of_intent(f"{UID}/60000/enter/0")[0].state is OrderState.CANCELLED


async def test_the_same_cancel_decided_again_sends_nothing_new() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        await port.submit(cancel())
        again = await port.submit(cancel())
        await anyio.sleep(10.0)

        assert again.code == CANCELLING
        assert len(life.venue.cancels) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
async def test_a_daemon_killed_before_the_cancel_left_sends_it_in_its_next_life() -> None:
    life = build()
    killed = anyio.Event()

    def die(_key: str) -> None:
        killed.set()
        raise RuntimeError("killed")

    with suppress(BaseExceptionGroup):
        async with life.running():
            port = await resting(life)
            life.venue.before_cancel = die
            await port.submit(cancel())
    assert killed.is_set()
    life.venue.before_cancel = lambda _key: None
    again = life.crash()
    async with again.running():
        port = await again.register()
        await anyio.sleep(1.0)

        assert statuses(again) == ["Cancelled"]
        assert [event.reason for event in taken(port) if isinstance(event, OrderEnded)] == ["cancelled"]
        assert outcome(again, cancel()) == "done"


def raised(scope: str, level: Level, actor: str = "daemon") -> Callable[[OrderWorld], None]:
    return lambda life: (life.halts.raise_level(scope, level, "TEST", "why", actor=actor), None)[1]


HALTED = {
    "the order path halts the symbol": lambda life: life.account.desk.halt_symbol(SYMBOL, Level.HALT, "TEST", "why"),
    "a rule halts the account": raised(account_scope("main"), Level.HALT),
    "a person pauses the instance": raised(instance_scope(UID), Level.PAUSE, "anna"),
    "everything is cancelled": raised(ALL, Level.CANCEL),
}


@pytest.mark.parametrize("how", HALTED)
async def test_whoever_raises_a_level_resting_entries_of_its_scope_go_although_the_reply_is_lost(how: str) -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        life.venue.script.cancels = [WriteFault.LOST_BEFORE]
        HALTED[how](life)
        await anyio.sleep(2.0)

        assert statuses(life) == ["Cancelled"]
        assert [type(event) for event in taken(port)] == [OrderEnded]


async def test_a_pause_of_a_rule_takes_entries_along_only_after_half_a_minute_and_a_freeze_never() -> None:
    life = build()
    async with life.running():
        await resting(life)
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.PAUSE, "TEST", "why")
        await anyio.sleep(29.0)
        early = statuses(life)
        frozen = life.halts.raise_level(ALL, Level.FREEZE, "TEST", "why", actor="anna")
        await anyio.sleep(60.0)
        still = statuses(life)
        life.halts.lift(frozen.id, by="anna", note="")
        await anyio.sleep(2.0)

        assert (early, still) == (["New"], ["New"])
        assert statuses(life) == ["Cancelled"]


async def test_what_a_hand_ordered_is_taken_back_by_a_panic_alone() -> None:
    life = build()
    async with life.running():
        await resting(life)
        life.venue.by_hand()
        await anyio.sleep(0.1)
        asked = await life.account.cancel_entries()
        life.halts.raise_level(ALL, Level.HALT, "TEST", "why")
        await anyio.sleep(60.0)
        after_halt = statuses(life)
        await life.account.panic(PanicScope(), actor="me", reason="test")

        assert asked == 1
        assert after_halt == ["Cancelled", "New"]
        assert statuses(life) == ["Cancelled", "Cancelled"]


async def test_levels_of_other_scopes_leave_an_entry_alone() -> None:
    life = build()
    async with life.running():
        await resting(life)
        life.halts.raise_level(symbol_scope("main", "ETHUSDT"), Level.HALT, "TEST", "why")
        life.halts.raise_level(instance_scope("other"), Level.PANIC, "TEST", "why")
        await anyio.sleep(60.0)

        assert statuses(life) == ["New"]
        assert life.venue.cancels == []


async def test_a_level_of_an_earlier_life_takes_back_what_rests() -> None:
    life = build()
    async with life.running():
        await resting(life)
    life.halts.raise_level(account_scope("main"), Level.HALT, "TEST", "why")
    again = life.crash()
    async with again.running():
        await again.register()
        await anyio.sleep(2.0)

        assert statuses(again) == ["Cancelled"]


async def test_an_operators_cancel_whose_reply_is_lost_is_asked_again() -> None:
    life = build()
    async with life.running():
        await resting(life)
        life.venue.script.cancels = [WriteFault.LOST_BEFORE, WriteFault.LOST_BEFORE]
        asked = await life.account.cancel_entries(instance_uid=UID)
        await anyio.sleep(5.0)

        assert asked == 1
        assert statuses(life) == ["Cancelled"]


async def test_a_panic_is_flat_only_when_no_entry_is_left_that_could_fill_later() -> None:
    life = build()
    async with life.running():
        await resting(life)
        life.venue.script.cancels = [WriteFault.LOST_BEFORE] * 3
        report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert report.exit_code == 0
        assert statuses(life) == ["Cancelled"]


async def test_a_panic_whose_cancels_never_arrive_says_that_a_position_may_remain() -> None:
    life = build()
    async with life.running():
        await resting(life)
        life.venue.script.cancels = [WriteFault.LOST_BEFORE] * 1000
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")

        assert report.exit_code == 11
        assert "is still OPEN" in report.problems[0]
        assert 59 < report.duration_s < 62
