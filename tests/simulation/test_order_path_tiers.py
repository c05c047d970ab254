"""What margin a position needs goes by the tier that it falls into, by the most that one may ask until the venue tells them."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.venues.port import RiskTier
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entry

LIMITED = replace(
    OrderSettings.of(Environment.LOCAL), limits=RiskLimits(liquidation_safety=Decimal("0.5")), leverage=Decimal(3)
)
WIDE = replace(entry(), stop=Decimal(42_000))
"""Sixteen per cent away: near enough where liquidation is a third away, too far where it is a sixth."""


def failing(life: OrderWorld, failures: list[int]) -> None:
    """The venue does not answer about tiers until `failures` is empty."""

    async def risk_tiers(_symbol: str) -> tuple[RiskTier, ...]:
        if failures:
            failures.pop()
            raise LinkError("no answer")
        return life.venue.tiers

    life.venue.risk_tiers = risk_tiers  # type: ignore[method-assign]


@pytest.mark.parametrize(("failures", "after_s", "code"), [(0, 2.0, "SENT"), (1, 58.0, "LIQUIDATION"), (1, 65.0, "SENT")])
async def test_tiers_are_read_at_once_and_again_within_a_minute_where_they_could_not_be(
    failures: int, after_s: float, code: str
) -> None:
    life = build(settings=LIMITED)
    failing(life, [0] * failures)
    async with life.running():
        port = await life.register()
        assert SYMBOL not in life.account.desk.tiers
        assert (await port.submit(WIDE, READY)).code == "LIQUIDATION"
        await anyio.sleep(after_s)
        later = replace(WIDE, cause="120000", bar_close_ms=120_000)
        assert (await port.submit(later, READY)).code == code


@pytest.mark.parametrize(("held", "code"), [("0.010", "SENT"), ("0.011", "LIQUIDATION")])
async def test_the_tier_is_that_of_the_position_and_this_entry_together(held: str, code: str) -> None:
    life = build(settings=LIMITED)
    life.venue.tiers = (RiskTier(Decimal(1_000), Decimal("0.005")), RiskTier(Decimal(5_000), Decimal("0.05")))
    async with life.running():
        port = await life.register()
        await anyio.sleep(2.0)
        assert (await port.submit(entry(qty=held), READY)).code == "SENT"
        await anyio.sleep(2.0)
        more = replace(WIDE, cause="120000", bar_close_ms=120_000)
        assert (await port.submit(more, READY)).code == code


async def test_nobody_asks_for_tiers_where_nothing_is_judged_by_them() -> None:
    life = build()
    async with life.running():
        await life.register()
        await anyio.sleep(120.0)
        assert life.account.desk.tiers == {}


async def test_symbols_whose_tiers_cannot_be_read_hold_up_neither_those_of_others_nor_the_look_at_modes() -> None:
    life = build(settings=LIMITED)
    names = [f"S{number:02}USDT" for number in range(40)]
    bad = {*names[:20]}

    async def risk_tiers(symbol: str) -> tuple[RiskTier, ...]:
        if symbol in bad:
            await anyio.sleep(5.0)
            raise LinkError("time-out")
        return life.venue.tiers

    life.venue.risk_tiers = risk_tiers  # type: ignore[method-assign]
    async with life.running():
        for number, symbol in enumerate(names):
            await life.register(f"uid{number:05}", symbol=symbol)
        await anyio.sleep(300.0)
        assert life.account.desk.tiers.keys() == {*names} - bad
        looked: list[str] = []

        async def look_at(symbol: str) -> None:
            looked.append(symbol)
            raise LinkError("no answer")

        timers = life.account._timers
        timers._key.look_at = look_at  # type: ignore[method-assign, assignment]
        timers._modes = [*names]
        await anyio.sleep(120.0)
        assert sorted(looked) == names


async def test_an_empty_list_of_tiers_takes_none_away_and_is_asked_for_again_in_a_minute() -> None:
    life = build(settings=replace(LIMITED, rules_every_s=120.0))
    async with life.running():
        port = await life.register()
        await anyio.sleep(5.0)
        known, life.venue.tiers = life.account.desk.tiers[SYMBOL], ()
        await anyio.sleep(125.0)
        assert life.account.desk.tiers[SYMBOL] == known
        assert (await port.submit(WIDE, READY)).code == "SENT"
        life.venue.tiers = (RiskTier(Decimal(1_000), Decimal("0.1")),)
        await anyio.sleep(65.0)
        assert life.account.desk.tiers[SYMBOL] == life.venue.tiers
