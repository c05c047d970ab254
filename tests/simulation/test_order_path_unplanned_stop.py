"""A position without a stop and without a plan for one: what it gets is measured by the market, or by other owners' plans."""

from collections.abc import Sequence
from decimal import Decimal

import anyio
import pytest

from playd.core.candles import Candle
from playd.core.errors import LinkError
from playd.orders.hourly_range import HOUR_MS
from tests.simulation.fake_venue import SYMBOL, FakeVenue
from tests.simulation.order_world import UID, OrderWorld, build, entered
from tests.virtual_time import in_virtual_time

OTHER = "beta2345"


async def _candles(_venue: FakeVenue, _symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
    """Hours that go 200 USDT from low to high."""
    return [Candle(ms, 50_000.0, 50_150.0, 49_950.0, 50_000.0, 1.0) for ms in range(start_ms, end_ms, HOUR_MS)]


async def _no_candles(_venue: FakeVenue, _symbol: str, _start_ms: int, _end_ms: int) -> Sequence[Candle]:
    raise LinkError("not now")


async def _forever(_venue: FakeVenue, _symbol: str, _start_ms: int, _end_ms: int) -> Sequence[Candle]:
    await anyio.sleep_forever()
    return []


@pytest.mark.parametrize(("candles", "stop"), [(_candles, "49400.0"), (_no_candles, "48500.0"), (_forever, "48500.0")])
def test_without_a_plan_the_stop_is_three_hourly_ranges_from_the_entry_or_three_percent_from_mark(
    candles: object, stop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeVenue, "candles", candles)

    async def body() -> None:
        life = build()
        async with life.running():
            await entered(life)
            _forget(life, UID)
            life.venue.remove_stop()
            await anyio.sleep(4.0)

            assert life.venue.stop_of() == Decimal(stop)

    in_virtual_time(body)


async def test_of_two_owners_plans_the_nearer_stop_is_put_back() -> None:
    life = build()
    async with life.running():
        for uid in (UID, OTHER):
            await entered(life, uid)
        life.account.desk.fills.set_protection(OTHER, SYMBOL, stop=Decimal("49700.0"), target=None)
        life.venue.remove_stop()
        await anyio.sleep(4.0)

        assert life.venue.stop_of() == Decimal("49700.0")


def _forget(life: OrderWorld, owner: str) -> None:
    """As a ledger that never knew which stop was wanted."""
    life.account.desk.fills.set_protection(owner, SYMBOL, stop=None, target=None)
