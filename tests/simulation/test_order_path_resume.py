"""A halt ends only when its cause is gone and the books agree with the venue twice."""

from dataclasses import replace
from decimal import Decimal

import anyio

from playd.orders.halts import Level, account_scope, instance_scope, symbol_scope
from playd.orders.risk_limits import BreakerLimits
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry
from tests.simulation.test_order_path_breakers import SETTINGS, Purse
from tests.simulation.venue_script import WriteFault
from tests.unit.guardian.test_judge import resting


async def why(life: OrderWorld, scope: str, symbol: str = "") -> str:
    return await life.account.resuming.refusal(life.halts.in_force(scope), symbol)


def runs(life: OrderWorld) -> int:
    row = life.ledger.row("SELECT count(*) AS n FROM recon_runs")
    assert row is not None
    return int(row["n"])


async def test_books_are_compared_twice_after_the_halt_and_not_again_if_that_was_done() -> None:
    life = build()
    async with life.running():
        await life.register()
        await anyio.sleep(1.0)
        life.halts.raise_level(account_scope("main"), Level.HALT, "TEST", "why")
        before = runs(life)
        answers = [await why(life, account_scope("main")) for _ in range(2)]

        assert answers == ["", ""]
        assert runs(life) == before + 2


async def test_a_position_that_differs_or_a_venue_that_cannot_be_read_keeps_the_halt() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.HALT, "TEST", "why")
        life.venue.book[SYMBOL].signed = Decimal("0.011")
        differs = await why(life, symbol_scope("main", SYMBOL), SYMBOL)
        elsewhere = await why(life, symbol_scope("main", SYMBOL), "ETHUSDT")
        life.venue.book[SYMBOL].signed = Decimal("0.010")
        life.venue.script.failing_reads = 1
        blind = await why(life, symbol_scope("main", SYMBOL), SYMBOL)

        life.budget.ban_s = 540.0
        in_a_ban = await why(life, symbol_scope("main", SYMBOL), SYMBOL)
        life.budget.ban_s = 0.0

        assert "has banned our address for another 540 s" in in_a_ban
        assert "BTCUSDT R6: ledger 0.010, venue 0.011" in differs
        assert elsewhere == ""
        assert "cannot be read" in blind
        assert await why(life, symbol_scope("main", SYMBOL), SYMBOL) == ""


async def test_an_order_of_somebody_else_stands_in_nobodys_way() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.by_hand()
        await anyio.sleep(1.0)
        life.halts.raise_level(account_scope("main"), Level.HALT, "TEST", "why")

        assert await why(life, account_scope("main")) == ""


async def test_a_breaker_is_lifted_only_when_its_loss_is_made_good() -> None:
    life = build(settings=SETTINGS)
    purse = Purse(life)
    async with life.running():
        await entered(life, qty="0.100")
        life.venue.price -= 4_000
        await anyio.sleep(10.0)
        held = await why(life, account_scope("main"))
        life.venue.price += 4_000
        purse.tell()
        await anyio.sleep(10.0)

        assert "loss since 00:00 UTC" in held
        assert await why(life, account_scope("main")) == ""


async def test_the_breaker_of_an_instance_is_asked_before_its_halt_is_lifted() -> None:
    life = build(settings=replace(SETTINGS, breakers=BreakerLimits(instance_drawdown_pct=Decimal(10))))
    Purse(life)
    async with life.running():
        port = await life.register()
        life.ledger.write("UPDATE instances SET capital_usd = '2000.0' WHERE uid = ?", (UID,))
        await port.submit(entry(qty="0.100"), READY)
        await anyio.sleep(1.0)
        life.venue.price -= 2_100
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(10.0)
        held = await why(life, instance_scope(UID), SYMBOL)
        life.venue.price += 2_000
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(1.0)

        assert held.startswith("loss of the instance is 10.6")
        assert await why(life, instance_scope(UID), SYMBOL) == ""


async def test_a_halt_whose_cause_is_still_there_is_kept_though_books_and_venue_agree() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.writes, life.venue.script.hidden_reads = [WriteFault.LOST_BEFORE], 1_000
        await port.submit(entry(), READY)
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.HALT, "UNKNOWN_ORDER", "why")
        doubted = await why(life, symbol_scope("main", SYMBOL), SYMBOL)
        elsewhere = await why(life, symbol_scope("main", SYMBOL), "ETHUSDT")
        life.account.desk.condition.refused = "its uid is another one"
        life.halts.raise_level(account_scope("main"), Level.HALT, "ACCOUNT_REFUSED", "why")
        refused = await why(life, account_scope("main"))
        life.account.desk.condition.refused = ""
        life.halts.raise_level(account_scope("main"), Level.HALT, "SECOND_DAEMON", "why")
        stranger = resting(f"pdezzzzzz-{'a' * 24}")
        life.venue.orders[stranger.venue_order_id] = stranger
        second = await why(life, account_scope("main"), "ETHUSDT")
        there = await why(life, account_scope("main"), SYMBOL)

        assert "nobody knows yet whether order" in doubted
        assert (elsewhere, second) == ("", "")
        assert "its uid is another one" in refused
        assert stranger.link_id in there
