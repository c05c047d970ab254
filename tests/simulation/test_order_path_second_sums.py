"""What entries add up to is no fault of theirs where a hand, a price or a bound moved between the gates and the second look."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import Side
from playd.orders.instance_port import InstancePort
from playd.orders.risk_limits import RiskLimits
from playd.orders.second_look import LOOK_EVERY_S, SecondLook
from playd.orders.settings import OrderSettings
from tests.simulation.order_world import READY, OrderWorld, build, entry, leave

OTHER = "ETHUSDT"
TWO_LOOKS_S = 2 * LOOK_EVERY_S + 1


def under(limits: RiskLimits) -> OrderWorld:
    return build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))


def found(life: OrderWorld) -> list[str]:
    return [halt.text.partition(": ")[2] for halt in life.halts.in_force() if halt.code == "INVARIANT"]


@pytest.mark.parametrize("pause_s", [1.0, 3.0])
async def test_what_a_hand_opens_behind_an_entry_is_not_the_entrys_fault(pause_s: float) -> None:
    life = under(RiskLimits(gross_pct=Decimal(20), net_pct=Decimal(20)))
    async with life.running():
        port = await life.register()
        await life.register("efgh6789", symbol=OTHER)
        await anyio.sleep(TWO_LOOKS_S)
        assert (await port.submit(entry(), READY)).code == "SENT"
        await anyio.sleep(pause_s)
        life.venue.open_foreign(Decimal("0.05"), OTHER)
        await anyio.sleep(TWO_LOOKS_S)
        assert found(life) == []


async def test_what_a_hand_closes_behind_an_entry_on_the_other_side_is_not_the_entrys_fault() -> None:
    life = under(RiskLimits(net_pct=Decimal(6)))
    async with life.running():
        port = await life.register()
        await life.register("efgh6789", symbol=OTHER)
        life.venue.open_foreign(Decimal("-0.010"), OTHER)
        await anyio.sleep(TWO_LOOKS_S)
        assert (await port.submit(entry(qty="0.020"), READY)).code == "SENT"
        await anyio.sleep(1.0)
        life.venue.open_foreign(Decimal("0.010"), OTHER)
        await anyio.sleep(TWO_LOOKS_S)
        assert found(life) == []


async def test_an_exit_behind_an_entry_of_the_other_side_is_not_the_entrys_fault() -> None:
    """While the position was there, the order could only turn it."""
    life = under(RiskLimits(gross_pct=Decimal(8)))
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(), READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        life.venue.resting = True
        other = entry(180_000, side=Side.SELL, qty="0.020")
        turn = replace(other, order_type="Limit", price=other.price_ref)
        assert (await port.submit(turn, READY)).code == "SENT"
        life.venue.resting = False
        assert (await port.submit(leave(240_000))).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        assert not port.position().position.signed_qty
        assert found(life) == []


async def test_what_a_hand_held_all_the_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    life = under(RiskLimits(gross_pct=Decimal(20)))
    async with life.running():
        port = await life.register()
        await life.register("efgh6789", symbol=OTHER)
        life.venue.open_foreign(Decimal("0.05"), OTHER)
        await anyio.sleep(TWO_LOOKS_S)
        monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
        assert (await port.submit(entry(), READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        (text,) = found(life)
        assert text.startswith("3000.00 USDT are open with it, at most ")


async def test_a_mark_that_comes_back_behind_an_entry_is_not_the_entrys_fault() -> None:
    life = under(RiskLimits(gross_pct=Decimal(10)))
    async with life.running():
        first, second = await life.register(), await life.register("efgh6789", symbol=OTHER)
        assert (await first.submit(entry(qty="0.018"), READY)).code == "SENT"
        await anyio.sleep(TWO_LOOKS_S)
        low = life.venue.price = Decimal(40_000)
        await life.account.reconcile("test")
        await anyio.sleep(TWO_LOOKS_S)
        later = entry(180_000, uid="efgh6789", symbol=OTHER, qty="0.006")
        assert (await second.submit(replace(later, price_ref=low, stop=low - 500), READY)).code == "SENT"
        life.venue.price = Decimal(50_000)
        await life.account.reconcile("test")
        await anyio.sleep(TWO_LOOKS_S)
        assert found(life) == []


@pytest.mark.parametrize(
    "cap",
    [
        "gross_pct",
        "net_pct",
        "symbol_pct",
        "day_notional_pct",
        "week_notional_pct",
        "max_positions",
        "entries_per_hour_account",
    ],
)
async def test_a_bound_that_was_wider_for_a_moment_between_two_looks_binds_no_entry_of_that_moment(cap: str) -> None:
    """Neither the one that it let through, nor one that went before it."""
    tight = {"max_positions": 1, "entries_per_hour_account": 1}.get(cap, Decimal(6))
    wide = {"max_positions": 2, "entries_per_hour_account": 2}.get(cap, Decimal(20))
    limits = replace(RiskLimits(), **{cap: tight})
    life = under(limits)
    async with life.running():
        first, second = await life.register(), await life.register("efgh6789", symbol=OTHER)
        await anyio.sleep(TWO_LOOKS_S)
        desk = life.account.desk
        assert (await first.submit(entry(), READY)).code == "SENT"
        desk.settings = replace(desk.settings, limits=replace(limits, **{cap: wide}))
        qty = "0.016" if cap == "symbol_pct" else "0.010"
        assert (await second.submit(entry(uid="efgh6789", symbol=OTHER, qty=qty), READY)).code == "SENT"
        desk.settings = replace(desk.settings, limits=limits)
        await anyio.sleep(TWO_LOOKS_S)
        assert found(life) == []


async def test_others_go_on_between_two_entries_and_what_they_open_then_counts_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that entries are held against is read at one moment, and nobody waits until the last of them is judged."""
    limits = RiskLimits(gross_pct=Decimal(25), max_positions=4, entries_per_hour_account=4)
    life = under(replace(limits, day_notional_pct=Decimal(25), week_notional_pct=Decimal(25)))
    names = [(f"uid{n:05d}", f"S{n}USDT") for n in range(5)]
    went: list[str] = []
    real = SecondLook._faults

    def faults(*args: Any) -> Iterator[str]:
        went.append("judged")
        return real(*args)

    async def another(port: InstancePort) -> None:
        went.append("another")
        desk.settings = replace(desk.settings, limits=RiskLimits())
        last = entry(uid=names[4][0], symbol=names[4][1], qty="0.050")
        assert (await port.submit(last, READY)).code == "SENT"
        went.append("sent")

    async with life.running():
        ports = [await life.register(uid, symbol=symbol) for uid, symbol in names]
        await anyio.sleep(TWO_LOOKS_S)
        desk = life.account.desk
        look = SecondLook(desk, life.account.protection)
        for (uid, symbol), port in zip(names[:4], ports[:4], strict=True):
            assert (await port.submit(entry(uid=uid, symbol=symbol), READY)).code == "SENT"
        monkeypatch.setattr(SecondLook, "_faults", faults)
        async with anyio.create_task_group() as beside:
            beside.start_soon(look.look)
            beside.start_soon(another, ports[4])
        assert went.count("judged") == 4
        assert went.index("another") < 2 <= went.index("sent")
        assert "judged" in went[went.index("another") :]
        assert found(life) == []
