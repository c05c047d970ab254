"""What gates let through is held against the ledger again: an entry that should not be there halts its symbol."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import orjson
import pytest

from playd.core.modes import Environment
from playd.core.orders import OrderState, Side
from playd.orders.desk import OwnLimits
from playd.orders.fitting import Fitted
from playd.orders.halts import Level, account_scope, symbol_scope
from playd.orders.risk_limits import RiskLimits
from playd.orders.second_look import LOOK_EVERY_S, SecondLook
from playd.orders.settings import OrderSettings
from playd.settings.limits_model import Risk
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entry, leave
from tests.simulation.test_order_path_armed import life_with_real_money
from tests.simulation.venue_script import Script, WriteFault
from tests.virtual_time import in_virtual_time

TWO_LOOKS_S = 2 * LOOK_EVERY_S + 1


def found(life: OrderWorld) -> list[str]:
    return [halt.text for halt in life.halts.in_force(symbol_scope("main", SYMBOL)) if halt.code == "INVARIANT"]


async def test_entries_that_the_gates_let_through_are_found_right() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        for cause in (60_000, 180_000):
            assert (await port.submit(entry(cause), READY)).code == "SENT"
            await anyio.sleep(TWO_LOOKS_S)
            assert (await port.submit(leave(cause + 60_000))).code == "SENT"
            await anyio.sleep(TWO_LOOKS_S)
        halt = life.halts.raise_level(account_scope("main"), Level.PAUSE, "OPERATOR", "look", actor="me")
        await anyio.sleep(TWO_LOOKS_S)
        life.halts.lift(halt.id, by="me", note="looked")
        assert (await port.submit(entry(300_000), READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        assert life.halts.in_force() == []


async def test_an_entry_during_a_halt_is_told_and_its_symbol_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.halts.raise_level(account_scope("main"), Level.PAUSE, "OPERATOR", "look", actor="me")
        await anyio.sleep(TWO_LOOKS_S)
        monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
        assert (await port.submit(entry(side=Side.BUY), READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        (text,) = found(life)
        assert "account:main was at level 1 for OPERATOR (INV-18)" in text
        assert [row["severity"] for row in life.ledger.rows("SELECT * FROM incidents WHERE kind = 'INVARIANT'")] == ["critical"]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (RiskLimits(hard_order_usd=Decimal(400)), "it is worth 500.00 USDT, one order may be worth 400 (INV-17)"),
        (RiskLimits(gross_pct=Decimal(4)), "500.00 USDT are open with it, at most 400.00 may be (INV-17)"),
        (RiskLimits(net_pct=Decimal(4)), "500.00 USDT are open on one side with it, at most 400.00 may be (INV-17)"),
        (RiskLimits(symbol_pct=Decimal(4)), "500.00 USDT of BTCUSDT are open with it, at most 400.00 may be (INV-17)"),
        (RiskLimits(day_notional_pct=Decimal(4)), "500.00 USDT were opened on its day, at most 400.00 may be (INV-17)"),
        (RiskLimits(week_notional_pct=Decimal(4)), "500.00 USDT were opened in its week, at most 400.00 may be (INV-17)"),
        (RiskLimits(order_usd=Decimal(400)), "it is worth 500.00 USDT, an order of its step may be worth 400 (INV-17)"),
        (RiskLimits(notional_per_trade_pct=Decimal(4)), "it is worth 500.00 USDT, one entry may be worth 400 (INV-17)"),
        (RiskLimits(risk_per_trade_pct=Decimal("0.04")), "it may lose 5.00 USDT, one entry may lose 4 (INV-17)"),
        (RiskLimits(margin_per_trade_pct=Decimal(1)), "it is worth 500.00 USDT, its margin allows 300 (INV-17)"),
        (RiskLimits(day_usd=Decimal(400)), "it and its day are worth 500.00 USDT, a day of its step may be worth 400 (INV-17)"),
        (RiskLimits(day_orders=0), "0 entries of its day went before it, 0 may be with it (INV-17)"),
        (RiskLimits(size_share_pct=Decimal(50)), "it is 0.010 of 0.010, its step allows 50 % of them (INV-17)"),
        (RiskLimits(max_leverage=Decimal(2)), "the leverage was 3, at most 2 is allowed (INV-17)"),
        (
            RiskLimits(liquidation_safety=Decimal("0.02")),
            "its stop is 500 away, liquidation allows 328.33 (INV-17)",
        ),
        (RiskLimits(max_im_rate=Decimal("0.1")), "the im_rate was 0.2, at most 0.1 is allowed (INV-17)"),
        (RiskLimits(max_mm_rate=Decimal("0.04")), "the mm_rate was 0.05, at most 0.04 is allowed (INV-17)"),
        (RiskLimits(max_positions=0), "1 positions are open with it, at most 0 may be (INV-17)"),
        (RiskLimits(entries_per_hour_instance=0), f"1 entries of {UID} were made in its hour, at most 0 may be (INV-17)"),
        (RiskLimits(entries_per_hour_account=0), "1 entries of the account were made in its hour, at most 0 may be (INV-17)"),
        (
            RiskLimits(
                hard_order_usd=Decimal(500),
                notional_per_trade_pct=Decimal(5),
                margin_per_trade_pct=Decimal("1.7"),
                risk_per_trade_pct=Decimal("0.07"),
                size_share_pct=Decimal(100),
                day_usd=Decimal(500),
                day_orders=1,
                gross_pct=Decimal(5),
                net_pct=Decimal(5),
                symbol_pct=Decimal(5),
                max_positions=1,
                max_leverage=Decimal(3),
                max_im_rate=Decimal("0.22"),
                max_mm_rate=Decimal("0.051"),
                liquidation_safety=Decimal("0.031"),
                entries_per_hour_instance=1,
                entries_per_hour_account=1,
            ),
            "",
        ),
    ],
)
async def test_an_entry_above_a_cap_is_told(limits: RiskLimits, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits, leverage=Decimal(3)))
    async with life.running():
        port, condition = await life.register(), life.account.desk.condition
        await anyio.sleep(2.0)  # the tiers are read
        assert condition.wallet is not None
        condition.wallet = replace(condition.wallet, im_rate=Decimal("0.2"), mm_rate=Decimal("0.05"))
        if said:
            monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
            monkeypatch.setattr("playd.orders.gateway.Case.fitted", Fitted(Decimal("0.010")))
        assert (await port.submit(entry(), READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        assert [text.partition(": ")[2] for text in found(life)] == ([said] if said else [])


@pytest.mark.parametrize("change", [{"price": Decimal(50_400)}, {"qty": Decimal("0.020")}])
def test_a_resting_entry_that_a_hand_changes_is_told_as_that_and_as_no_fault_of_ours(change: dict[str, Decimal]) -> None:
    limits = RiskLimits(
        risk_per_trade_pct=Decimal("0.04"),
        hard_order_usd=Decimal(500),
        size_share_pct=Decimal(100),
        gross_pct=Decimal(5),
        day_notional_pct=Decimal(5),
    )

    async def body() -> None:
        life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits, leverage=Decimal(3)))
        async with life.running():
            port = await life.register()
            await anyio.sleep(2.0)  # the tiers are read
            life.venue.resting = True
            resting = replace(entry(), order_type="Limit", price=Decimal(49_600), time_in_force="GTC")
            assert (await port.submit(resting, READY)).code == "SENT"
            (order,) = life.venue.orders.values()
            life.venue._report(replace(order, **change))
            await anyio.sleep(TWO_LOOKS_S)
            assert [(halt.code, halt.level) for halt in life.halts.in_force()] == [("MANUAL_AMEND", Level.PAUSE)]

    in_virtual_time(body)


@pytest.mark.parametrize(  # 500 and 500 of 10 000 pass, 1000 and 500 do not
    "limits",
    [RiskLimits(gross_pct=Decimal(10)), RiskLimits(net_pct=Decimal(10)), RiskLimits(day_notional_pct=Decimal(10))],
    ids=["gross", "net", "day"],
)
@pytest.mark.parametrize("is_executed", [False, True])
async def test_an_older_entry_that_a_hand_enlarges_makes_no_fault_of_a_new_one(limits: RiskLimits, is_executed: bool) -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))
    async with life.running():
        port, other = await life.register(), await life.register("efgh6789", symbol="ETHUSDT")
        life.venue.resting = True
        resting = replace(entry(), order_type="Limit", price=Decimal(49_600), time_in_force="GTC")
        assert (await port.submit(resting, READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        later = replace(entry(120_000, uid="efgh6789", symbol="ETHUSDT"), order_type="Limit", price=Decimal(49_600))
        assert (await other.submit(later, READY)).code == "SENT"
        (older,) = (each for each in life.venue.orders.values() if each.symbol == SYMBOL)
        life.venue._report(replace(older, qty=Decimal("0.020")))
        if is_executed:
            life.venue._fill(life.venue.orders[older.venue_order_id])
        await anyio.sleep(TWO_LOOKS_S)
        assert {halt.code for halt in life.halts.in_force()} == {"MANUAL_AMEND"}


async def test_what_an_entry_may_lose_lies_between_its_own_limit_and_its_stop() -> None:
    limits = RiskLimits(risk_per_trade_pct=Decimal("0.04"), liquidation_safety=Decimal("0.01"))
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits, leverage=Decimal(3)))
    async with life.running():
        port = await life.register()
        await anyio.sleep(2.0)  # the tiers are read
        life.venue.resting = True
        near = replace(entry(), order_type="Limit", price=Decimal(49_600), time_in_force="GTC")
        assert (await port.submit(near, READY)).code == "SENT"
        assert life.venue.placed[0].qty == Decimal("0.010")  # 1 USDT by the limit, 5 by the close
        await anyio.sleep(TWO_LOOKS_S)
        assert found(life) == []


async def test_an_entry_that_was_cut_is_held_against_what_was_sent() -> None:
    limits = RiskLimits(size_share_pct=Decimal(50))
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), READY)).code == "SENT"
        assert life.venue.placed[0].qty == Decimal("0.005")
        await anyio.sleep(TWO_LOOKS_S)
        assert found(life) == []


async def test_each_entry_is_counted_in_the_hour_that_its_own_bar_ends() -> None:
    """The first entry of an hour is not to blame for one of the next; two at one close count each other."""
    limits = RiskLimits(entries_per_hour_account=2)
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))
    async with life.running():
        first, second = await life.register(), await life.register("efgh6789", symbol="ETHUSDT")
        hour_ms = 3_600_000
        for port, uid, symbol, cause in (
            (first, UID, SYMBOL, hour_ms),
            (second, "efgh6789", "ETHUSDT", hour_ms),
            (first, UID, SYMBOL, 2 * hour_ms),
        ):
            assert (await port.submit(entry(cause, uid=uid, symbol=symbol), READY)).code == "SENT"
            if port is first:
                await anyio.sleep(1.0)
                assert (await port.submit(leave(cause + 60_000))).code == "SENT"
                await anyio.sleep(1.0)
        await anyio.sleep(TWO_LOOKS_S)
        assert [halt.text for halt in life.halts.in_force() if halt.code == "INVARIANT"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bar_age_s": 30.1}, "its signal was 30.1 s old, at most 30 s are allowed (INV-23)"),
        ({"feed_age_s": math.inf}, "its feed was inf s old, at most 30 s are allowed (INV-23)"),
        ({"ready": False, "not_ready": "ema"}, "column ema was not ready (INV-23)"),
        ({"bar_age_s": 30.0, "feed_age_s": 30.0}, ""),
    ],
)
async def test_an_entry_that_rests_on_what_is_old_is_told(
    changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
        assert (await port.submit(entry(), replace(READY, **changes))).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        assert [text.partition(": ")[2] for text in found(life)] == ([said] if said else [])


async def test_an_entry_of_which_nothing_is_kept_is_told() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), READY)).code == "SENT"
        life.ledger.write("DELETE FROM judged")
        await anyio.sleep(TWO_LOOKS_S)
        (text,) = found(life)
        assert text.endswith("nothing is kept of what its gates had before them (INV-36)")


@pytest.mark.parametrize(
    ("account_pct", "own_pct", "price"),
    [(Decimal(12), Decimal(6), Decimal(50_000)), (Decimal(8), None, Decimal(25_000))],
    ids=["an instance's own bound was kept", "the mark has fallen since the first entry"],
)
async def test_what_others_opened_beside_an_entry_is_held_against_the_accounts_bound(
    account_pct: Decimal, own_pct: Decimal | None, price: Decimal
) -> None:
    limits = RiskLimits(gross_pct=account_pct)
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))
    async with life.running():
        first, second = await life.register(), await life.register("efgh6789", symbol="ETHUSDT")
        if own_pct is not None:
            life.account.desk.limit(UID, OwnLimits(Risk(gross_pct=own_pct), "full"))
        assert (await first.submit(entry(), READY)).code == "SENT"
        life.venue.price = price
        if own_pct is None:
            await life.account.reconcile("test")
        later = replace(entry(uid="efgh6789", symbol="ETHUSDT"), qty=500 / price, price_ref=price, stop=price - 500)
        assert (await second.submit(later, READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        assert [halt.text for halt in life.halts.in_force() if halt.code == "INVARIANT"] == []


@pytest.mark.parametrize("fell", ["the equity", "the account's caps", "the instance's cap of an order"])
async def test_a_bound_that_fell_since_an_entry_was_judged_did_not_bind_it(fell: str) -> None:
    limits = RiskLimits(gross_pct=Decimal(6), week_notional_pct=Decimal(6), hard_order_usd=Decimal(600))
    settings = replace(OrderSettings.of(Environment.LOCAL), limits=limits)
    life = build(settings=settings)
    async with life.running():
        port, desk = await life.register(), life.account.desk
        await anyio.sleep(TWO_LOOKS_S)
        assert (await port.submit(entry(), READY)).code == "SENT"
        if fell == "the equity":
            assert desk.condition.wallet is not None
            desk.condition.wallet = replace(desk.condition.wallet, equity_usdt=desk.condition.wallet.equity_usdt / 2)
        elif fell == "the account's caps":
            tighter = replace(limits, gross_pct=Decimal(3), week_notional_pct=Decimal(3))
            desk.settings = replace(settings, limits=tighter)
        else:
            desk.limit(UID, OwnLimits(Risk(hard_order_usd=Decimal(300)), "full"))
        await anyio.sleep(LOOK_EVERY_S + 1)
        assert found(life) == []


@pytest.mark.parametrize(
    ("confirmed_ms", "revoked_ms", "body", "is_found"),
    [
        (-1000, None, {}, False),
        (-1000, 1000, {}, False),
        (-1000, -500, {}, True),
        (1000, None, {}, True),
        (-1000, None, {"play_digest": "another"}, True),
        (-1000, None, {"account": "another"}, True),
        (-1000, None, {"order_usd": "400"}, True),
        (-1000, None, {"order_usd": "500", "account": "main", "play_digest": ""}, False),
    ],
)
async def test_real_money_is_armed_by_what_held_when_the_entry_was_written(
    confirmed_ms: int, revoked_ms: int | None, body: dict[str, str], is_found: bool
) -> None:
    life, _ = life_with_real_money()
    async with life.running():
        port, now_ms = await life.register(), life.world.clock.wall_ms()
        revoked = None if revoked_ms is None else now_ms + revoked_ms
        life.ledger.write(
            "INSERT INTO armings (id, instance, created_ms, expires_ms, body, confirmed_ms, revoked_ms) VALUES (?,?,?,?,?,?,?)",
            ("arm", UID, now_ms - 2000, now_ms + 60_000, orjson.dumps(body).decode(), now_ms + confirmed_ms, revoked),
        )
        assert (await port.submit(entry(), replace(READY, not_armed=""))).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        assert any("(INV-21)" in text for text in found(life)) is is_found


async def test_a_permission_covers_what_was_sent_whatever_a_hand_makes_of_it() -> None:
    life, _ = life_with_real_money()
    async with life.running():
        port, now_ms = await life.register(), life.world.clock.wall_ms()
        life.ledger.write(
            "INSERT INTO armings (id, instance, created_ms, expires_ms, body, confirmed_ms) VALUES (?,?,?,?,?,?)",
            ("arm", UID, now_ms - 2000, now_ms + 60_000, orjson.dumps({"order_usd": "500"}).decode(), now_ms - 1000),
        )
        life.venue.resting = True
        resting = replace(entry(), order_type="Limit", price=Decimal(49_600), time_in_force="GTC")
        assert (await port.submit(resting, replace(READY, not_armed=""))).code == "SENT"
        (order,) = life.venue.orders.values()
        life.venue._report(replace(order, qty=Decimal("0.020")))
        await anyio.sleep(TWO_LOOKS_S)
        assert {halt.code for halt in life.halts.in_force()} == {"MANUAL_AMEND"}


@pytest.mark.parametrize("is_sent_again", [False, True])
async def test_an_order_that_was_sent_again_was_not_in_doubt_all_the_time(
    is_sent_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
        monkeypatch.setattr("playd.orders.second_look.LOOK_EVERY_S", 0.0)
        verdict = await port.submit(entry(), READY)
        desk = life.account.desk
        desk.book.update(verdict.link_id, state=OrderState.UNKNOWN)
        look = SecondLook(desk, life.account.protection)
        await look.look()
        if is_sent_again:
            desk.book.update(verdict.link_id, signed_ms=desk.clock.wall_ms() + 1)
        await port.submit(entry(180_000), READY)
        desk.book.update(verdict.link_id, state=OrderState.UNKNOWN)
        await look.look()
        assert any("(INV-08)" in text for text in found(life)) is not is_sent_again


@pytest.mark.parametrize(("in_doubt_s", "is_found"), [(0.0, True), (20.0, True), (65.0, False)])
async def test_an_order_that_is_called_absent_before_its_time_is_told(in_doubt_s: float, is_found: bool) -> None:
    life = build(script=Script(writes=[WriteFault.LOST_BEFORE]))
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        assert verdict.code == "UNKNOWN"
        await anyio.sleep(in_doubt_s)
        if is_found:
            life.account.desk.book.update(verdict.link_id, state=OrderState.NEVER_ARRIVED)
        await anyio.sleep(TWO_LOOKS_S)
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.NEVER_ARRIVED
        assert [("(INV-06)" in text) for text in found(life)] == [True] * is_found
