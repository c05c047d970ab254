"""A person ends a difference that nothing explains: the books follow the venue, the account goes on, nothing is sent."""

from decimal import Decimal

import anyio
import pytest

from playd.orders.acceptance import OLD_MS, AcceptRefused
from playd.orders.halts import Level, symbol_scope
from playd.orders.order_book import FOREIGN
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry
from tests.simulation.test_order_path_unlisted import GONE, OTHER, two_positions, unlist
from tests.simulation.venue_rows import SYMBOL
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import in_virtual_time

PRICE = Decimal(48_000)


def vanish(life: OrderWorld, symbol: str) -> None:
    """The venue has nothing of a symbol any more, neither position nor orders, and no execution says how that came."""
    life.venue.book.pop(symbol)
    for order in [each for each in life.venue.orders.values() if each.symbol == symbol]:
        del life.venue.orders[order.venue_order_id]


def incidents(life: OrderWorld) -> set[str]:
    return {each.kind for each in life.account.desk.incidents.open_ones()}


def test_a_position_that_went_with_its_symbol_keeps_the_account_until_a_person_accepts_it() -> None:
    async def body() -> None:
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
            done = await life.account.acceptance.accept(GONE, PRICE, key="k", actor="me")
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

    in_virtual_time(body)


def test_what_the_venue_has_beyond_the_books_is_nobodys_at_the_venues_price() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            await entered(life)
            life.venue.book[SYMBOL].signed = Decimal("0.013")  # no execution tells why
            await anyio.sleep(800.0)
            assert life.account.desk.condition.reconciled is False
            await life.account.acceptance.accept(SYMBOL, None, key="k", actor="me")
            assert life.account.desk.fills.position(FOREIGN, SYMBOL).signed_qty == Decimal("0.003")
            assert life.account.desk.fills.position(FOREIGN, SYMBOL).avg_price == life.venue.book[SYMBOL].entry
            assert life.account.desk.condition.reconciled
            assert "FOREIGN_POSITION" in incidents(life)

    in_virtual_time(body)


def test_what_closes_needs_a_price_and_what_agrees_or_is_young_is_refused() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            await entered(life)
            with pytest.raises(AcceptRefused, match="agree") as same:
                await life.account.acceptance.accept(SYMBOL, PRICE, key="k", actor="me")
            life.venue.book[SYMBOL].signed = Decimal("0.004")
            with pytest.raises(AcceptRefused, match="accept it in 10 min") as young:
                await life.account.acceptance.accept(SYMBOL, PRICE, key="k", actor="me")
            await anyio.sleep(650.0)
            with pytest.raises(AcceptRefused, match="price") as closing:
                await life.account.acceptance.accept(SYMBOL, None, key="k", actor="me")
            codes = [each.value.code for each in (same, young, closing)]
            assert codes == ["NO_DIFFERENCE", "YOUNG", "NO_PRICE"]
            assert life.account.desk.fills.net(SYMBOL) == Decimal("0.010")

    in_virtual_time(body)


def test_an_order_that_works_or_a_young_doubt_may_explain_it_and_an_old_doubt_keeps_nobody() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await entered(life)
            life.venue.resting = True
            life.venue.script.writes = [WriteFault.LOST_BEFORE]
            life.venue.script.hidden_reads = 1_000_000
            assert (await port.submit(entry(600_000), READY)).code == "UNKNOWN"
            life.venue.book[SYMBOL].signed = Decimal("0.004")  # no order is declared absent while the position differs
            await life.account.reconcile("test")
            await anyio.sleep(OLD_MS / 1000 - 30.0)
            doubted = life.account.desk.book.live()[-1]
            life.account.desk.ledger.write(
                "UPDATE incidents SET opened_ms = opened_ms - 60000 WHERE kind = ?", ("POSITION_DIFFERS",)
            )
            with pytest.raises(AcceptRefused, match=f"order {doubted.link_id} .* may explain") as young:
                await life.account.acceptance.accept(SYMBOL, PRICE, key="k", actor="me")
            assert young.value.code == "ORDERS_WORKING"
            await anyio.sleep(60.0)
            await life.account.acceptance.accept(SYMBOL, PRICE, key="k", actor="me")
            assert life.account.desk.fills.net(SYMBOL) == Decimal("0.004")

    in_virtual_time(body)


def test_a_difference_that_is_halted_stays_halted_for_a_person_when_it_was_accepted() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            await entered(life)
            life.venue.book[SYMBOL].signed = Decimal("0.004")
            for _ in range(2):
                await life.account.reconcile("test")
            await anyio.sleep(650.0)
            await life.account.acceptance.accept(SYMBOL, PRICE, key="k", actor="me")
            levels = {halt.code: halt.level for halt in life.halts.in_force(symbol_scope("main", SYMBOL))}
            assert levels == {"POSITION_DIFFERS": Level.HALT, "MANUAL_CLOSE": Level.PAUSE}
            repairs = [data for kind, data in life.journal.records if kind == "recon.repair" and data["kind"] == "accept"]
            assert [each["note"] for each in repairs] == ["-0.006 at 48000: ledger 0.010, venue 0.004"] * 2
            assert ["became" in each for each in repairs] == [False, True]

    in_virtual_time(body)
