"""Hedge mode pauses the account until the venue shows the symbol in one-way mode, not until its position is closed."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from playd.core.orders import VenuePosition
from playd.orders.halts import account_scope
from playd.venues.port import Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import OrderWorld, build, entered
from tests.simulation.test_order_path_leverage import KEPT


def show(life: OrderWorld, **of_row: object) -> dict[str, object]:
    """From now on every row of the venue says this; what is returned may be changed."""
    read, shown = life.venue.positions, {**of_row}

    async def positions(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        return [replace(row, **shown) for row in await read(symbol, priority=priority)]  # type: ignore[arg-type]

    life.venue.positions = positions  # type: ignore[method-assign]
    return shown


def paused(life: OrderWorld) -> tuple[list[str], list[str]]:
    """Codes of the account's levels, and what is open about its modes."""
    halts, incidents = life.halts.in_force(account_scope("main")), life.account.desk.incidents.open_ones()
    return [halt.code for halt in halts], [each.kind for each in incidents if each.kind == "ACCOUNT_MODE"]


async def test_the_pause_of_hedge_mode_outlives_the_position_and_ends_with_the_mode() -> None:
    life = build()
    async with life.running():
        await entered(life)
        shown = show(life, position_idx=1)
        await life.account.reconcile("test")
        assert paused(life) == (["ACCOUNT_MODE"], ["ACCOUNT_MODE"])
        life.venue.close_by_hand()
        for _ in range(2):
            await life.account.reconcile("test")
        assert paused(life) == (["ACCOUNT_MODE"], ["ACCOUNT_MODE"])
        shown["position_idx"] = 0
        await life.account.reconcile("test")
        assert paused(life) == ([], [])


async def test_leverage_that_is_right_again_does_not_end_what_is_said_of_hedge_mode_nor_the_other_way_round() -> None:
    life = build(settings=KEPT)
    async with life.running():
        await entered(life)
        shown = show(life, position_idx=1, leverage=Decimal(10))
        await life.account.reconcile("test")
        for back in ({"leverage": Decimal(3)}, {"leverage": Decimal(10), "position_idx": 0}):
            shown.update(back)
            await life.account.reconcile("test")
            assert paused(life) == (["ACCOUNT_MODE"], ["ACCOUNT_MODE"])
        shown["leverage"] = Decimal(3)
        await life.account.reconcile("test")
        assert paused(life) == ([], [])
        assert life.venue.signed(SYMBOL)
