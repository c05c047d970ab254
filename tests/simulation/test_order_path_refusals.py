"""What a refusal leads to beside the end of its order: balances, rules and books are read anew, and a person is told."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.instrument import Instrument
from playd.core.orders import OrderState
from playd.core.reply_codes import classify
from playd.orders.halts import account_scope, symbol_scope
from playd.orders.settings import OrderSettings
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entered, entry, leave
from tests.simulation.test_order_path_doubt import DEMO, QUOTED
from tests.simulation.venue_script import Script

SLOW_WALLET: OrderSettings = replace(DEMO, wallet_every_s=600.0, recon_orders_s=600.0, recon_positions_s=600.0)


def triggers(life: OrderWorld) -> list[str]:
    return [row["trigger"] for row in life.ledger.rows('SELECT "trigger" FROM recon_runs ORDER BY id')]


def incidents(life: OrderWorld) -> list[tuple[str, str]]:
    return [(each.kind, each.scope) for each in life.account.desk.incidents.open_ones()]


@pytest.mark.parametrize("code", [110007, 110020])
async def test_an_entry_without_money_or_room_for_it_has_balance_and_orders_read_at_once(code: int) -> None:
    life = build(settings=SLOW_WALLET)
    async with life.running():
        port = await life.register()
        life.venue.script.codes = [code]
        sent_s = life.account.desk.clock.mono_s()
        assert (await port.submit(entry(), QUOTED)).code == "REJECTED"
        await anyio.sleep(2.0)
        assert triggers(life)[-1] == f"refused {code}"
        assert life.account.desk.condition.wallet_mono_s >= sent_s


async def test_an_exit_for_which_there_is_no_room_sweeps_what_is_left_over_and_is_done() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.script.codes = [110009]
        await port.submit(leave(), READY)
        await anyio.sleep(10.0)
        assert "refused 110009" in triggers(life)
        assert life.venue.signed() == 0


async def test_an_exit_that_meets_a_limit_is_made_anew_by_the_rules_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life, qty="0.010")
        rules = life.account.desk.instrument(SYMBOL)

        async def smaller(_symbols: object) -> dict[str, Instrument]:
            return {SYMBOL: replace(rules, max_market_qty=Decimal("0.004"))}

        monkeypatch.setattr(life.venue, "instruments", smaller)
        life.venue.script.codes = [110094]
        await port.submit(leave(), READY)
        await anyio.sleep(30.0)
        exits = [order.qty for order in life.venue.placed if order.reduce_only]
        assert exits == [Decimal("0.010"), Decimal("0.004"), Decimal("0.004"), Decimal("0.002")]
        assert life.venue.signed() == 0


async def test_a_refused_entry_says_what_the_venue_said() -> None:
    life = build()
    async with life.running():
        port = await life.register()

        async def refuse(_order: object) -> Reply:
            return Reply(classify(110003), 110003, "price out of permissible range")

        life.venue.place = refuse  # type: ignore[assignment, method-assign]
        verdict = await port.submit(entry(), READY)
        row = life.account.desk.book.need(verdict.link_id)
        assert (verdict.code, row.state) == ("REJECTED", OrderState.REJECTED)
        assert verdict.text == "the venue refused with code 110003: price out of permissible range"
        assert row.reject_reason == "price out of permissible range"


@pytest.mark.parametrize(
    ("code", "halted"), [(10005, [account_scope("main")]), (110074, []), (10404, []), (110001, None), (10006, None)]
)
async def test_a_cancel_that_the_venue_refuses_is_told_and_asked_for_again(code: int, halted: list[str] | None) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.resting = True
        await port.submit(entry(), READY)
        cancel, refused = life.venue.cancel, [Reply(classify(code), code, "no")]

        async def refuse(symbol: str, **given: object) -> Reply:
            return refused.pop() if refused else await cancel(symbol, **given)  # type: ignore[arg-type]

        life.venue.cancel = refuse  # type: ignore[method-assign]
        assert await life.account.cancel_entries() == 1
        told = [("ORDER_REFUSED", symbol_scope("main", SYMBOL))] if halted is not None else []
        assert [each for each in incidents(life) if each[0] == "ORDER_REFUSED"] == told
        assert [halt.scope for halt in life.halts.in_force()] == (halted or [])
        await anyio.sleep(10.0)
        assert [row for row in life.account.desk.book.live(SYMBOL) if not row.protective] == []


async def test_an_account_whose_mode_the_venue_refuses_is_refused_until_it_was_looked_at() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.codes = [110028]
        await port.submit(entry(), READY)
        assert "110028" in life.account.desk.condition.refused


@pytest.mark.parametrize(("code", "halted"), [(10003, True), (10001, False)])
async def test_a_refused_repair_of_a_stop_says_what_every_refusal_says(code: int, halted: bool) -> None:
    life = build(script=Script(no_attached_stop=1))
    async with life.running():
        set_stops, refused = life.venue.set_stops, [Reply(classify(code), code, "no")] * 2

        async def refuse(symbol: str, **given: object) -> Reply:
            return refused.pop() if refused else await set_stops(symbol, **given)  # type: ignore[arg-type]

        life.venue.set_stops = refuse  # type: ignore[method-assign]
        port = await life.register()
        await port.submit(entry(), READY)
        sent_s = life.account.desk.clock.mono_s()
        await anyio.sleep(4.0)
        assert (account_scope("main") in [halt.scope for halt in life.halts.in_force()]) is halted
        assert (life.account.desk.rules_mono_s[SYMBOL] > sent_s) is not halted
        await anyio.sleep(10.0)
        assert life.venue.stop_of() == entry().stop
