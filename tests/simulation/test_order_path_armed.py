"""With real money an entry needs a person's permission and somebody to protect it; what reduces risk never does."""

from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.modes import Environment
from playd.orders.account import Account
from playd.orders.desk import OwnLimits
from playd.settings.limits_model import Risk
from tests.simulation.order_world import READY, UID, OrderWorld, build, entry, leave
from tests.simulation.test_account_key import GOOD, account_of


def life_with_real_money() -> tuple[OrderWorld, Account]:
    life = build()
    life.venue.key = GOOD
    account = life.account = account_of(life, life.venue, uid="7")
    account.desk.condition.guardian_missing = ""
    return life, account


async def test_an_entry_of_real_money_is_refused_until_it_is_armed_and_an_exit_never_is() -> None:
    life, account = life_with_real_money()
    assert account.environment is Environment.LIVE
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), READY)).code == "NOT_ARMED"
        over = replace(READY, not_armed="arming_expired: over")
        assert (await port.submit(entry(120_000), over)).text == "arming_expired: over"
        assert (await port.submit(entry(180_000), replace(READY, not_armed=""))).code == "SENT"
        assert (await port.submit(leave(240_000), over)).code == "FLAT", "nothing has filled yet, and no gate was asked"


async def test_an_instance_is_bound_by_its_own_limits_and_by_those_of_its_step_while_others_are_not() -> None:
    life, account = life_with_real_money()
    limits = replace(account.desk.settings.limits, micro_order_usd=Decimal(260))
    account.desk.settings = replace(account.desk.settings, limits=limits)
    account.desk.limit("abcd2345", OwnLimits(Risk(max_positions=1), "micro"))

    held, free = account.desk.settings_of("abcd2345").limits, account.desk.settings_of("else").limits
    assert (held.order_usd, held.max_positions, free.order_usd, free.max_positions) == (Decimal(260), 1, None, None)
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), replace(READY, not_armed=""))).code == "SENT"
        (order,) = account.desk.book.live("BTCUSDT") or account.desk.book.of_intent("abcd2345/60000/enter/0")
        assert order.qty == Decimal("0.005")
    account.desk.settings = replace(account.desk.settings, limits=replace(limits, micro_order_usd=Decimal(130)))
    assert account.desk.settings_of("abcd2345").limits.order_usd == Decimal(130), "a reload reaches every instance"


async def test_a_cap_that_is_written_down_in_the_middle_of_a_day_finds_what_the_day_has_opened() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), READY)).code == "SENT"
        await anyio.sleep(1)
        await port.submit(leave())
        await anyio.sleep(1)
        life.account.desk.limit(UID, OwnLimits(Risk(day_notional_pct=Decimal(6)), "full"))
        assert (await port.submit(entry(180_000), READY)).code == "DAY_CAP"


async def test_a_guardian_that_is_heard_after_the_reconciliation_makes_the_account_ready() -> None:
    life, account = life_with_real_money()
    account.guardian_is("the guardian was not heard yet")
    async with life.running(connect=False):
        life.venue.connect()
        await anyio.sleep(5)  # virtual
        assert account.desk.condition.reconciled
        account.guardian_is("")
        with anyio.fail_after(1):
            await account.wait_ready()
