"""A person ends a difference that nothing explains: the books follow the venue, the account goes on, nothing is sent."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import Execution, OrderState, VenuePosition, Wallet
from playd.orders.acceptance import OLD_S, AcceptRefused, Unexplained
from playd.orders.fills import OrderEnded
from playd.orders.halts import Level, symbol_scope
from playd.orders.order_book import FOREIGN
from playd.supervisor.records import RecordStore
from playd.venues.port import Priority
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, taken
from tests.simulation.test_order_path_breakers import SETTINGS, levels, until_midnight
from tests.simulation.test_order_path_unlisted import GONE, OTHER, two_positions, unlist
from tests.simulation.venue_rows import Held, position_row
from tests.simulation.venue_script import EventFault, WriteFault
from tests.virtual_time import LoopClock

PRICE = Decimal(48_000)


def vanish(life: OrderWorld, symbol: str) -> None:
    """The venue has nothing of a symbol any more, neither position nor orders, and no execution says how that came."""
    life.venue.book.pop(symbol)
    for order in [each for each in life.venue.orders.values() if each.symbol == symbol]:
        del life.venue.orders[order.venue_order_id]


def occupying(life: OrderWorld) -> set[tuple[str, str]]:
    """Who cannot be removed by what the ledger knows."""
    return RecordStore(life.ledger).occupying()


def incidents(life: OrderWorld) -> set[str]:
    return {each.kind for each in life.account.desk.incidents.open_ones()}


async def accept(life: OrderWorld, symbol: str = SYMBOL, price: Decimal | None = PRICE, *, missing: str) -> Unexplained:
    return await life.account.acceptance.accept(symbol, price, missing=Decimal(missing), key="k", actor="me")


async def test_a_position_that_went_with_its_symbol_keeps_the_account_until_a_person_accepts_it() -> None:
    life = build()
    async with life.running():
        await two_positions(life)
    life = life.crash()
    unlist(life, GONE)
    vanish(life, GONE)
    life.venue.deposit += Decimal("0.010") * (PRICE - Decimal(50_000))  # the venue paid it out, and says nothing of it
    async with life.running(connect=False):
        life.venue.connect()
        await anyio.sleep(700.0)
        assert "no clean reconciliation" in life.account.desk.condition.not_ready()
        assert {"POSITION_DIFFERS", "NOT_LISTED"} <= incidents(life)
        sent = len(life.venue.placed)
        done = await accept(life, GONE, missing="-0.010")
        assert (done.ledger, done.venue) == (Decimal("0.010"), Decimal(0))
        with anyio.fail_after(60):
            await life.account.wait_ready()
        share = life.account.desk.fills.share(OTHER, GONE)
        result = Decimal("0.010") * (PRICE - Decimal(50_000))
        assert (share.position.signed_qty, share.position.realised) == (Decimal(0), result)
        await anyio.sleep(120.0)
        assert [row.symbol for row in life.account.desk.book.live()] == [SYMBOL], "its stop is proved gone"
        assert incidents(life) == {"MANUAL_CLOSE", "UNKNOWN_ORDER", "BALANCE_MOVED"}, "a person closes these"
        assert len(life.venue.placed) == sent
        assert await life.account.resuming.refusal(life.halts.in_force(symbol_scope("main", GONE)), GONE) == ""
        port = await life.register(UID, symbol=SYMBOL)
        assert port.position().position.signed_qty == Decimal("0.010")
    for halt in life.halts.in_force():
        life.halts.lift(halt.id, by="me", note="accepted")
    life = life.crash()
    unlist(life, GONE)
    async with life.running():
        assert life.halts.in_force() == [], "a symbol that is listed no longer is nobody's concern once nothing is there"


async def test_what_the_venue_has_beyond_the_books_is_nobodys_at_the_venues_price() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal("0.013")  # no execution tells why
        await anyio.sleep(800.0)
        assert life.account.desk.condition.reconciled is False
        await accept(life, price=None, missing="0.003")
        assert life.account.desk.fills.position(FOREIGN, SYMBOL).signed_qty == Decimal("0.003")
        assert life.account.desk.fills.position(FOREIGN, SYMBOL).avg_price == life.venue.book[SYMBOL].entry
        assert life.account.desk.condition.reconciled
        assert "FOREIGN_POSITION" in incidents(life)


async def test_what_closes_needs_a_price_and_what_agrees_or_is_young_is_refused() -> None:
    life = build()
    async with life.running():
        await entered(life)
        with pytest.raises(AcceptRefused, match="agree") as same:
            await accept(life, missing="0")
        life.venue.book[SYMBOL].signed = Decimal("0.004")
        with pytest.raises(AcceptRefused, match="accept it in 10 min") as young:
            await accept(life, missing="-0.006")
        await anyio.sleep(650.0)
        with pytest.raises(AcceptRefused, match="price") as closing:
            await accept(life, price=None, missing="-0.006")
        codes = [each.value.code for each in (same, young, closing)]
        assert codes == ["NO_DIFFERENCE", "YOUNG", "NO_PRICE"]
        assert life.account.desk.fills.net(SYMBOL) == Decimal("0.010")


async def test_an_order_that_works_or_a_young_doubt_may_explain_it_and_an_old_doubt_keeps_nobody() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.resting = True
        life.venue.script.writes = [WriteFault.LOST_BEFORE]
        life.venue.script.hidden_reads = 1_000_000
        assert (await port.submit(entry(600_000), READY)).code == "UNKNOWN"
        life.venue.book[SYMBOL].signed = Decimal("0.004")  # no order is declared absent while the position differs
        await life.account.reconcile("test")
        doubted = life.account.desk.book.live()[-1]
        ages = life.account.reconciler.ages
        ages._since_s[SYMBOL, "0.010", "0.004"] -= 60.0  # the difference is older than the doubt
        await anyio.sleep(OLD_S - 30.0)
        with pytest.raises(AcceptRefused, match=f"order {doubted.link_id} .* may explain") as young:
            await accept(life, missing="-0.006")
        assert young.value.code == "ORDERS_WORKING"
        await anyio.sleep(60.0)
        await accept(life, missing="-0.006")
        assert life.account.desk.fills.net(SYMBOL) == Decimal("0.004")


async def test_an_order_whose_execution_is_never_listed_is_over_once_its_difference_is_accepted() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        listed = life.venue.executions

        async def without_first(**given: Any) -> Sequence[Execution]:
            return [each for each in await listed(**given) if each.exec_id != "e-1"]

        life.venue.executions = without_first  # type: ignore[method-assign]
        life.venue.script.events = [EventFault.NONE, EventFault.LOST]
        life.venue.fill_share = Decimal("0.4")  # the rest is cancelled
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(1300.0)
        row = life.account.desk.book.need(verdict.link_id)
        assert (row.state, row.unbooked_qty, occupying(life)) == (OrderState.CANCELLED, Decimal("0.004"), {("main", UID)})
        await accept(life, price=None, missing="0.004")
        life.venue.open_foreign(Decimal("-0.004"))  # the person closes what is nobody's
        await anyio.sleep(120.0)

        assert life.account.desk.book.lacking_fills() == []
        assert life.account.desk.book.open_intents() == []
        assert [each.reason for each in taken(port) if isinstance(each, OrderEnded)] == ["cancelled"]
        assert occupying(life) == set()
        assert life.account.desk.condition.reconciled


async def test_a_difference_that_is_halted_stays_halted_for_a_person_when_it_was_accepted() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal("0.004")
        for _ in range(2):
            await life.account.reconcile("test")
        await anyio.sleep(650.0)
        await accept(life, missing="-0.006")
        levels = {halt.code: halt.level for halt in life.halts.in_force(symbol_scope("main", SYMBOL))}
        assert levels == {"POSITION_DIFFERS": Level.HALT, "MANUAL_CLOSE": Level.PAUSE}
        repairs = [data for kind, data in life.journal.records if kind == "recon.repair" and data["kind"] == "accept"]
        assert [each["note"] for each in repairs] == ["-0.006 at 48000: ledger 0.010, venue 0.004"] * 2
        assert ["became" in each for each in repairs] == [False, True]


async def test_other_figures_than_those_that_were_shown_are_young_again_and_nothing_is_booked_twice() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal("0.007")
        await anyio.sleep(650.0)
        assert (await life.account.acceptance.look(SYMBOL)).missing == Decimal("-0.003")
        life.venue.book[SYMBOL].signed = Decimal("0.002")  # a hand sold, and its execution is listed late
        with pytest.raises(AcceptRefused, match="accept it in 10 min") as young:
            await accept(life, missing="-0.003")
        await anyio.sleep(650.0)
        with pytest.raises(AcceptRefused, match=r"shown with -0\.003 and lacks -0\.008 now") as moved:
            await accept(life, missing="-0.003")
        assert [each.value.code for each in (young, moved)] == ["YOUNG", "MOVED"]
        assert life.account.desk.fills.net(SYMBOL) == Decimal("0.010")


async def test_what_a_former_life_knew_makes_no_difference_old_and_its_incident_ends_with_its_cause() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal("0.004")
        await life.account.reconcile("test")
    life = life.crash()
    life.venue.book[SYMBOL].signed = Decimal("0.010")
    async with life.running():
        await anyio.sleep(1500.0)
        assert "POSITION_DIFFERS" not in incidents(life)
        life.venue.book[SYMBOL].signed = Decimal("0.004")
        with pytest.raises(AcceptRefused) as young:
            await accept(life, missing="-0.006")
        assert young.value.code == "YOUNG"


@pytest.mark.parametrize("jump_ms", [900_000, -3_600_000])
async def test_a_clock_that_is_set_makes_no_difference_old(jump_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal("0.004")
        await life.account.reconcile("test")
        await anyio.sleep(20.0)
        told = LoopClock.wall_ms
        monkeypatch.setattr(LoopClock, "wall_ms", lambda clock: told(clock) + jump_ms)
        with pytest.raises(AcceptRefused, match="accept it in 10 min"):
            await accept(life, missing="-0.006")


async def test_a_symbol_in_hedge_mode_is_refused_because_the_books_have_one_position() -> None:
    life = build()
    venue = life.venue
    read = venue.positions

    async def positions(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        rows = [replace(each, position_idx=1) for each in await read(symbol, priority=priority)]
        short = position_row(SYMBOL, Held(Decimal("-0.006"), PRICE), venue.price, Decimal(0), venue.clock.wall_ms())
        return [*rows, replace(short, position_idx=2)]

    async with life.running():
        await entered(life)
        venue.positions = positions  # type: ignore[method-assign]
        await anyio.sleep(800.0)
        with pytest.raises(AcceptRefused, match="panic symbol:main/BTCUSDT") as hedged:
            await accept(life, missing="-0.006")
        assert hedged.value.code == "HEDGE_MODE"
        assert life.account.desk.fills.position(UID, SYMBOL).signed_qty == Decimal("0.010")


async def test_what_closes_has_the_price_of_the_person_and_what_opens_behind_it_that_of_the_venue() -> None:
    life = build()
    async with life.running():
        await entered(life)
        opened_ms = life.world.clock.wall_ms() + 5_000
        life.venue.book[SYMBOL] = Held(Decimal("-0.003"), Decimal(49_000))
        read = life.venue.positions

        async def positions(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            return [replace(each, updated_ms=opened_ms) for each in await read(symbol, priority=priority)]

        life.venue.positions = positions  # type: ignore[method-assign]
        await anyio.sleep(800.0)
        with pytest.raises(AcceptRefused, match=r"opened at 50000\.0, last fill 50000\.0, mark 50000\.0") as far:
            await accept(life, price=Decimal(480), missing="-0.013")
        assert far.value.code == "FAR_PRICE"
        await accept(life, missing="-0.013")
        share, rest = (life.account.desk.fills.position(owner, SYMBOL) for owner in (UID, FOREIGN))
        assert (share.signed_qty, share.realised) == (Decimal(0), Decimal("0.010") * (PRICE - Decimal(50_000)))
        assert (rest.signed_qty, rest.avg_price, rest.realised) == (Decimal("-0.003"), Decimal(49_000), Decimal(0))
        assert rest.opened_ms == opened_ms


async def test_what_opens_alone_takes_no_price_of_a_person() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal("0.013")
        await anyio.sleep(800.0)
        with pytest.raises(AcceptRefused, match="leave the price away") as unused:
            await accept(life, price=Decimal(5), missing="0.003")
        assert unused.value.code == "PRICE_UNUSED"


async def test_an_old_loss_that_is_accepted_is_none_of_today_and_no_fast_fall() -> None:
    life = build(settings=SETTINGS)
    life.account.breakers._results._time = "venue_ms"  # as with a key; on paper an execution has the time of its receipt
    lost = [Decimal(0)]

    async def wallet(*, priority: Priority) -> Wallet:
        cash = Decimal(10_000) - sum((row.fee for row in life.venue.execution_rows), Decimal(0)) + lost[0]
        return Wallet(cash, cash, cash, Decimal(0), None, None, life.world.clock.wall_ms())

    life.venue.wallet = wallet  # type: ignore[method-assign]
    async with life.running():
        await until_midnight(life, 900)
        await entered(life, qty="0.100")
        vanish(life, SYMBOL)
        lost[0] = Decimal("0.100") * (Decimal(45_000) - Decimal(50_000))  # five of a hundred, the day before
        await until_midnight(life, 0)
        await anyio.sleep(900.0)
        before = life.account.breakers.standing
        assert before is not None
        await accept(life, price=Decimal(45_000), missing="-0.100")
        await anyio.sleep(40.0)
        after = life.account.breakers.standing
        assert after is not None
        assert after.index == before.index + lost[0]
        assert (after.day_start, after.peak, after.day_realised) == (after.index, after.index, Decimal(0))
        assert after.week_start == 0, "it was lost this week"
        assert levels(life) == {}
