"""Losses of an account over days, restarts, deposits and half-told readings, as the breakers see them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import Wallet
from playd.core.timeframes import DAY_MS
from playd.orders.halts import Level, account_scope, instance_scope
from playd.orders.risk_limits import BreakerLimits, RiskLimits
from playd.orders.settings import OrderSettings
from playd.venues.port import Priority, WalletUpdate
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave
from tests.simulation.venue_script import EventFault
from tests.virtual_time import WALL_START_MS, LoopClock

BREAKERS = OrderSettings.of(Environment.DEMO).breakers
SETTINGS = replace(OrderSettings.of(Environment.LOCAL), breakers=BREAKERS, limits=RiskLimits(max_positions=10))
MAIN = account_scope("main")


class Purse:
    """The balance of the fake venue: what was put in, what its executions brought, and what is open at its price."""

    def __init__(self, life: OrderWorld, deposit: int = 10_000) -> None:
        self.life = life
        self.deposit = Decimal(deposit)
        life.venue.wallet = self.read  # type: ignore[method-assign]

    async def read(self, *, priority: Priority) -> Wallet:
        await anyio.sleep(0.002)
        return self.now()

    def now(self) -> Wallet:
        cash, signed, cost = self.deposit, Decimal(0), Decimal(0)
        for row in self.life.venue.execution_rows:
            side = 1 if row.side == "Buy" else -1
            if row.closed_size:
                cash += (row.price - cost) * row.qty * -side
            else:
                cost = row.price
            cash, signed = cash - row.fee, signed + side * row.qty
        opened = signed * (self.life.venue.price - cost)
        return Wallet(cash + opened, cash, cash, opened, None, None, self.life.world.clock.wall_ms())

    def tell(self) -> None:
        self.life.venue._tell(WalletUpdate(self.now(), 0))


def levels(life: OrderWorld, scope: str = MAIN) -> dict[str, Level]:
    """The highest level of each cause."""
    return {halt.code: halt.level for halt in reversed(life.halts.in_force(scope))}


async def until_midnight(life: OrderWorld, seconds_before: float) -> None:
    now_ms = life.world.clock.wall_ms()
    await anyio.sleep((DAY_MS - now_ms % DAY_MS) / 1000 - seconds_before)


async def test_an_open_loss_pauses_then_halts_and_entries_hear_of_it() -> None:
    life = build(settings=SETTINGS)
    purse = Purse(life)
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(qty="0.100"), READY)).code == "SENT"
        await anyio.sleep(1.0)
        life.venue.price -= 2_100  # 210 USDT and the fee
        await anyio.sleep(10.0)
        paused = levels(life)
        life.venue.price -= 1_000
        purse.tell()
        await anyio.sleep(3.0)

        assert paused == {"DAILY_LOSS": Level.PAUSE, "FAST_FALL": Level.HALT}
        assert levels(life)["DAILY_LOSS"] is Level.HALT


async def test_a_balance_on_record_tells_what_came_in_that_day_and_what_its_falls_are_measured_from() -> None:
    life = build(settings=replace(SETTINGS, breakers=replace(BREAKERS, fast_fall_pct=None)))
    purse = Purse(life)
    async with life.running():
        await entered(life, qty="0.100")
        life.venue.price += 400
        await anyio.sleep(70.0)
        await life.account.reconcile("test")
        life.venue.price -= 800  # 80 USDT below the highest
        purse.deposit += 500
        await anyio.sleep(70.0)
        await life.account.reconcile("test")
        row = life.ledger.rows("SELECT * FROM equity ORDER BY ms DESC LIMIT 1")[0]
        standing = life.account.breakers.standing

        assert standing is not None
        assert standing.day_start is not None
        equity, day_start, high = (Decimal(row[name]) for name in ("equity", "day_start", "high_water"))
        assert row["transfers"] == "500"
        assert day_start - equity == standing.day_start - standing.index
        assert high - equity == standing.high - standing.index == 80
        assert f"{(high - equity) / high * 100:.2f}" == "0.76"  # of what there would be without the fall, as a breaker does


async def test_a_balance_that_no_breaker_judged_claims_no_figures() -> None:
    life = build()
    async with life.running():
        await anyio.sleep(100.0)
        rows = life.ledger.rows("SELECT transfers, day_start, high_water FROM equity")
        assert {tuple(row) for row in rows} == {(None, None, None)}


@pytest.mark.slow
async def test_a_loss_just_before_midnight_is_of_that_day_also_for_a_daemon_that_was_down_over_it() -> None:
    calm = replace(SETTINGS, breakers=replace(BREAKERS, fast_fall_pct=None))
    life = build(settings=calm)
    Purse(life)
    async with life.running():
        port = await life.register()
        await until_midnight(life, 300.0)
        await port.submit(entry(qty="0.100"), READY)
        await anyio.sleep(1.0)
        life.venue.price -= 2_200
        await port.submit(leave(qty="0.100"), READY)
        await until_midnight(life, 0.001)
        lost = levels(life)
    life = life.crash()
    Purse(life)
    await anyio.sleep(3_600.0)
    async with life.running():
        await anyio.sleep(70.0)

        assert datetime.fromtimestamp(WALL_START_MS / 1000, UTC).day == 14
        assert lost == {"DAILY_LOSS": Level.PAUSE}
        assert levels(life) == {}
        assert life.account.breakers.standing is not None
        assert life.account.breakers.standing.day_realised == 0


async def test_losses_of_several_days_add_up_and_are_forgotten_after_a_week() -> None:
    life = build(settings=replace(SETTINGS, breakers=BreakerLimits(week_loss_pct=Decimal(3))))
    Purse(life)
    today = life.world.clock.wall_ms() // DAY_MS
    life.ledger.set_meta("day_starts:main", f'{{"{today - 9}": "900", "{today - 3}": "200"}}')  # of an earlier life
    async with life.running():
        await entered(life, qty="0.100")
        life.venue.price -= 700  # 270 USDT of 10 000 in four days
        await anyio.sleep(10.0)
        before = levels(life)
        life.venue.price -= 500
        await anyio.sleep(10.0)

    assert before == {}
    assert levels(life) == {"WEEK_LOSS": Level.HALT}
    assert f'"{today}"' in (life.ledger.meta("day_starts:main") or "")


async def test_a_loss_that_is_booked_after_the_day_began_is_in_the_weeks_figure_once() -> None:
    life = build(settings=replace(SETTINGS, breakers=BreakerLimits(week_loss_pct=Decimal(3))))
    week_start, today = life.account.breakers._week_start, 20_000
    before = week_start(today, Decimal("1250"))  # 250 USDT are in the venue's log and in no execution here
    life.ledger.commit()
    booked = week_start(today, Decimal("1000"))
    later = week_start(today + 1, Decimal("900"))

    assert (before, booked, later) == (1250, 1000, 1000)
    life.venue.close_stream()


class MarketOfItsOwn(LoopClock):
    """The clock of a simulated market that began years ago."""

    def wall_ms(self) -> int:
        return super().wall_ms() - 1000 * DAY_MS


@pytest.mark.parametrize("market", [LoopClock(), MarketOfItsOwn()], ids=["real time", "a time of its own"])
async def test_a_loss_of_the_same_day_is_found_again_after_a_restart(market: LoopClock) -> None:
    calm = replace(SETTINGS, breakers=replace(BREAKERS, fast_fall_pct=None))
    life = build(settings=calm)
    life.venue.clock = market
    Purse(life)
    async with life.running():
        port = await entered(life, qty="0.100")
        life.venue.price -= 2_800
        await port.submit(leave(qty="0.100"), READY)
        await anyio.sleep(70.0)
        before = life.account.breakers.standing
    for halt in life.halts.in_force():
        life.halts.lift(halt.id, by="me", note="")
    life = life.crash()
    Purse(life)
    async with life.running():
        await anyio.sleep(5.0)
        after = life.account.breakers.standing

        assert before is not None
        assert after is not None
        assert (before.index - (before.day_start or 0)) == (after.index - (after.day_start or 0))
        assert levels(life) == {"DAILY_LOSS": Level.PAUSE}


def moved(life: OrderWorld) -> list[str]:
    return [incident.text for incident in life.account.desk.incidents.open_ones() if incident.kind == "BALANCE_MOVED"]


async def test_deposits_and_withdrawals_are_neither_gains_nor_losses() -> None:
    life = build(settings=SETTINGS)
    purse = Purse(life)
    async with life.running():
        port = await entered(life, qty="0.100", settled_s=40.0)
        await port.submit(leave(qty="0.100"), READY)
        await anyio.sleep(40.0)
        quiet = moved(life)
        purse.deposit += 50_000
        await anyio.sleep(100.0)
        told = moved(life)
        purse.deposit -= 58_000
        await anyio.sleep(100.0)

        assert levels(life) == {}
        assert quiet == []
        assert [text.split(" that")[0] for text in told] == ["balance moved by +50000.00 USDT"]


async def test_a_balance_that_knows_of_a_fill_before_us_and_one_that_does_not_yet_show_no_loss() -> None:
    life = build(settings=replace(SETTINGS, breakers=BreakerLimits(fast_fall_pct=Decimal("1.5"), day_halt_pct=Decimal(3))))
    purse = Purse(life)
    async with life.running():
        port = await entered(life, qty="0.100")
        life.venue.price += 4_000  # a gain of four percent, closed
        old = purse.now()
        await port.submit(leave(qty="0.100"), READY)
        life.venue._tell(WalletUpdate(old, 0))
        await anyio.sleep(0.05)
        life.venue._tell(WalletUpdate(old, 0))
        await anyio.sleep(30.0)

        assert levels(life) == {}
        assert life.account.breakers.standing is not None
        assert life.account.breakers.standing.high == life.account.breakers.standing.index


async def test_an_instance_that_lost_a_tenth_of_its_capital_is_halted_alone() -> None:
    only = replace(SETTINGS, breakers=BreakerLimits(instance_drawdown_pct=Decimal(10)))
    life = build(settings=only)
    Purse(life)
    async with life.running():
        port = await life.register()
        life.ledger.write("UPDATE instances SET capital_usd = '2000.0' WHERE uid = ?", (UID,))
        await port.submit(entry(qty="0.100"), READY)
        await anyio.sleep(1.0)
        life.venue.price -= 1_900
        life.venue._tell_position("BTCUSDT")
        await anyio.sleep(10.0)
        early = levels(life, instance_scope(UID))
        life.venue.price -= 100
        life.venue._tell_position("BTCUSDT")
        await anyio.sleep(10.0)

        assert early == {}
        assert levels(life, instance_scope(UID)) == {"INSTANCE_DRAWDOWN": Level.HALT}
        assert levels(life) == {}


async def test_a_position_whose_mark_nobody_has_seen_is_no_loss_of_its_instance() -> None:
    only = replace(SETTINGS, breakers=BreakerLimits(instance_drawdown_pct=Decimal(10)))
    life = build(settings=only)
    purse = Purse(life)
    async with life.running():
        port = await life.register()
        life.ledger.write("UPDATE instances SET capital_usd = '2000.0' WHERE uid = ?", (UID,))
        await life.account.reconcile("test")  # shows the symbol flat, without a mark
        life.venue.script.events = [EventFault.NONE] * 4 + [EventFault.LOST]
        life.venue.script.failing_reads = 1_000
        await port.submit(entry(qty="0.100"), READY)
        purse.tell()
        await anyio.sleep(4.0)
        seen = life.account.protection.last_seen("BTCUSDT")

        assert port.position().position.signed_qty == Decimal("0.100")
        assert seen is not None
        assert seen[0].mark_price == 0
        assert life.account.breakers.standing is not None, "the balance was judged"
        assert levels(life, instance_scope(UID)) == {}
